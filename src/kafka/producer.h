/*-------------------------------------------------------------------------
 *
 * producer.h
 *	  Messages to topics, and what became of each of them.
 *
 * Messages gather in a queue of bounded size, from which threads of the library
 * send them.  What the brokers have confirmed is delivered for good; the first
 * message that was not ends the work with an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_PRODUCER_H
#define PINTEREST_KAFKA_PRODUCER_H

#include "postgres.h"

#include "kafka/client.h"

typedef struct KafkaProducer KafkaProducer;
typedef struct KafkaProducerTopic KafkaProducerTopic;

/* The library's choice: by the key's hash, or any if there is no key. */
#define KAFKA_ANY_PARTITION PG_INT32_MIN

typedef struct KafkaHeader
{
	const char *name;
	const char *value;			/* or NULL */
	size_t		len;
} KafkaHeader;

/* The bytes are copied.  A NULL is another thing than no bytes. */
typedef struct KafkaMessage
{
	const char *value;			/* NULL: a tombstone */
	size_t		len;
	const char *key;			/* or NULL */
	size_t		key_len;
	int			partition;
	int64		time;			/* ms since 1970; 0: now */
	const KafkaHeader *headers;
	int			nheaders;
} KafkaMessage;

/* So many bytes of a key are shown in messages. */
#define KAFKA_SHOWN_KEY 64

/* Written by callbacks of the library, which run in calls of ours. */
typedef struct KafkaDeliveries
{
	int64		put;
	int64		delivered;		/* confirmed */
	int64		doubtful;		/* failed after they were sent: may be there */
	int64		failed_row;		/* the first that failed counts from 1; 0: none has */
	int			failed_error;	/* of the library */
	int			failed_partition;	/* below 0: had none yet */
	char		failed_topic[256];
	int			failed_key_len; /* below 0: had none */
	char		failed_key[KAFKA_SHOWN_KEY];	/* its beginning */
} KafkaDeliveries;

/* In the current memory context, which ends it; the client is its own now. */
extern KafkaProducer *kafka_producer_create(KafkaClient *client);

/*
 * A topic to write to.  An error if there is none of that name: brokers may be
 * set up to make one, but a slip of the pen should not.  Blocks.
 */
extern KafkaProducerTopic *kafka_producer_topic(KafkaProducer *producer, const char *name);

/*
 * Takes a message.  Blocks while the queue is full, and raises the error of one
 * that was put before.
 */
extern void kafka_producer_put(KafkaProducer *producer, KafkaProducerTopic *topic,
							   const KafkaMessage *message);

/* Returns when all messages have been delivered.  Blocks. */
extern void kafka_producer_flush(KafkaProducer *producer);

/*
 * After an error: drops what has not been sent.  The numbers do not change any
 * more.  Never raises; takes half a second at most.
 */
extern void kafka_producer_give_up(KafkaProducer *producer);

/* Lives as long as the producer. */
extern const KafkaDeliveries *kafka_producer_deliveries(const KafkaProducer *producer);

/* After a flush: gives the client back for the next statement. */
extern void kafka_producer_end(KafkaProducer *producer);

#endif							/* PINTEREST_KAFKA_PRODUCER_H */
