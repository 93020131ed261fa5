/*-------------------------------------------------------------------------
 *
 * kinesis_queue.h
 *	  Records on their way into a stream: which may be sent now.
 *
 * The service promises nothing about the order of the records of a request:
 * each may be refused though the next is taken.  So of records that are to stay
 * in order only the first of a partition key is ready; the next one is when that
 * is there.
 *
 *	  add -> (behind others of its key) -> ready -> take -> delivered
 *											 ^		  |
 *											 +- give back
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_QUEUE_H
#define PINTEREST_KINESIS_QUEUE_H

#include "postgres.h"

#include "aws/kinesis.h"
#include "lib/ilist.h"
#include "utils/hsearch.h"

typedef struct QueuedRecord
{
	dlist_node	node;
	KinesisPut	put;
	size_t		size;			/* in memory */
	size_t		weight;			/* of data and key, as the service counts */
	int64		row;			/* of the statement */
	bool		ordered;
	uint64		key;			/* ordered: the key's hash */
	int64		sent_at;		/* us, for the first time; 0: not yet */
	int			attempts;
} QueuedRecord;

typedef struct KinesisQueue
{
	MemoryContext context;		/* of the records */
	HTAB	   *keys;			/* those of which a record is ready or taken */
	dlist_head	ready;
	int			nready;
	size_t		ready_bytes;	/* their weight */
	int			nwaiting;		/* behind others of their keys */
	size_t		size;			/* of all that is on its way, in memory */
} KinesisQueue;

/* Lives in the current memory context. */
extern KinesisQueue *kinesis_queue_create(void);

/* Adds a copy of a record; with ordered, behind all others of its key. */
extern void kinesis_queue_add(KinesisQueue *queue, const KinesisPut *put, int64 row,
							  bool ordered);

/* The next one that is ready, which take takes; there must be one. */
extern const QueuedRecord *kinesis_queue_next(const KinesisQueue *queue);
extern QueuedRecord *kinesis_queue_take(KinesisQueue *queue);

/* One that was taken shall be sent again, before all others. */
extern void kinesis_queue_give_back(KinesisQueue *queue, QueuedRecord *record);

/* One that was taken is there, and forgotten. */
extern void kinesis_queue_delivered(KinesisQueue *queue, QueuedRecord *record);

#endif							/* PINTEREST_KINESIS_QUEUE_H */
