/*-------------------------------------------------------------------------
 *
 * kinesis_fetch.c
 *	  Reading many shards at once.
 *
 *	  shards to be read -> slots, one request each -> answers -> reader
 *
 * A shard has one request under way at a time: for an iterator, then for
 * records, each with the iterator that the answer before gave.  Parts of answers
 * that hold records wait in one queue, in the order in which they came.  A shard is
 * asked for nothing before its parents have been read to their end, so in
 * that queue parents precede their children.
 *
 * What has come of an answer has to be read before more of it is taken: so a scan
 * holds a part of one answer for each request, and no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "net/clock.h"
#include "source/kinesis/kinesis_fetch.h"
#include "utils/memutils.h"

/*
 * ms after the start of the scan up to which what arrives belongs to it.  The
 * service tells its time in seconds, and its clocks may differ.
 */
#define SNAPSHOT_MARGIN 3000

/*
 * Of the buffers: few shards can send faster than many, whose buffers would take
 * much memory.  The largest is well within the processor's second-level cache, as
 * is what libcurl reads into.
 */
#define ALL_BUFFERS (8 * 1024 * 1024)
#define LARGEST_BUFFER (512 * 1024)
#define SMALLEST_BUFFER (256 * 1024)

/*
 * While the reader is busy, requests are moved on this often (us): as long as it
 * takes to read several buffers.
 */
#define NUDGE_INTERVAL 5000

int
kinesis_fetch_in_flight(const KinesisFetch *fetch)
{
	return aws_service_in_flight(fetch->service);
}

SourceWait
kinesis_fetch_waiting(const KinesisFetch *fetch)
{
	return fetch->waiting;
}

/* ---------- shards ---------- */

static void
make_ready(KinesisFetch *fetch, Shard *shard)
{
	dlist_push_tail(&fetch->ready, &shard->node);
	fetch->nready++;
}

/* Nothing more of the shard will be read: its children may be. */
static void
end_shard(KinesisFetch *fetch, Shard *shard)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, shard->children)
	{
		Shard	   *child = lfirst(lc);

		kinesis_follow_headway(child, shard);
		if (--child->parents_left == 0 && child->wanted)
			make_ready(fetch, child);
		else if (child->parents_left == 0)
			end_shard(fetch, child);
	}
}

/* Lets the reading begin with the shards whose parents have gone. */
static void
begin_with_roots(KinesisFetch *fetch)
{
	ShardMap   *map = fetch->map;
	List	   *roots = NIL;
	ListCell   *lc;

	for (int i = 0; i < map->nshards; i++)
	{
		Shard	   *shard = &map->shards[i];

		/* the service refuses times to come */
		shard->wanted = shard->wanted && shard->time_first <= fetch->limit;
		kinesis_begin_headway(shard, fetch->map);
		if (shard->wanted)
			fetch->counters->shards++;
		else
			fetch->counters->filtered++;
		if (shard->parents_left == 0)
			roots = lappend(roots, shard);
	}
	foreach(lc, roots)
	{
		Shard	   *shard = lfirst(lc);

		if (shard->wanted)
			make_ready(fetch, shard);
		else
			end_shard(fetch, shard);
	}
	list_free(roots);
}

/* ---------- sending ---------- */

/* A free slot; NULL if there is none, or no connection for it. */
static Slot *
free_slot(KinesisFetch *fetch)
{
	for (int i = 0; i < fetch->nslots; i++)
	{
		Slot	   *slot = &fetch->slots[i];
		MemoryContext old;

		if (slot->state != SLOT_FREE)
			continue;
		if (slot->call != NULL)
			return slot;
		old = MemoryContextSwitchTo(fetch->context);
		slot->call = i == 0 ? kinesis_call(fetch->service) : aws_call_create(fetch->service);
		kinesis_request_init(&slot->request);
		kinesis_reply_init(&slot->reply, fetch->buffer_size);
		MemoryContextSwitchTo(old);
		if (slot->call != NULL)
			return slot;
		/* slots are made in order, so those behind it have no call either */
		fetch->nslots = i;
	}
	return NULL;
}

/* Sends whatever may be sent now. */
static void
fill(KinesisFetch *fetch)
{
	dlist_mutable_iter iter;
	int64		now;

	if (fetch->nready == 0)
		return;
	now = monotonic_us();
	dlist_foreach_modify(iter, &fetch->ready)
	{
		Shard	   *shard = dlist_container(Shard, node, iter.cur);
		Slot	   *slot;

		if (shard->next_at > now)
			continue;
		if (!aws_service_has_room(fetch->service) || (slot = free_slot(fetch)) == NULL)
			break;
		dlist_delete(&shard->node);
		fetch->nready--;
		fetch->asked++;
		kinesis_slot_send(fetch, slot, shard);
	}
}

/*
 * Takes what has come of one answer.  A shard that has none under way may be asked
 * again.
 */
static Taken
take_answer(KinesisFetch *fetch, Slot *slot)
{
	Taken		taken = kinesis_slot_take(fetch, slot);

	if (taken == TAKEN_RECORDS)
		slot->state = SLOT_UNREAD;
	else if (taken != TAKEN_NOTHING)
	{
		slot->state = SLOT_FREE;
		fetch->asked--;
		if (taken == TAKEN_ALL)
			make_ready(fetch, slot->shard);
		else
			end_shard(fetch, slot->shard);
	}
	return taken;
}

