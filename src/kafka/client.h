/*-------------------------------------------------------------------------
 *
 * client.h
 *	  Handles over librdkafka: one signed-in way to a cluster.
 *
 * A handle has threads and connections of its own.  Handles are kept by each
 * backend for the next statement; a scan or an INSERT has one to itself.
 *
 * Only the files of this folder know librdkafka.  Its callbacks run either in
 * its own threads, and then touch nothing of PostgreSQL's, or inside calls
 * made here, and then only write to the handle.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_CLIENT_H
#define PINTEREST_KAFKA_CLIENT_H

#include "postgres.h"

#include "source/source.h"

typedef struct KafkaClient KafkaClient;

typedef enum KafkaRole
{
	KAFKA_CONSUMER,
	KAFKA_PRODUCER
} KafkaRole;

/*
 * A handle for the server and user of the request: one that was given back, if
 * its options are still those, else a new one.  Connects to nobody, but may
 * fetch credentials.  Until it is given back it belongs to the current memory
 * context, whose reset destroys it: after an error its state is unknown.
 */
extern KafkaClient *kafka_client_acquire(const SourceRequest *request, KafkaRole role);

/* Gives it back for others; nothing of it may be in use any more. */
extern void kafka_client_release(KafkaClient *client);

/* Destroys those that nobody uses: the next one connects and signs in anew. */
extern void kafka_client_forget(void);

/* Who is told when it begins to wait, and when it has waited; see Source. */
extern void kafka_client_on_wait(KafkaClient *client, void (*on_wait) (void *arg),
								 void *arg);

/* Does it wait now? */
extern bool kafka_client_waits(const KafkaClient *client);

/* Waits about so many ms, and can be cancelled. */
extern void kafka_pause(int ms);

#endif							/* PINTEREST_KAFKA_CLIENT_H */
