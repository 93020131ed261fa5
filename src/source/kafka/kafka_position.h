/*-------------------------------------------------------------------------
 *
 * kafka_position.h
 *	  Positions of streams in topics.
 *
 * A split is called topic/partition, its position is the offset that comes next.
 * The mark is that of the last record read: offset, time and checksum, by which a
 * topic that was deleted and made anew is told from the one before.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_POSITION_H
#define PINTEREST_KAFKA_POSITION_H

#include "postgres.h"

#include "kafka/consumer.h"
#include "source/kafka/kafka.h"

/*
 * All partitions of the snapshot that are wanted, each with a range of what it
 * has behind its position, or none: a List of KafkaSplit in the current memory
 * context.  Blocks.
 */
extern List *kafka_resume(KafkaClient *client, KafkaSnapshot *snapshot,
						  const SourceResume *resume);

/* What to do with a message of such a split. */
typedef enum KafkaTake
{
	KAFKA_TAKE,					/* it is the next one */
	KAFKA_PASS,					/* it has been read before */
	KAFKA_RESTART				/* the split has other ranges now */
} KafkaTake;

extern KafkaTake kafka_take(KafkaSplit *split, const KafkaEvent *event,
							const SourceResume *resume);

/* How far these splits have been read, as reached in position.h. */
extern List *kafka_reached(List *splits);

/* What there is of them, as backlog in position.h. */
extern List *kafka_backlog(List *splits);

/* Split and position of a message. */
extern void kafka_locate(const KafkaEvent *event, SourcePosition *position);

/* SourcePositions.check */
extern void kafka_check_position(const SourcePosition *position);

#endif							/* PINTEREST_KAFKA_POSITION_H */
