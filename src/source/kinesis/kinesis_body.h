/*-------------------------------------------------------------------------
 *
 * kinesis_body.h
 *	  The bodies in a record of a stream: its data, or the user records that a
 *	  producer has put together in it (kpl.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_BODY_H
#define PINTEREST_KINESIS_BODY_H

#include "source/kinesis/kinesis.h"
#include "source/kinesis/kpl.h"

typedef struct KinesisBody
{
	/* the current one */
	const char *data;
	size_t		len;
	bool		in_buffer;		/* a reply's or our own, where JSON_PADDING bytes or
								 * more follow */
	bool		in_aggregate;
	KplRecord	user_record;	/* in an aggregate */
	int64		sub_sequence;	/* its place there, else 0 */

	int64		outside;		/* user records of other shards so far */

	/* for kinesis_body.c alone */
	const char *partition_key;	/* UTF-8: of those that are wanted; NULL for all */
	size_t		partition_key_len;
	const Shard *shard;
	KplAggregate aggregate;
	MemoryContext context;
	char	   *buffer;			/* of decoded data */
	Size		capacity;
} KinesisBody;

/* In the current memory context; partition_key: of those that are wanted, or NULL. */
extern void kinesis_body_init(KinesisBody *body, const char *partition_key);

/*
 * Goes to the first body of a record; false if it holds none that is wanted.
 * Points into the record as well.
 */
extern bool kinesis_body_take(KinesisBody *body, const ReplyRecord *record,
							  const Shard *shard);

/* Goes to the next one of an aggregate; false, and in_aggregate as well, behind the last. */
extern bool kinesis_body_next(KinesisBody *body);

#endif							/* PINTEREST_KINESIS_BODY_H */
