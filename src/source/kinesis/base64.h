/*-------------------------------------------------------------------------
 *
 * base64.h
 *	  Base64 to bytes, fast: all that a Kinesis stream delivers comes so.
 *
 * RFC 4648, section 4: the standard alphabet, padded, nothing between.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BASE64_H
#define PINTEREST_BASE64_H

#include "postgres.h"

/*
 * Decodes len characters, and returns how many bytes they stand for; -1 if
 * they are no base64.  to has room for three bytes for each four characters
 * and one more.
 */
extern int64 base64_decode(const char *from, size_t len, char *to);

#endif							/* PINTEREST_BASE64_H */
