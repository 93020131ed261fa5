/*-------------------------------------------------------------------------
 *
 * handle.h
 *	  What the files of this folder share of a handle, and how they wait.
 *
 * Every wait goes like this:
 *
 *		KafkaWait	wait = kafka_wait_begin(client, "read topic", name);
 *
 *		while ((err = some_call(client->rk, …, kafka_wait_slice(&wait))) != 0)
 *			kafka_wait_failed(&wait, err);
 *		kafka_wait_end(&wait);
 *
 * so that it can be cancelled within a second, and ends with an error when the
 * cluster did not answer for pinterest.request_timeout.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_HANDLE_H
#define PINTEREST_KAFKA_HANDLE_H

#include "postgres.h"

#include <librdkafka/rdkafka.h>

#include "datatype/timestamp.h"
#include "kafka/client.h"
#include "kafka/options.h"
#include "kafka/sign_in.h"
#include "lib/ilist.h"
#include "net/address.h"
#include "pg_compat.h"

#define KAFKA_REASON_SIZE 512

struct KafkaClient
{
	rd_kafka_t *rk;
	KafkaRole	role;
	char	   *identity;		/* server, user and options it was made for */
	dlist_node	node;			/* in the list of idle handles */
	struct KafkaGuard *guard;	/* of whoever uses it */

	KafkaSignIn *sign_in;		/* gets tokens; NULL: none are needed */
	char	   *password;		/* of the user mapping, to keep out of messages */
	KafkaMechanism mechanism;
	AddressPolicy policy;

	bool		answered;		/* has the cluster ever? */
	bool		needs_poking;	/* see consumer.c */

	struct KafkaDeliveries *deliveries; /* of whoever writes with it, or NULL */

	/* the last error librdkafka told of, not tied to a call */
	rd_kafka_resp_err_t error;
	char		reason[KAFKA_REASON_SIZE];

	void		(*on_wait) (void *arg);
	void	   *on_wait_arg;
	bool		waits;
};

/* Lies in a memory context, and destroys the client with it. */
typedef struct KafkaGuard
{
	MemoryContextCallback callback;
	KafkaClient *client;		/* NULL: given back */
} KafkaGuard;

/* producer.c: callback, in a call of ours: what became of a message. */
extern void kafka_producer_report(rd_kafka_t *rk, const rd_kafka_message_t *message,
								  void *opaque);

/* consumer.c: can these bytes of a message stand in a text of ours as they are? */
extern bool kafka_is_text(const char *bytes, size_t len);

/* A wait for the cluster. */
typedef struct KafkaWait
{
	KafkaClient *client;
	const char *what;			/* messages: "could not WHAT "SUBJECT"" */
	const char *subject;
	TimestampTz last_progress;
	int			slice;			/* ms */
} KafkaWait;

extern KafkaWait kafka_wait_begin(KafkaClient *client, const char *what,
								  const char *subject);

/*
 * How long the next call may take, in ms.  Serves callbacks, and raises what
 * they told of that no waiting mends.
 */
extern int	kafka_wait_slice(KafkaWait *wait);

/*
 * After a call that did not succeed: returns, perhaps a little later, if it is
 * worth another try, and raises the error otherwise.
 */
extern void kafka_wait_failed(KafkaWait *wait, rd_kafka_resp_err_t err);

/* Something came: the time that may pass without anything starts anew. */
extern void kafka_wait_progress(KafkaWait *wait);

extern void kafka_wait_end(KafkaWait *wait);

/*
 * topics.c: asks about one topic, or, with NULL, all.  Freed with the current
 * memory context.
 */
extern const struct rd_kafka_metadata *kafka_ask_metadata(KafkaClient *client,
														  const char *name);

/* address.c: has conf connect to addresses of the client's policy only. */
extern void kafka_address_guard(rd_kafka_conf_t *conf, const KafkaClient *client);

/* address.c: raises if an address was refused to the client. */
extern void kafka_address_check(const KafkaClient *client);

/* error.c: may the same call succeed later, without anyone doing anything? */
extern bool kafka_error_is_transient(rd_kafka_resp_err_t err);

/*
 * error.c: raises an error of the library.  reason is what it said of the
 * case, or NULL.
 */
pg_noreturn extern void kafka_raise(rd_kafka_resp_err_t err, const char *reason,
									const char *what, const char *subject);

/* error.c: raises that the cluster did not let the client in. */
pg_noreturn extern void kafka_raise_stranger(const KafkaClient *client, const char *what,
											 const char *subject);

#endif							/* PINTEREST_KAFKA_HANDLE_H */
