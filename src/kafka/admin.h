/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Making, growing and dropping topics, and what a cluster says of the state of its
 *	  partitions.
 *
 * All functions block, and can be cancelled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_ADMIN_H
#define PINTEREST_KAFKA_ADMIN_H

#include "postgres.h"

#include "kafka/client.h"

typedef enum KafkaPartitionState
{
	KAFKA_ONLINE,
	KAFKA_UNDER_REPLICATED,		/* not all its replicas are up to date */
	KAFKA_OFFLINE				/* no broker leads it */
} KafkaPartitionState;

typedef struct KafkaPartition
{
	KafkaPartitionState state;
	const char *leader;			/* broker N at host:port; NULL: offline */
	int			replicas;		/* brokers that are to keep it */
} KafkaPartition;

typedef struct KafkaTopicState
{
	const char *name;
	KafkaPartitionState state;	/* the worst of its partitions */
	int			npartitions;
	KafkaPartition *partitions;
} KafkaTopicState;

/* All topics but Kafka's own, by name, in the current memory context. */
extern List *kafka_topic_states(KafkaClient *client);

/*
 * The configuration of a topic: how long it keeps records, and what has been set for
 * this topic; DefElems as for kafka_create_topic, in the current memory context.  NIL
 * if the user may not know it, or the cluster cannot say.
 */
extern List *kafka_topic_config(KafkaClient *client, const char *name);

/*
 * Makes a topic, and returns when its partitions can be read and written.
 * partitions and replication_factor may be -1, for what the cluster has as
 * default; config are DefElems with the names and values of Kafka.
 */
extern void kafka_create_topic(KafkaClient *client, const char *name, int partitions,
							   int replication_factor, List *config);

/* Gives a topic partitions up to that number, and returns when these can be used. */
extern void kafka_grow_topic(KafkaClient *client, const char *name, int partitions);

/* Drops a topic, and returns when no broker tells of it any more. */
extern void kafka_drop_topic(KafkaClient *client, const char *name);

#endif							/* PINTEREST_KAFKA_ADMIN_H */
