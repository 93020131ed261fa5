/*-------------------------------------------------------------------------
 *
 * bucket_store.c
 *	  A bucket as a store: lists it and fetches its objects, many at a time.
 *
 *	  list call -> pages of matching objects -> slots, one GET each -> reader
 *
 * Both sides run ahead of the reader within bounds: the lister keeps two pages,
 * and there are as many slots as connections, each with a receive
 * buffer of fixed size.  A small object is complete in its buffer before the
 * reader gets to it; a large one rests there, full, until it is the current
 * one, and then streams through.
 *
 * With real distances everything waits for round trips, so what matters is
 * that no slot is idle: a slot the reader is done with starts its next GET
 * before anything else happens, and the next page is asked for while the
 * objects of the last one are still being fetched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/client.h"
#include "portability/instr_time.h"
#include "source/s3/bucket_address.h"
#include "source/s3/bucket_fetch.h"
#include "source/s3/bucket_folder.h"
#include "source/s3/bucket_lister.h"
#include "source/s3/store.h"
#include "utils/memutils.h"

/* While the reader is busy, transfers are moved on this often (us). */
#define NUDGE_INTERVAL 500

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_FETCHING,				/* its call goes on, or is done and unread */
	SLOT_CURRENT				/* the reader has it */
} SlotState;

typedef struct Slot
{
	SlotState	state;
	Fetch		fetch;			/* call NULL until one is needed */
	MemoryContext context;		/* of the current object */
} Slot;

typedef struct BucketStore
{
	Store		base;
	const Location *location;
	S3Access   *access;
	MemoryContext context;		/* of everything below; NULL before the first
								 * next */
	AwsService *service;
	char	   *root;			/* encoded path of the bucket, ends in "/" */
	BucketLister *lister;
	int64		earlier_retries;	/* of services before a rewind */

	Slot	   *slots;
	int			nslots;
	int			nfree;
	int			look_at;		/* slot to look at first for a ready body */
	Slot	   *current;
	bool		ended;			/* everything has been read and let go */
	bool		supplied_all;	/* base.supply has nothing more, for good */
	int64		sent;			/* GETs begun before the last pump */
	instr_time	nudged;
} BucketStore;

