/*-------------------------------------------------------------------------
 *
 * client.h
 *	  Signed calls to an AWS service, many at a time, with retries.
 *
 * A service is one endpoint with one set of credentials; a call is one
 * request with all its attempts.  A call comes in two kinds: one that
 * collects its answer (aws_call_body when DONE; a retry starts it over), and
 * a stream (aws_call_read while it comes in; a retry continues where the last
 * attempt broke off, with Range and If-Match, or is left to the caller).
 *
 *	  begin -> IN_FLIGHT -> DONE
 *				 ^	 \---> FAILED		aws_call_check raises the error
 *			  WAITING <-/				back-off
 *
 * Only aws_service_pump waits, and it can be cancelled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AWS_CLIENT_H
#define PINTEREST_AWS_CLIENT_H

#include "postgres.h"

#include "aws/credentials.h"
#include "aws/error.h"
#include "aws/sigv4.h"
#include "lib/stringinfo.h"
#include "net/http.h"

/* Settings, registered by module.c. */
extern int	pinterest_request_timeout;	/* ms without a byte: a stall */
extern int	pinterest_min_transfer_rate;	/* bytes a second of a body */
extern int	pinterest_max_retries;	/* of one call, in a row */

#define AWS_MAX_EXTRA_HEADERS 8

typedef struct AwsService AwsService;
typedef struct AwsCall AwsCall;

/* Strings belong to the caller and outlive the service. */
typedef struct AwsServiceConfig AwsServiceConfig;

struct AwsServiceConfig
{
	const char *service;		/* "s3", "kinesis", … */
	const char *region;
	const char *origin;			/* scheme://host[:port]/ */
	const char *host;			/* host[:port], as signed */
	const char *ca_file;		/* as in HttpRequest */
	Credentials *credentials;	/* NULL: requests are not signed */
	AddressPolicy policy;
	int			connections;	/* requests in flight at most */

	/*
	 * The service has said that what it is asked for is in another region: puts
	 * region, origin and host there into config, in the current memory context.
	 * False, and nothing done, if requests shall not go there.  NULL: never.
	 */
	bool		(*move) (void *arg, const char *region, AwsServiceConfig *config);
	void	   *move_arg;
};

/* Belongs to the caller, and stays as it is until the call has ended. */
typedef struct AwsRequest
{
	const char *method;
	const char *path;			/* encoded, starts with "/" */
	const char *query;			/* from sigv4_query; "" for none */
	SigV4Header headers[AWS_MAX_EXTRA_HEADERS]; /* beyond what signing adds */
	int			nheaders;
	const char *body;			/* NULL for none */
	size_t		body_len;
	bool		stream;
	const char *etag;			/* stream: the version wanted, in quotes; may
								 * be NULL or weak (W/"…") */
	int64		from;			/* stream: the first byte wanted */
	int64		size;			/* stream: bytes expected from there, or -1 */
	int64		whole;			/* stream: size of the object, where these are
								 * but a part of it; else the same or 0 */
	size_t		lends;			/* stream, not 0: it is received where aws_call_lend
								 * says, in buffers of about this size, and not
								 * read with aws_call_read.  No part of it can be
								 * asked for, so it is not continued, but fails,
								 * when it breaks off after something was taken */
	bool		events;			/* stream: it goes on for as long as things happen,
								 * and comes over HTTP/2 */
	size_t		max_body;		/* not stream: a longer answer is refused */
	bool		error_in_200;	/* not stream: an answer with status 200 may hold
								 * an error all the same */
	bool		once;			/* is not sent again if it may have been carried
								 * out */
	const struct AwsRequest *plain; /* the same in JSON, if this is in CBOR: sent
								 * in its place, from then on, where a refusal
								 * shows that the service does not know CBOR */
	const char *what;			/* messages: "could not WHAT "SUBJECT"" */
	const char *subject;
} AwsRequest;

typedef enum AwsCallState
{
	AWS_IDLE,
	AWS_WAITING,
	AWS_IN_FLIGHT,
	AWS_DONE,
	AWS_FAILED
} AwsCallState;

/*
 * Lives in the current memory context, as do its calls.  Gets the credentials,
 * and so may block.
 */
extern AwsService *aws_service_create(const AwsServiceConfig *config);

/* May one more request be sent now? */
extern bool aws_service_has_room(const AwsService *service);

/* Requests under way now, without those that wait to be sent again. */
extern int	aws_service_in_flight(const AwsService *service);

/* Requests sent again so far. */
extern int64 aws_service_retries(const AwsService *service);

/* The region that requests are signed for now. */
extern const char *aws_service_region(const AwsService *service);

/* Names the next wait in aws_service_pump. */
extern void aws_service_name_wait(AwsService *service, HttpWait wait);

/*
 * Moves every call on, waiting for something to happen for timeout
 * milliseconds at most (and no longer than 100); 0 does not wait.
 */
extern void aws_service_pump(AwsService *service, int timeout);

/*
 * A call to be used again and again; NULL when the backend may not open more
 * connections: who cannot go on without raises aws_out_of_connections.
 */
extern AwsCall *aws_call_create(AwsService *service);
pg_noreturn extern void aws_out_of_connections(void);

extern void aws_call_begin(AwsCall *call, const AwsRequest *request);
extern void aws_call_abort(AwsCall *call);
extern AwsCallState aws_call_state(const AwsCall *call);

/*
 * The same, with what the pump of another service may have brought; and so
 * without an error in aws_call_read behind it unless the state is FAILED.
 */
extern AwsCallState aws_call_look(AwsCall *call);

/* Is there something to do for the owner: DONE, FAILED, or a full buffer? */
extern bool aws_call_ready(const AwsCall *call);

/* Raises the error if the call has FAILED. */
extern void aws_call_check(const AwsCall *call);

/* FAILED: what went wrong, and was it because nobody looked after the call? */
extern const AwsFailure *aws_call_failure(const AwsCall *call);
extern bool aws_call_neglected(const AwsCall *call);

/* Text of its answer, made fit for a message (clean_text.h). */
extern void aws_call_clean_text(const AwsCall *call, char *to, size_t room,
								const char *text);

/* A header of the answer, NULL if absent.  Lives until the next begin. */
extern const char *aws_call_header(const AwsCall *call, const char *name);

/*
 * Stream: takes up to room bytes of the body; 0 when none are there now.
 * When the state is DONE besides, the body is complete.  Raises if FAILED.
 */
extern size_t aws_call_read(AwsCall *call, char *to, size_t room);

/*
 * Stream that lends: the buffer it is received in, as in net/http.h; to be lent
 * before the call begins.  aws_call_take_back returns how many bytes are there
 * and has it taken back, unless there are none: then it stays lent, but for a
 * call that is DONE.  Raises if FAILED.
 */
extern void aws_call_lend(AwsCall *call, char *buffer, size_t size);
extern size_t aws_call_take_back(AwsCall *call);

/* Not stream, DONE: the whole answer; may be changed, valid until begin. */
extern StringInfo aws_call_body(AwsCall *call);

/* Stream: body bytes received so far, over all attempts. */
extern int64 aws_call_received(const AwsCall *call);

#endif							/* PINTEREST_AWS_CLIENT_H */
