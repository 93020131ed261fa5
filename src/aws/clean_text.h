/*-------------------------------------------------------------------------
 *
 * clean_text.h
 *	  Text of a service, made fit for a message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AWS_CLEAN_TEXT_H
#define PINTEREST_AWS_CLEAN_TEXT_H

#include "postgres.h"

#include "aws/sigv4.h"

/*
 * Copies text fit for a message: bounded, in the database's encoding, without
 * control characters or the credentials' own strings.
 */
extern void aws_clean_text(char *to, size_t room, const char *text, size_t len,
						   const AwsCredentials *credentials);

#endif							/* PINTEREST_AWS_CLEAN_TEXT_H */
