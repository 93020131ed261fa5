/*-------------------------------------------------------------------------
 *
 * kinesis_fetch.c
 *	  Reading many shards at once.
 *
 *	  shards to be read -> slots, one request each -> answers -> reader
 *
 * A shard has one request under way at a time: for an iterator, then for
 * records, each with the iterator that the answer before gave.  Answers that
 * hold records wait in one queue, in the order in which they came.  A shard is
 * asked for nothing before its parents have been read to their end, so in
 * that queue parents precede their children.
 *
 * A shard ends by position or by time, never because nothing came: an empty
 * answer is normal anywhere in a shard.  It ends when the service gives no
 * further iterator (it is closed, and all of it has come); when it says that
 * nothing is behind (MillisBehindLatest 0); or when it has reached what
 * arrived after the snapshot was taken, or what WHERE excludes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "net/clock.h"
#include "source/kinesis/kinesis.h"
#include "utils/memutils.h"

/* Answers that wait to be read hold so many bytes at most, or nothing is asked. */
#define MAX_UNREAD (32 * 1024 * 1024)

/*
 * ms after the start of the scan up to which what arrives belongs to it.  The
 * service tells its time in seconds, and its clocks may differ.
 */
#define SNAPSHOT_MARGIN 3000

/* While the reader is busy, requests are moved on this often (us). */
#define NUDGE_INTERVAL 500

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_ITERATOR,
	SLOT_RECORDS,
	SLOT_UNREAD,				/* in the queue, or with the reader */
} SlotState;

typedef struct Slot
{
	dlist_node	node;			/* in unread */
	SlotState	state;
	AwsCall    *call;			/* NULL until one is needed */
	KinesisRequest request;
	Shard	   *shard;
	int64		sent_at;		/* us */
	KinesisReply reply;
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
	dlist_head	ready;			/* Shard.node: those to be asked, in turn */
	int			nready;
	int			asked;			/* shards with a request under way */
	dlist_head	unread;			/* Slot.node */
	int64		unread_bytes;
	Slot	   *current;		/* the reader has it */
	SourceWait	waiting;
	int64		nudged_at;		/* us */
};

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

/* Takes over a text of the fetch's context, or NULL. */
static void
set_iterator(Shard *shard, char *iterator)
{
	if (shard->iterator != NULL)
		pfree(shard->iterator);
	shard->iterator = iterator;
}

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
		MemoryContextSwitchTo(old);
		if (slot->call != NULL)
			return slot;
		/* slots are made in order, so those behind it have no call either */
		fetch->nslots = i;
	}
	return NULL;
}

static void
ask_for_iterator(KinesisFetch *fetch, Slot *slot, Shard *shard)
{
	KinesisPosition position = kinesis_position(shard);

	kinesis_get_iterator(&slot->request, fetch->stream, shard->listed.id, &position,
						 shard->subject);
	slot->state = SLOT_ITERATOR;
	fetch->counters->control_requests++;
}

static void
ask_for_records(KinesisFetch *fetch, Slot *slot, Shard *shard)
{
	kinesis_get_records(&slot->request, fetch->stream, shard->iterator, shard->subject);
	slot->state = SLOT_RECORDS;
	fetch->counters->get_requests++;
}

static void
ask(KinesisFetch *fetch, Slot *slot, Shard *shard, int64 now)
{
	dlist_delete(&shard->node);
	fetch->nready--;
	fetch->asked++;
	slot->shard = shard;
	slot->sent_at = now;
	if (!shard->asked)
		fetch->counters->begun++;
	shard->asked = true;
	if (shard->iterator == NULL)
		ask_for_iterator(fetch, slot, shard);
	else
		ask_for_records(fetch, slot, shard);
	aws_call_begin(slot->call, &slot->request.aws);
}

/* Sends whatever may be sent now. */
static void
fill(KinesisFetch *fetch)
{
	dlist_mutable_iter iter;
	int64		now;

	if (fetch->nready == 0 || fetch->unread_bytes >= MAX_UNREAD)
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
		ask(fetch, slot, shard, now);
	}
}

/* ---------- answers ---------- */

/* The request has failed for good; some failures are the way of the service. */
static void
take_failure(KinesisFetch *fetch, Slot *slot)
{
	Shard	   *shard = slot->shard;
	const char *code = aws_call_failure(slot->call)->code;
	bool		no_place = slot->state == SLOT_ITERATOR &&
	strcmp(code, "InvalidArgumentException") == 0;
	const char *asked_for = kinesis_position(shard).sequence;

	if (strcmp(code, "ProvisionedThroughputExceededException") == 0)
	{
		fetch->counters->throttled++;
		kinesis_note_refusal(shard);
	}
	else if (slot->state == SLOT_RECORDS && strcmp(code, "ExpiredIteratorException") == 0)
	{
		kinesis_note_fruitless(shard);
		set_iterator(shard, NULL);
	}
	else if (no_place && asked_for == shard->last_sequence)
		kinesis_report_lost_place(shard);
	else if (slot->state == SLOT_ITERATOR && asked_for != NULL &&
			 asked_for != shard->last_sequence &&
			 (no_place || strcmp(code, "ResourceNotFoundException") == 0))

		/* a number that WHERE names: begin elsewhere, if there is anything */
		shard->no_such_sequence = true;
	else
		aws_call_check(slot->call);
	slot->state = SLOT_FREE;
	make_ready(fetch, shard);
}

static void
take_iterator(KinesisFetch *fetch, Slot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	Shard	   *shard = slot->shard;

	set_iterator(shard, kinesis_iterator(aws_call_body(slot->call), shard->subject));
	MemoryContextSwitchTo(old);
	slot->state = SLOT_FREE;
	make_ready(fetch, shard);
}

