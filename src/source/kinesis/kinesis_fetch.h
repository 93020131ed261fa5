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
	bool		has_events;		/* a subscription has sent some */
	bool		full_event;		/* more may follow the last of these */
	bool		complete;		/* nothing more of it is wanted */
	bool		ended;			/* nor of the shard */
} Slot;

struct KinesisFetch
{
	MemoryContext context;
	AwsService *service;
	const char *stream;
	const char *consumer_arn;	/* NULL: answers are asked for one by one */
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

/*
 * Is this as much as answers, and events, may have?  Then more may follow, though
 * some servers that stand in for the service say that nothing does.
 */
extern bool kinesis_is_full(int records, int64 bytes);

/* Where the shard goes on: a copy, or NULL. */
extern void kinesis_set_iterator(KinesisFetch *fetch, Shard *shard, const char *iterator);

/* Records have come: notes how far the shard is; they may be the last that are wanted. */
extern void kinesis_slot_note_records(KinesisFetch *fetch, Slot *slot);

/*
 * Subscriptions, in the place of requests for records.
 */

/* Where the next one begins. */
extern KinesisPosition kinesis_subscription_position(const Shard *shard);

/* Fills in the request, and sets when the shard may be asked again. */
extern void kinesis_subscribe_to_shard(KinesisFetch *fetch, Slot *slot, Shard *shard);

/*
 * More has come to the slot's reply, maybe the last of it: takes the events apart, and
 * notes what they say.  answered: when the answer began, in ms since 1970, or -1.
 */
extern void kinesis_take_events(KinesisFetch *fetch, Slot *slot, int64 answered, bool last);

/* Is this the code of a refusal because there is a subscription, or was just now? */
extern bool kinesis_subscription_is_busy(const char *code);

#endif							/* PINTEREST_KINESIS_FETCH_H */
