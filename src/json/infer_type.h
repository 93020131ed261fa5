/*-------------------------------------------------------------------------
 *
 * infer_type.h
 *	  What type takes the values that have been seen; infer.h has the rules.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_INFER_TYPE_H
#define PINTEREST_JSON_INFER_TYPE_H

#include "postgres.h"

/* What the values of a key have been: bits. */
#define SEEN_BOOLEAN 0x01
#define SEEN_INTEGER 0x02
#define SEEN_BIGINT 0x04
#define SEEN_LARGE 0x08			/* an integer that is no exact double */
#define SEEN_DOUBLE 0x10
#define SEEN_NUMERIC 0x20
#define SEEN_TIMESTAMP 0x40
#define SEEN_NESTED 0x80
#define SEEN_TEXT 0x100

/* What a number, and what a string between its quotes, has to be counted as. */
extern int	json_seen_number(const char *start, size_t len);
extern int	json_seen_string(const char *start, const char *end);

/* The type for all that has been seen, as CREATE TABLE takes it. */
extern const char *json_type_of(int seen);

#endif							/* PINTEREST_JSON_INFER_TYPE_H */
