/*-------------------------------------------------------------------------
 *
 * kafka_rest.h
 *	  Requests to a Kafka REST proxy, version 2 of its interface.
 *
 * Source: Confluent REST Proxy API v2, which Strimzi's bridge speaks as well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_REST_H
#define PINTEREST_KAFKA_REST_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "net/http.h"
#include "source/source.h"

typedef struct RestProxy RestProxy;

/* What came of a request.  Texts are valid until the next one. */
typedef struct RestAnswer
{
	int			status;			/* 0: there is no answer */
	HttpFailure failure;		/* why */
	const char *reason;			/* the same in words */
	const char *body;
	size_t		len;
} RestAnswer;

/* What became of a record. */
typedef struct RestResult
{
	bool		taken;
	bool		retriable;		/* not taken, but may be the next time */
	int			partition;		/* taken: where it is */
	int			code;			/* not taken: the proxy's */
	char		message[200];
} RestResult;

/*
 * The proxy of option rest_proxy, with what the user mapping says to sign in.
 * Lives in the current memory context.  Connects to nobody.
 */
extern RestProxy *rest_proxy_create(const SourceRequest *request);

/* Raises an error if url cannot be that of a proxy. */
extern void rest_proxy_check_url(const char *url);

/*
 * Begins a request, and ends the one before; body may be NULL, and stays as it
 * is until the answer has been awaited.  Does not block.
 */
extern void rest_proxy_begin(RestProxy *proxy, const char *path, const char *body, size_t len);

/* Waits for the answer. */
extern void rest_proxy_await(RestProxy *proxy, RestAnswer *answer);

/* Waits before a request is sent for the n-th time again, with n from 0. */
extern void rest_proxy_pause(RestProxy *proxy, int n);

/* May the request succeed if it is sent again, none of its records being there? */
extern bool rest_answer_retriable(const RestAnswer *answer);

/* Is it certain that no record of a request that failed is there? */
extern bool rest_answer_certain(const RestAnswer *answer);

/*
 * Raises what an answer that is not the one wanted says; what could not be
 * done is such as: list topics.
 */
pg_noreturn extern void rest_answer_raise(const RestProxy *proxy, const RestAnswer *answer,
										  const char *what, int attempts);

/* ---------- kafka_rest_reply.c ---------- */

/* The results of n records; false if the answer is none of n records. */
extern bool rest_reply_results(const RestAnswer *answer, int n, RestResult *results);

/* The error of a whole request: its code, 0 for none, and a text. */
extern int	rest_reply_error(const RestAnswer *answer, char *message, size_t room);

#endif							/* PINTEREST_KAFKA_REST_H */
