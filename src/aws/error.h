/*-------------------------------------------------------------------------
 *
 * error.h
 *	  What went wrong with an AWS call: kept, judged, told.
 *
 * Everything of an answer that reaches a message has passed through here:
 * shortened, without control characters, without keys, tokens or signatures.
 * Of an error body only the code, the message, the region and the request id
 * are taken ("Error responses", S3 API; "Common errors" of the others).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AWS_ERROR_H
#define PINTEREST_AWS_ERROR_H

#include "postgres.h"

#include "pg_compat.h"

#include "aws/sigv4.h"
#include "net/http.h"

typedef enum AwsProblem
{
	AWS_NO_PROBLEM,
	AWS_NO_ANSWER,				/* the exchange failed; http_failure */
	AWS_ERROR_ANSWER,			/* a status outside 2xx */
	AWS_CHANGED,				/* not the object that was listed; text */
	AWS_BAD_ANSWER,				/* an answer that makes no sense; text */
	AWS_SHORT_BODY				/* fewer bytes than announced; text */
} AwsProblem;

typedef struct AwsFailure
{
	AwsProblem	problem;
	HttpFailure http_failure;
	int			status;			/* 0: the error is in an answer with others */
	char		code[64];		/* "" if the answer names none */
	char		message[400];	/* what the service says, or what its page or
								 * garbage begins with */
	bool		html;			/* the body is a web page */
	bool		garbage;		/* the body is neither XML nor JSON nor HTML
								 * nor CBOR */
	char		request_id[80];
	char		region[40];		/* where the service says the bucket is */
	char		redirect[120];	/* scheme://host that it sends us to */
	char		text[256];		/* in our words */
} AwsFailure;

/* The three ways to fill one in. */
extern void aws_failure_from_transport(AwsFailure *failure,
									   const HttpTransfer *transfer);
extern void aws_failure_from_answer(AwsFailure *failure,
									const HttpTransfer *transfer,
									const AwsCredentials *credentials);
extern void aws_failure_set(AwsFailure *failure, AwsProblem problem,
							const char *fmt,...) pg_attribute_printf(3, 4);

/* The last two steps of from_answer, for an error body inside a 200. */
extern void aws_failure_parse_body(AwsFailure *failure, const char *body, size_t len,
								   const AwsCredentials *credentials);

/*
 * An answer with status 200 whose body is an error ("CompleteMultipartUpload",
 * S3 API; what an API gateway hands on).  False, and nothing of worth in
 * failure, if it is none.
 */
extern bool aws_failure_from_body(AwsFailure *failure, const HttpTransfer *transfer,
								  const char *body, size_t len,
								  const AwsCredentials *credentials);

/* May the same request be sent again? */
extern bool aws_failure_retryable(const AwsFailure *failure);

/* The same of a code alone, for a part of a request. */
extern bool aws_code_retryable(const char *code);

/* Is it certain that the request was not carried out? */
extern bool aws_failure_undone(const AwsFailure *failure);

/* Have the credentials ended? */
extern bool aws_failure_expired(const AwsFailure *failure);

/* Is there no such object? */
extern bool aws_failure_missing(const AwsFailure *failure);

/* Does the service have the bucket elsewhere?  In failure->region, if it says. */
extern bool aws_failure_wrong_region(const AwsFailure *failure);

/* Does the service ask for fewer requests? */
extern bool aws_failure_slow_down(const AwsFailure *failure);

/*
 * Raises the error.  what and subject fill in "could not WHAT "SUBJECT"";
 * attempts is how often the request was sent.
 */
pg_noreturn extern void aws_failure_report(const AwsFailure *failure, const char *what,
										   const char *subject, int attempts);

#endif							/* PINTEREST_AWS_ERROR_H */
