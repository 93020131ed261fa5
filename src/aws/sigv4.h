/*-------------------------------------------------------------------------
 *
 * sigv4.h
 *	  AWS Signature Version 4, in the Authorization header or in a URL.
 *
 * Rules: "AWS Signature Version 4 signing process" (IAM user guide) and, for
 * S3, "Authenticating Requests: Using the Authorization Header" and "Using
 * Query Parameters" (S3 API).
 *
 * Signing is ours rather than libcurl's: libcurl 7.88 signs the query as it
 * is given, and costs ten times as much per request.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SIGV4_H
#define PINTEREST_SIGV4_H

#include "postgres.h"

#include "lib/stringinfo.h"

#define SIGV4_DATE_LEN 16		/* YYYYMMDDTHHMMSSZ */
#define SIGV4_HASH_LEN 64		/* hex SHA-256 */
#define SIGV4_MAX_HEADERS 24

/* SHA-256 of nothing, as x-amz-content-sha256 of a request without body. */
#define SIGV4_EMPTY_HASH \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Strings belong to the caller and outlive what uses them. */
typedef struct AwsCredentials
{
	const char *access_key_id;
	const char *secret_access_key;
	const char *session_token;	/* NULL for long-lived keys */
} AwsCredentials;

typedef struct SigV4Header
{
	const char *name;			/* lower case */
	const char *value;
} SigV4Header;

typedef struct SigV4Request
{
	const char *method;
	const char *path;			/* encoded once, as it goes out */
	const char *query;			/* from sigv4_query; "" for none */
	SigV4Header headers[SIGV4_MAX_HEADERS]; /* every one that is signed; sorted
											 * by sigv4_sign */
	int			nheaders;
	const char *payload_hash;	/* hex, or UNSIGNED-PAYLOAD */
	const char *date;			/* the value of x-amz-date */
} SigV4Request;

/* One set of credentials for one service in one region; keeps the day's key. */
typedef struct SigV4Signer SigV4Signer;

/* Lives in the current memory context, and copies nothing. */
extern SigV4Signer *sigv4_signer_create(const AwsCredentials *credentials,
										const char *region, const char *service);

/* Goes on with credentials, not copied either; a new pointer means new ones. */
extern void sigv4_signer_use(SigV4Signer *signer, const AwsCredentials *credentials);
extern const AwsCredentials *sigv4_signer_credentials(const SigV4Signer *signer);

/* Appends the value of the Authorization header. Raises only without memory. */
extern void sigv4_sign(SigV4Signer *signer, SigV4Request *request,
					   StringInfo authorization);

/*
 * Puts into query what a presigned URL has behind its "?": the pairs (as in
 * sigv4_query, ten at most), what the signature is about, and the signature.
 * The URL is good for that many seconds from the request's date; a session
 * token is part of it.  The request's query is set to it.  As sigv4_sign.
 */
extern void sigv4_presign(SigV4Signer *signer, SigV4Request *request,
						  const char *const *pairs, int npairs, int expires,
						  StringInfo query);

/* Seconds since 1970 as x-amz-date wants them. */
extern void sigv4_date(int64 seconds, char date[SIGV4_DATE_LEN + 1]);

/* Hex SHA-256. */
extern void sigv4_hash(const void *data, size_t len, char hex[SIGV4_HASH_LEN + 1]);

/*
 * Appends "name=value&…", encoded and in canonical order, for use in the URL
 * as well as in SigV4Request.query.  pairs holds name, value, name, value …;
 * pairs whose value is NULL are left out.
 */
extern void sigv4_query(StringInfo out, const char *const *pairs, int npairs);

/* The day's signing key as hex; for tests. */
extern void sigv4_signing_key(SigV4Signer *signer, const char *date,
							  char hex[SIGV4_HASH_LEN + 1]);

#endif							/* PINTEREST_SIGV4_H */
