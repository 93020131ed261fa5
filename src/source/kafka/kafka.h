/*-------------------------------------------------------------------------
 *
 * kafka.h
 *	  What the files of the Kafka source share; the rest is behind source.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_H
#define PINTEREST_KAFKA_H

#include "postgres.h"

#include "kafka/client.h"
#include "source/source.h"
#include "utils/timestamp.h"

/* Metadata items; in kafka_metadata.c. */
enum
{
	KAFKA_ITEM_TOPIC,
	KAFKA_ITEM_PARTITION,
	KAFKA_ITEM_OFFSET,
	KAFKA_ITEM_TIMESTAMP,
	KAFKA_ITEM_TIMESTAMP_TYPE,
	KAFKA_ITEM_KEY,
	KAFKA_ITEM_HEADERS
};

/* Offsets first <= o < end. */
typedef struct KafkaRange
{
	int64		first;
	int64		end;
} KafkaRange;

/* By which a record is known again. */
typedef struct KafkaMark
{
	int64		offset;			/* -1: none */
	int64		time;
	uint32		checksum;
} KafkaMark;

/* A partition, and what of it is to be read. */
typedef struct KafkaSplit
{
	const char *topic;
	int			partition;
	int64		begin;			/* offsets it has in the snapshot */
	int64		end;
	KafkaRange *ranges;			/* not empty, ascending, within those */
	int			nranges;
	int			at;				/* the range being read */
	bool		running;		/* do messages of it come? */

	/* of a scan that goes on where another has ended */
	int64		next;			/* the first offset that has not been read */
	KafkaMark	mark;			/* of the last record that has */
} KafkaSplit;

/* The partition a filter is asked about. */
typedef struct KafkaAsked
{
	const char *topic;
	int			partition;
} KafkaAsked;

/* The partitions of topics, and the offsets that a scan finds in them. */
typedef struct KafkaSnapshot KafkaSnapshot;

/*
 * What there is of a topic or of those of a pattern, in the current memory
 * context.  A notice tells if no topic matches.  Blocks.  In kafka_snapshot.c.
 */
extern KafkaSnapshot *kafka_take_snapshot(KafkaClient *client, const char *topic);

/*
 * What of it is to be read: a List of KafkaSplit in the current memory context,
 * each with at least one range.  Offsets asked about once stay the same for the
 * snapshot.  filter may be NULL; asked is where metadata_value looks while it is
 * asked.  Blocks.
 */
extern List *kafka_choose_splits(KafkaClient *client, KafkaSnapshot *snapshot,
								 const SourceFilter *filter, KafkaAsked *asked);

/*
 * All partitions of it with their beginnings and ends, and no ranges: a List of
 * KafkaSplit in the current memory context.  Blocks.
 */
extern List *kafka_all_splits(KafkaClient *client, KafkaSnapshot *snapshot);

/*
 * Of a snapshot without filter, the part that has about so many offsets: of each
 * partition the newest, or some from everywhere.  Changes the splits, and
 * returns those that have some.  In kafka_sample.c.
 */
extern List *kafka_draw_sample(List *splits, int64 records, bool newest);

/*
 * Cuts the next share, of at most so many offsets, off the split's ranges, for
 * another process.  In kafka_share.c.
 */
extern void kafka_pack_share(KafkaSplit *split, int64 size, StringInfo packed);

/* A share as a split of one range, in the current memory context. */
extern KafkaSplit *kafka_unpack_share(StringInfo packed);

/* Is the share of the same partition, behind all ranges of the split? */
extern bool kafka_is_behind(const KafkaSplit *share, const KafkaSplit *split);

/* Offsets that the ranges hold, read and unread. */
extern int64 kafka_split_size(const KafkaSplit *split);

/* SourceOps.check; in kafka_check.c. */
extern bool kafka_check(Check *check, bool ready, const SourceRequest *request);

/* SourceOps.admin; in kafka_admin.c. */
extern const SourceAdmin kafka_admin;

/* SourceOps.tables; in kafka_tables.c. */
extern List *kafka_tables(const SourceRequest *request, const char *schema);

/*
 * Milliseconds since 1970 and timestamps.  What no timestamp can hold is
 * infinity.
 */
extern TimestampTz kafka_time_to_timestamp(int64 ms);
extern int64 kafka_time_of_timestamp(TimestampTz timestamp);

#endif							/* PINTEREST_KAFKA_H */
