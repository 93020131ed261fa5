/*-------------------------------------------------------------------------
 *
 * consumer.h
 *	  Messages of partitions, from given offsets on, as they come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_CONSUMER_H
#define PINTEREST_KAFKA_CONSUMER_H

#include "postgres.h"

#include "kafka/client.h"
#include "lib/stringinfo.h"

typedef struct KafkaConsumer KafkaConsumer;

typedef enum KafkaEventKind
{
	KAFKA_MESSAGE,
	KAFKA_AT_END,				/* the partition has no more up to offset, now */
	KAFKA_GONE					/* offset does not exist (any more) */
} KafkaEventKind;

/* Valid until the next call of kafka_consumer_next. */
typedef struct KafkaEvent
{
	KafkaEventKind kind;
	void	   *split;			/* as in kafka_consumer_start */
	int64		offset;

	/* KAFKA_MESSAGE */
	const char *value;			/* NULL: a tombstone */
	size_t		len;
	const char *key;			/* or NULL */
	size_t		key_len;
	bool		has_time;
	int64		time;			/* ms since 1970 */
	bool		appended;		/* the broker's time, rather than the producer's */
	void	   *message;		/* for kafka_message_headers */
} KafkaEvent;

/* In the current memory context, which ends it; the client is its own now. */
extern KafkaConsumer *kafka_consumer_create(KafkaClient *client);

/*
 * From now on, messages of a partition come, from an offset on.  split must not
 * be NULL, and comes with each of them.
 */
extern void kafka_consumer_start(KafkaConsumer *consumer, const char *topic,
								 int partition, int64 offset, void *split);

/* No more come of it. */
extern void kafka_consumer_stop(KafkaConsumer *consumer, const char *topic,
								int partition, void *split);

/*
 * The next event of any partition.  Blocks, and can be cancelled; an error if
 * nothing comes within pinterest.request_timeout.
 */
extern const KafkaEvent *kafka_consumer_next(KafkaConsumer *consumer);

/*
 * The headers of a message as JSON: [{"key": "…", "value": "…"}, …] in their
 * order, a value null or, if it is no text, "base64" in place of "value"; false
 * if there are none.
 */
extern bool kafka_message_headers(const KafkaEvent *event, StringInfo json);

/* Stops everything, and gives the client back for the next statement. */
extern void kafka_consumer_end(KafkaConsumer *consumer);

#endif							/* PINTEREST_KAFKA_CONSUMER_H */