/*
 * Takes what has come.  Less than a buffer full is left to grow, unless the reader
 * has nothing else.
 */
static void
take_answers(KinesisFetch *fetch, bool starving)
{
	for (int i = 0; i < fetch->nslots; i++)
	{
		Slot	   *slot = &fetch->slots[i];

		if ((slot->state == SLOT_ITERATOR || slot->state == SLOT_RECORDS) &&
			(starving || aws_call_ready(slot->call)) &&
			take_answer(fetch, slot) == TAKEN_RECORDS)
			dlist_push_tail(&fetch->unread, &slot->node);
	}
}

/* ---------- waiting ---------- */

/* Tells how things are before a wait, and again behind it. */
static void
tell(KinesisFetch *fetch, SourceWait waiting)
{
	aws_service_name_wait(fetch->service, waiting == SOURCE_PACE ? HTTP_WAIT_PACE :
						  HTTP_WAIT_GET);
	fetch->waiting = waiting;
	if (fetch->source->on_wait != NULL)
		fetch->source->on_wait(fetch->source->on_wait_arg);
}

/* Milliseconds until a shard may be asked again, 100 at most. */
static int
until_due(const KinesisFetch *fetch)
{
	int64		now = monotonic_us();
	int64		wait = 100000;
	dlist_iter	iter;

	dlist_foreach(iter, &unconstify(KinesisFetch *, fetch)->ready)
	{
		const Shard *shard = dlist_container(Shard, node, iter.cur);

		/* one that is due waits for room, and is woken by what gives it */
		if (shard->next_at > now)
			wait = Min(wait, shard->next_at - now);
	}
	return (int) ((wait + 999) / 1000);
}

static void
pump(KinesisFetch *fetch, int timeout)
{
	if (timeout > 0)
		tell(fetch, aws_service_in_flight(fetch->service) > 0 ? SOURCE_GET : SOURCE_PACE);
	aws_service_pump(fetch->service, timeout);
	if (timeout > 0)
		tell(fetch, SOURCE_BUSY);
	fetch->nudged_at = monotonic_us();
	fetch->counters->retries = aws_service_retries(fetch->service) + fetch->broken;
}

static void
move_on(KinesisFetch *fetch, bool starving)
{
	take_answers(fetch, starving);
	fill(fetch);
}

void
kinesis_fetch_nudge(KinesisFetch *fetch)
{
	if (monotonic_us() - fetch->nudged_at < NUDGE_INTERVAL)
		return;
	pump(fetch, 0);
	move_on(fetch, false);
}

/*
 * Takes more of the answer that has just been read: what of it is in the
 * processor's cache is used before other answers take its place.
 */
static bool
read_on(KinesisFetch *fetch)
{
	Slot	   *slot = fetch->current;
	Taken		taken;

	if (slot == NULL)
		return false;
	slot->state = SLOT_RECORDS;
	taken = take_answer(fetch, slot);
	if (taken == TAKEN_NOTHING)
	{
		pump(fetch, 0);
		if (aws_call_ready(slot->call))
			taken = take_answer(fetch, slot);
	}
	return taken == TAKEN_RECORDS;
}

/* Looks for records, first without waiting, and then in parts of buffers. */
static void
look(KinesisFetch *fetch)
{
	move_on(fetch, false);
	if (dlist_is_empty(&fetch->unread))
	{
		pump(fetch, 0);
		move_on(fetch, false);
	}
	if (dlist_is_empty(&fetch->unread))
		move_on(fetch, true);
}

KinesisReply *
kinesis_fetch_next(KinesisFetch *fetch, Shard **shard)
{
	if (!read_on(fetch))
	{
		fetch->current = NULL;
		if (dlist_is_empty(&fetch->unread))
			look(fetch);
		while (dlist_is_empty(&fetch->unread))
		{
			if (fetch->nready == 0 && fetch->asked == 0)
				return NULL;
			pump(fetch, until_due(fetch));
			look(fetch);
		}
		fetch->current = dlist_container(Slot, node, dlist_pop_head_node(&fetch->unread));
	}
	*shard = fetch->current->shard;
	return &fetch->current->reply;
}

int64
kinesis_fetch_limit(const KinesisFetch *fetch)
{
	return fetch->limit;
}

KinesisFetch *
kinesis_fetch_create(AwsService *service, const char *stream, const char *consumer_arn,
					 ShardMap *map, Source *source, FetchCounters *counters)
{
	KinesisFetch *fetch = palloc0(sizeof(KinesisFetch));

	fetch->context = CurrentMemoryContext;
	fetch->service = service;
	fetch->stream = stream;
	fetch->consumer_arn = consumer_arn;
	fetch->source = source;
	fetch->counters = counters;
	fetch->map = map;
	fetch->limit = map->taken_at < 0 ? PG_INT64_MAX : map->taken_at + SNAPSHOT_MARGIN;

	fetch->nslots = Max(Min(pinterest_kinesis_connections, map->nshards), 1);
	fetch->slots = palloc0(fetch->nslots * sizeof(Slot));
	fetch->buffer_size = Max(Min(ALL_BUFFERS / fetch->nslots, LARGEST_BUFFER), SMALLEST_BUFFER);
	dlist_init(&fetch->ready);
	dlist_init(&fetch->unread);
	begin_with_roots(fetch);
	return fetch;
}