static void
start(BucketStore *store)
{
	MemoryContext context = AllocSetContextCreate(GetMemoryChunkContext(store),
												  "pinterest bucket store",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	S3Access   *access = store->access;

	store->context = context;	/* from here on, close cleans up */
	store->nslots = bucket_connections(access);
	store->service = bucket_service(access, store->location->bucket, store->nslots,
									&store->root);
	store->lister = lister_create(&store->base, store->location, store->service,
								  store->root, NULL);
	store->nfree = store->nslots;
	store->slots = palloc0(store->nslots * sizeof(Slot));
	MemoryContextSwitchTo(old);
}

/* Is there an object to be taken now, and may it be? */
static bool
has_object(const BucketStore *store)
{
	const StoreSupply *supply = store->base.supply;

	if (supply == NULL)
		return lister_waiting(store->lister) > 0;
	return !store->supplied_all && store->nslots - store->nfree < supply->limit(supply->arg);
}

/* Takes it to a slot; false if there was none after all. */
static bool
take_to_slot(BucketStore *store, Slot *slot)
{
	const StoreSupply *supply = store->base.supply;

	if (supply == NULL)
		lister_take(store->lister, &slot->fetch.object);
	else if (!supply->take(supply->arg, &slot->fetch.object))
	{
		store->supplied_all = supply->complete(supply->arg);
		return false;
	}
	return true;
}

/* ---------- fetching ---------- */

/*
 * A free slot that has what it needs.  When no more connections are to be
 * had, the store goes on with the slots it has, unless that is none.
 */
static Slot *
free_slot(BucketStore *store)
{
	int			i;
	MemoryContext old;

	for (i = 0; i < store->nslots; i++)
	{
		Slot	   *slot = &store->slots[i];

		if (slot->state != SLOT_FREE)
			continue;
		if (slot->fetch.call != NULL)
			return slot;
		old = MemoryContextSwitchTo(store->context);
		slot->fetch.call = aws_call_create(store->service);
		if (slot->fetch.call != NULL)
			slot->context = AllocSetContextCreate(store->context, "pinterest object",
												  ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(old);
		if (slot->fetch.call != NULL)
			return slot;
		/* slots are made in order, so those behind it have no call either */
		store->nfree -= store->nslots - i;
		store->nslots = i;
	}
	if (store->nslots == 0)
		aws_out_of_connections();
	return NULL;
}

/* Starts whatever may be started now. */
static void
fill(BucketStore *store)
{
	lister_ask(store->lister, store->nfree == store->nslots);
	while (has_object(store) && store->nfree > 0 &&
		   aws_service_has_room(store->service))
	{
		Slot	   *slot = free_slot(store);
		MemoryContext old;

		if (slot == NULL)
			break;
		MemoryContextReset(slot->context);
		old = MemoryContextSwitchTo(slot->context);
		if (!take_to_slot(store, slot))
		{
			MemoryContextSwitchTo(old);
			break;
		}
		fetch_begin(&store->base, &slot->fetch, store->root);
		MemoryContextSwitchTo(old);
		slot->state = SLOT_FETCHING;
		store->nfree--;
	}
}

static void
release(BucketStore *store, Slot *slot)
{
	fetch_end(&store->base, &slot->fetch);
	slot->state = SLOT_FREE;
	store->nfree++;
}

/* A slot the reader can start with; the one looked at longest ago first. */
static Slot *
ready_slot(BucketStore *store)
{
	int			i;

	for (i = 0; i < store->nslots; i++)
	{
		Slot	   *slot = &store->slots[(store->look_at + i) % store->nslots];

		if (slot->state != SLOT_FETCHING)
			continue;
		if (store->base.skip_missing && fetch_missing(&slot->fetch))
		{
			store->base.counters.missing++;
			release(store, slot);
			fill(store);
			continue;
		}
		if (!fetch_ready(&slot->fetch))
			continue;
		store->look_at = (slot - store->slots) + 1;
		return slot;
	}
	return NULL;
}

static SourceWait
what_for(const BucketStore *store)
{
	bool		fetching = store->nslots - store->nfree > 0;

	if (aws_service_in_flight(store->service) == 0)
		return SOURCE_BACKOFF;
	return lister_busy(store->lister) && !fetching ? SOURCE_LIST : SOURCE_GET;
}

/* Tells how things are before a wait, and again behind it. */
static void
tell(BucketStore *store, SourceWait waiting)
{
	static const HttpWait names[] = {
		HTTP_WAIT_ANSWER, HTTP_WAIT_LIST, HTTP_WAIT_GET, HTTP_WAIT_BACKOFF
	};
	StoreStatus *status = &store->base.status;

	aws_service_name_wait(store->service, names[waiting]);
	status->waiting = waiting;
	status->in_flight = aws_service_in_flight(store->service);
	status->complete = store->base.supply != NULL ? store->supplied_all :
		lister_complete(store->lister);
	if (store->base.on_wait != NULL)
		store->base.on_wait(store->base.on_wait_arg);
}

static void
pump(BucketStore *store, int timeout)
{
	if (timeout > 0)
		tell(store, what_for(store));
	aws_service_pump(store->service, timeout);
	if (timeout > 0)
		tell(store, SOURCE_BUSY);
	store->sent = store->base.counters.get_requests;
	INSTR_TIME_SET_CURRENT(store->nudged);
	store->base.counters.retries =
		store->earlier_retries + aws_service_retries(store->service);
	lister_look(store->lister);
	for (int i = 0; i < store->nslots; i++)
		if (store->slots[i].state == SLOT_FETCHING)
			fetch_look(&store->base, &store->slots[i].fetch);
}

/* Keeps the others moving while the reader has enough to do. */
static void
nudge(BucketStore *store)
{
	instr_time	since;

	if (store->base.counters.get_requests - store->sent < store->nslots / 2)
	{
		INSTR_TIME_SET_CURRENT(since);
		INSTR_TIME_SUBTRACT(since, store->nudged);
		if (INSTR_TIME_GET_MICROSEC(since) < NUDGE_INTERVAL)
			return;
	}
	pump(store, 0);
	fill(store);
}

/* ---------- the store ---------- */

static void
bucket_close(Store *base)
{
	BucketStore *store = (BucketStore *) base;
	int			i;

	if (store->context == NULL)
		return;
	for (i = 0; i < store->nslots; i++)
		if (store->slots[i].state != SLOT_FREE)
			release(store, &store->slots[i]);
	store->current = NULL;
	MemoryContextDelete(store->context);
	store->context = NULL;
	store->earlier_retries = store->base.counters.retries;
}

static bool
exhausted(const BucketStore *store)
{
	if (store->nfree < store->nslots)
		return false;
	return store->base.supply != NULL ? store->supplied_all :
		lister_complete(store->lister) && lister_waiting(store->lister) == 0;
}

/* Waits for what may bring the next object. */
static void
await(BucketStore *store)
{
	const StoreSupply *supply = store->base.supply;

	if (supply == NULL || store->nfree < store->nslots || lister_busy(store->lister))
	{
		pump(store, 100);
		return;
	}
	tell(store, SOURCE_LIST);
	supply->wait(supply->arg);
	tell(store, SOURCE_BUSY);
}

static const StoreObject *
bucket_next(Store *base)
{
	BucketStore *store = (BucketStore *) base;
	Slot	   *slot;

	if (store->ended)
		return NULL;
	if (store->context == NULL)
		start(store);
	if (store->current != NULL)
	{
		/* an answer that is read to its end leaves a connection of use */
		if (store->current->fetch.object.to >= 0)
			pump(store, 0);
		release(store, store->current);
		store->current = NULL;
	}
	fill(store);
	while ((slot = ready_slot(store)) == NULL)
	{
		if (exhausted(store))
		{
			/*
			 * The scan may stay open for long: the connections are for
			 * others, for example the next table of a UNION ALL.
			 */
			store->ended = true;
			bucket_close(base);
			return NULL;
		}
		await(store);
		fill(store);
	}
	nudge(store);

	slot->state = SLOT_CURRENT;
	store->current = slot;
	if (slot->fetch.object.from == 0)
		store->base.counters.objects++;
	return &slot->fetch.object;
}

static size_t
bucket_read(Store *base, char *buf, size_t room)
{
	BucketStore *store = (BucketStore *) base;
	Slot	   *slot = store->current;
	bool		ended;
	size_t		n;

	if (slot == NULL)
		return 0;
	nudge(store);
	while ((n = fetch_read(base, &slot->fetch, buf, room, &ended)) == 0 && !ended)
	{
		pump(store, 100);
		fill(store);
	}
	return n;
}

static void
bucket_rewind(Store *base)
{
	BucketStore *store = (BucketStore *) base;

	bucket_close(base);
	store->ended = false;
	store->look_at = 0;
	store->supplied_all = false;
}

static StoreFolder *
bucket_list_folder(Store *base)
{
	BucketStore *store = (BucketStore *) base;

	Assert(store->context == NULL);
	return bucket_folder(base, store->location, store->access);
}

static const StoreOps bucket_store_ops = {
	.next = bucket_next,
	.read = bucket_read,
	.rewind = bucket_rewind,
	.list_folder = bucket_list_folder,
	.close = bucket_close
};

Store *
bucket_store_open(const Location *location, S3Access *access)
{
	BucketStore *store = palloc0(sizeof(BucketStore));

	store->base.ops = &bucket_store_ops;
	store->location = location;
	store->access = access;
	return &store->base;
}