/*
 * Is nothing of the snapshot, or nothing that is wanted, behind this answer?
 * What it says to be behind is compared with nothing: services differ in
 * whether that is from the newest record or from now.
 */
static bool
has_ended(const KinesisFetch *fetch, const Shard *shard, const KinesisReply *reply,
		  int64 last_arrival)
{
	return reply->next_iterator.text == NULL || shard->behind == 0 ||
		last_arrival > Min(fetch->limit, shard->time_end) ||
		kinesis_sequences_done(shard);
}

/* The iterator of the next request. */
static void
take_next_iterator(KinesisFetch *fetch, Shard *shard, const KinesisReply *reply)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	const char *text;
	size_t		len;

	set_iterator(shard, NULL);
	if (!kinesis_in_gap(shard))
	{
		text = reply_unescape(&reply->next_iterator, &len);
		if (text == NULL)
			kinesis_bad_answer(shard->subject, "GetRecords");
		set_iterator(shard, pnstrdup(text, len));
	}
	MemoryContextSwitchTo(old);
}

static void
take_records(KinesisFetch *fetch, Slot *slot)
{
	Shard	   *shard = slot->shard;
	KinesisReply *reply = &slot->reply;
	int64		answered = kinesis_answer_time(slot->call);
	int64		last_arrival = -1;
	bool		ended;

	if (!kinesis_reply_parse(reply, aws_call_body(slot->call), fetch->context))
		kinesis_bad_answer(shard->subject, "GetRecords");
	if (reply->nrecords > 0)
		last_arrival = reply_time(&reply->records[reply->nrecords - 1].arrival);
	kinesis_check_horizon(shard, fetch->map, answered);
	kinesis_note_answer(shard, reply, slot->sent_at, last_arrival, answered);
	fetch->counters->bytes += reply->data_len;

	slot->state = SLOT_FREE;
	if (reply->nrecords > 0)
	{
		slot->state = SLOT_UNREAD;
		dlist_push_tail(&fetch->unread, &slot->node);
		fetch->unread_bytes += reply->data_len;
	}
	ended = has_ended(fetch, shard, reply, last_arrival);
	if (ended)
	{
		set_iterator(shard, NULL);
		end_shard(fetch, shard);
		return;
	}
	take_next_iterator(fetch, shard, reply);
	make_ready(fetch, shard);
}

static void
take_answers(KinesisFetch *fetch)
{
	for (int i = 0; i < fetch->nslots; i++)
	{
		Slot	   *slot = &fetch->slots[i];
		AwsCallState state;

		if (slot->state != SLOT_ITERATOR && slot->state != SLOT_RECORDS)
			continue;
		state = aws_call_state(slot->call);
		if (state != AWS_DONE && state != AWS_FAILED)
			continue;
		fetch->asked--;
		if (state == AWS_FAILED)
			take_failure(fetch, slot);
		else if (slot->state == SLOT_ITERATOR)
			take_iterator(fetch, slot);
		else
			take_records(fetch, slot);
	}
}

/* ---------- waiting ---------- */

/* Tells how things are before a wait, and again behind it. */
static void
tell(KinesisFetch *fetch, SourceWait waiting)
{
	aws_service_name_wait(fetch->service, waiting == SOURCE_BACKOFF ? HTTP_WAIT_BACKOFF :
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
		tell(fetch, aws_service_in_flight(fetch->service) > 0 ? SOURCE_GET : SOURCE_BACKOFF);
	aws_service_pump(fetch->service, timeout);
	if (timeout > 0)
		tell(fetch, SOURCE_BUSY);
	fetch->nudged_at = monotonic_us();
	fetch->counters->retries = aws_service_retries(fetch->service);
	take_answers(fetch);
	fill(fetch);
}

void
kinesis_fetch_nudge(KinesisFetch *fetch)
{
	if (monotonic_us() - fetch->nudged_at >= NUDGE_INTERVAL)
		pump(fetch, 0);
}

KinesisReply *
kinesis_fetch_next(KinesisFetch *fetch, Shard **shard)
{
	Slot	   *slot = fetch->current;

	if (slot != NULL)
	{
		fetch->unread_bytes -= slot->reply.data_len;
		slot->state = SLOT_FREE;
		fetch->current = NULL;
	}
	fill(fetch);
	while (dlist_is_empty(&fetch->unread))
	{
		if (fetch->nready == 0 && fetch->asked == 0)
			return NULL;
		pump(fetch, until_due(fetch));
	}
	slot = dlist_container(Slot, node, dlist_pop_head_node(&fetch->unread));
	fetch->current = slot;
	*shard = slot->shard;
	return &slot->reply;
}

int64
kinesis_fetch_limit(const KinesisFetch *fetch)
{
	return fetch->limit;
}

KinesisFetch *
kinesis_fetch_create(AwsService *service, const char *stream, ShardMap *map,
					 Source *source, FetchCounters *counters)
{
	KinesisFetch *fetch = palloc0(sizeof(KinesisFetch));

	fetch->context = CurrentMemoryContext;
	fetch->service = service;
	fetch->stream = stream;
	fetch->source = source;
	fetch->counters = counters;
	fetch->map = map;
	fetch->limit = map->taken_at < 0 ? PG_INT64_MAX : map->taken_at + SNAPSHOT_MARGIN;

	/* a few more than requests in flight, for answers that are being read */
	fetch->nslots = Max(Min(pinterest_kinesis_connections, map->nshards), 1) + 2;
	fetch->slots = palloc0(fetch->nslots * sizeof(Slot));
	dlist_init(&fetch->ready);
	dlist_init(&fetch->unread);
	begin_with_roots(fetch);
	return fetch;
}
