/*-------------------------------------------------------------------------
 *
 * topics.h
 *	  What a cluster says of its topics: partitions, and where they begin and
 *	  end.
 *
 * All functions block, and can be cancelled.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_TOPICS_H
#define PINTEREST_KAFKA_TOPICS_H

#include "postgres.h"

#include "kafka/client.h"

typedef struct KafkaTopic
{
	const char *name;
	int			partitions;		/* numbered from 0 */
} KafkaTopic;

/* Does the name stand for all topics that match it?  Then it begins with "^". */
extern bool kafka_topic_is_pattern(const char *topic);

/* Is it one of Kafka's own? */
extern bool kafka_topic_is_internal(const char *topic);

/* Is the topic one of those that the pattern stands for? */
extern bool kafka_topic_matches(const char *pattern, const char *topic);

/* Raises an error unless it is a name that a topic can have, or a pattern. */
extern void kafka_topic_check(const char *topic);

/*
 * The topic of that name, or those that the regular expression matches, by
 * name: a List of KafkaTopic in the current memory context.  It is an error if
 * a topic named is not there.  Topics of Kafka's own never match.
 */
extern List *kafka_topics(KafkaClient *client, const char *topic);

/* All topics but Kafka's own. */
extern List *kafka_all_topics(KafkaClient *client);

typedef struct KafkaBroker
{
	int			id;
	const char *host;			/* as it tells clients */
	int			port;
} KafkaBroker;

/* The brokers of the cluster: a List of KafkaBroker in the current memory context. */
extern List *kafka_brokers(KafkaClient *client);

/* What to look for in a partition. */
#define KAFKA_BEGINNING (-2)
#define KAFKA_END (-1)			/* with read_committed: of what is committed */

typedef struct KafkaPosition
{
	const char *topic;
	int			partition;
	int64		offset;			/* in: one of these, or a time in ms since 1970;
								 * out: the offset of the first record then or
								 * later, KAFKA_END if there is none */
} KafkaPosition;

/* Looks all of them up, with a request to each broker. */
extern void kafka_find_positions(KafkaClient *client, KafkaPosition *positions, int n);

/*
 * Waits until the leaders of a topic that has just been made, or has grown, know
 * that they lead.
 */
extern void kafka_await_leaders(KafkaClient *client, const char *name);

#endif							/* PINTEREST_KAFKA_TOPICS_H */
