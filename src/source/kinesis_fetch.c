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
 * Kinesis API, "GetRecords": a shard gives 5 answers and 2 MB a second, to all
 * its readers together; an answer of 10 MB is paid for in the seconds after
 * it.  Who asks sooner is refused, as are readers that others have outrun.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/clock.h"
#include "source/kinesis.h"
#include "utils/memutils.h"

#define READ_INTERVAL 200000	/* us */
#define READ_BYTES 2097152		/* a second */

/* Answers that wait to be read hold so many bytes at most, or nothing is asked. */
#define MAX_UNREAD (32 * 1024 * 1024)

/* The least a shard rests that has been asked for too much, and the most (us). */
#define THROTTLE_MIN 500000
#define THROTTLE_MAX 10000000

/*
 * ms after the start of the scan up to which what arrives belongs to it.  The
 * service tells its time in seconds, and its clocks may differ.
 */
#define SNAPSHOT_MARGIN 3000

/* ms that the horizon may move on until reading from there has begun */
#define HORIZON_MARGIN 60000

/* Waits without headway count up to this much at a time (us): the query may rest. */
#define MAX_FRUITLESS_STEP 10000000

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

/* From where on a shard can have lost records to the stream's retention. */
static int64
oldest_of(const KinesisFetch *fetch, const Shard *shard)
{
	int64		oldest = Max(fetch->map->taken_at - fetch->map->retention,
							 fetch->map->created) + HORIZON_MARGIN;

	return Max(oldest, shard->time_first);
}

/* Nothing more of the shard will be read: its children may be. */
static void
end_shard(KinesisFetch *fetch, Shard *shard)
{
	ListCell   *lc;

	foreach(lc, shard->children)
	{
		Shard	   *child = lfirst(lc);

		child->reached = Max(child->reached, shard->reached + HORIZON_MARGIN);
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

		shard->reached = oldest_of(fetch, shard);
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

/* What of the shard has been removed before it was read? */
static void
report_gap(KinesisFetch *fetch, const Shard *shard, int64 horizon)
{
	char	   *from = kinesis_time_text(shard->reached);

	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("records of shard %s may have been removed before they were read",
					shard->subject),
			 shard->last_sequence[0] != '\0' ?
			 errdetail("The stream keeps records for %lld hours. Those behind sequence number %s, which arrived from %s to %s, are older.",
					   (long long) (fetch->map->retention / 3600000), shard->last_sequence,
					   from, kinesis_time_text(horizon)) :
			 errdetail("The stream keeps records for %lld hours. Those that arrived from %s to %s are older.",
					   (long long) (fetch->map->retention / 3600000),
					   from, kinesis_time_text(horizon)),
			 errhint("Run the query again, with a condition on the time of arrival that leaves out what is about to be removed, or raise the stream's retention.")));
}

/* Has the trim horizon overtaken the shard since its last answer? */
static void
check_horizon(KinesisFetch *fetch, const Shard *shard, int64 answered)
{
	int64		horizon = answered - fetch->map->retention;

	if (answered >= 0 && fetch->map->taken_at >= 0 && fetch->map->retention > 0 &&
		horizon > shard->reached)
		report_gap(fetch, shard, horizon);
}

/* Does the shard take no headway for too long? */
static void
count_fruitless(KinesisFetch *fetch, Shard *shard, bool headway)
{
	int64		now = monotonic_us();

	if (headway || shard->answered_at == 0)
		shard->fruitless = 0;
	else
		shard->fruitless += Min(now - shard->answered_at, MAX_FRUITLESS_STEP);
	shard->answered_at = now;
	if (shard->fruitless <= (int64) pinterest_shard_timeout * 1000)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("shard %s brought no records for too long", shard->subject),
			 shard->throttled > 0 ?
			 errdetail("The service has refused to give more %d times in a row.",
					   shard->throttled) :
			 errdetail("By the service's last answer it is read to %lld ms before its end.",
					   (long long) shard->behind),
			 errhint("Raise the setting \"pinterest.shard_timeout\", now %d ms. Other readers of the stream take their part of what a shard gives.",
					 pinterest_shard_timeout)));
}

/* When the shard may be asked again after an answer of so many bytes. */
static void
pace(Shard *shard, int64 sent_at, int64 bytes)
{
	if (pinterest_kinesis_pacing)
		shard->next_at = sent_at + Max(READ_INTERVAL, bytes * 1000000 / READ_BYTES);
}

/* The service refuses for now: random, and longer each time. */
static void
rest_throttled(KinesisFetch *fetch, Shard *shard)
{
	int64		ceiling = Min((int64) THROTTLE_MIN << Min(shard->throttled, 5), THROTTLE_MAX);
	uint32		random = 0;

	fetch->counters->throttled++;
	shard->throttled++;
	if (!pg_strong_random(&random, sizeof(random)))
		random = (uint32) monotonic_us();
	count_fruitless(fetch, shard, false);
	shard->next_at = monotonic_us() + THROTTLE_MIN + random % (uint32) ceiling;
}

/* The place behind the last record that came is none any more. */
static void
report_lost_place(const Shard *shard)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not go on reading shard %s", shard->subject),
			 errdetail("The service does not know sequence number %s any more, up to which it has been read: what lay behind it has been removed, or the stream was deleted and created anew.",
					   shard->last_sequence),
			 errhint("Run the query again.")));
}

/* The request has failed for good; some failures are the way of the service. */
static void
take_failure(KinesisFetch *fetch, Slot *slot)
{
	Shard	   *shard = slot->shard;
	const char *code = aws_call_failure(slot->call)->code;
	bool		no_place = slot->state == SLOT_ITERATOR &&
	strcmp(code, "InvalidArgumentException") == 0;

	if (strcmp(code, "ProvisionedThroughputExceededException") == 0)
		rest_throttled(fetch, shard);
	else if (slot->state == SLOT_RECORDS && strcmp(code, "ExpiredIteratorException") == 0)
	{
		count_fruitless(fetch, shard, false);
		set_iterator(shard, NULL);
	}
	else if (no_place && kinesis_position(shard).sequence == shard->last_sequence)
		report_lost_place(shard);
	else if (no_place && kinesis_position(shard).sequence != NULL)
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

/* Notes how far the shard is now; true if that is further than before. */
static bool
note_progress(Shard *shard, const KinesisReply *reply, int64 last_arrival, int64 answered)
{
	int64		behind = reply_number(&reply->behind);
	bool		headway = reply->nrecords > 0 || !shard->begun ||
	(behind >= 0 && behind < shard->behind);

	if (reply->nrecords > 0)
	{
		const ReplyText *last = &reply->records[reply->nrecords - 1].sequence;

		kinesis_move_to(shard, last->text, last->len);
		shard->reached = Max(shard->reached, last_arrival);
	}
	else if (behind >= 0 && answered >= 0)
		shard->reached = Max(shard->reached, answered - behind);
	shard->behind = behind;
	shard->begun = true;
	shard->throttled = 0;
	return headway;
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
	check_horizon(fetch, shard, answered);
	count_fruitless(fetch, shard, note_progress(shard, reply, last_arrival, answered));
	fetch->counters->bytes += reply->data_len;
	pace(shard, slot->sent_at, reply->data_len / 4 * 3);

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
