/*-------------------------------------------------------------------------
 *
 * kafka_reading.h
 *	  The messages of splits, and where each split ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_READING_H
#define PINTEREST_KAFKA_READING_H

#include "postgres.h"

#include "kafka/consumer.h"
#include "source/kafka/kafka.h"

typedef struct KafkaReading KafkaReading;

/*
 * In the current memory context, which ends it; the client is its own now, until
 * kafka_reading_end.
 */
extern KafkaReading *kafka_reading_create(KafkaClient *client);

/*
 * Reads from now on the ranges of these splits, which it changes; or, if there is
 * a supply, the shares that come from there.  Does not block.
 */
extern void kafka_reading_begin(KafkaReading *reading, List *splits,
								const SourceSupply *supply);

/* Has a split that is being read begin with its first range again, which is new. */
extern void kafka_reading_restart(KafkaReading *reading, KafkaSplit *split);

/*
 * The next message that belongs to a range, of any split; its split is the
 * KafkaSplit it is of.  NULL when all have been read.  An error if one cannot be
 * read to its end.  Blocks.
 */
extern const KafkaEvent *kafka_reading_next(KafkaReading *reading);

/* No more messages come until it begins anew. */
extern void kafka_reading_stop(KafkaReading *reading);

/* Gives the client back. */
extern void kafka_reading_end(KafkaReading *reading);

/* Messages that have come, wanted or not, and splits or shares begun. */
extern int64 kafka_reading_messages(const KafkaReading *reading);
extern int64 kafka_reading_splits(const KafkaReading *reading);

#endif							/* PINTEREST_KAFKA_READING_H */
