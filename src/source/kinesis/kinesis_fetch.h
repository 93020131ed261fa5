/*-------------------------------------------------------------------------
 *
 * kinesis_fetch.h
 *	  What kinesis_fetch.c, which says what is asked when, and
 *	  kinesis_slot.c, which asks and takes the answers, share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_FETCH_H
#define PINTEREST_KINESIS_FETCH_H

#include "source/kinesis/kinesis.h"

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_ITERATOR,
	SLOT_RECORDS,
	SLOT_UNREAD					/* in the queue, or with the reader */
} SlotState;

/* Room for one request. */
typedef struct Slot
{
	dlist_node	node;			/* in unread */
	SlotState	state;
	AwsCall    *call;			/* NULL until one is needed */
	KinesisRequest request;
	KinesisReply reply;
	bool		lent;			/* the call has the room of reply */
	Shard	   *shard;
	int64		answered_at;	/* us; when the records' answer began to come; 0:
								 * it has not */
	bool		complete;		/* nothing more of it is wanted */
	bool		ended;			/* nor of the shard */
} Slot;

struct KinesisFetch
{
	MemoryContext context;
	AwsService *service;
	const char *stream;
	Source	   *source;
	FetchCounters *counters;
	ShardMap   *map;
	int64		limit;			/* ms: the snapshot ends there */

	Slot	   *slots;
	int			nslots;
	size_t		buffer_size;	/* of each of them */
	dlist_head	ready;			/* Shard.node: those to be asked, in turn */
	int			nready;
	int			asked;			/* shards that have a slot */
	dlist_head	unread;			/* Slot.node */
	Slot	   *current;		/* the reader has it */
	SourceWait	waiting;
	int64		nudged_at;		/* us */
	int64		broken;			/* answers that broke off */
};

/* Sends the shard's next request. */
extern void kinesis_slot_send(KinesisFetch *fetch, Slot *slot, Shard *shard);

typedef enum Taken
{
	TAKEN_NOTHING,				/* there is nothing yet */
	TAKEN_RECORDS,				/* some, which are to be read first */
	TAKEN_ALL,					/* the shard may be asked again */
	TAKEN_END					/* nothing more of the shard is wanted */
} Taken;

/* Takes what has come since.  Raises what went wrong. */
extern Taken kinesis_slot_take(KinesisFetch *fetch, Slot *slot);

#endif							/* PINTEREST_KINESIS_FETCH_H */
