/*-------------------------------------------------------------------------
 *
 * sigv4_canonical.h
 *	  Requests in the one form in which AWS Signature Version 4 signs them.
 *
 * "Create a signed AWS API request" (IAM user guide), step 1.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SIGV4_CANONICAL_H
#define PINTEREST_SIGV4_CANONICAL_H

#include "aws/sigv4.h"

/* Sorts the headers, as the functions below want them. */
extern void sigv4_sort_headers(SigV4Request *request);

/* The canonical request, in place of what "out" holds.  S3 signs paths as they are. */
extern void sigv4_canonical_request(StringInfo out, const SigV4Request *request, bool s3);

/* Appends "name;name": the headers that are signed. */
extern void sigv4_signed_names(StringInfo out, const SigV4Request *request);

#endif							/* PINTEREST_SIGV4_CANONICAL_H */
