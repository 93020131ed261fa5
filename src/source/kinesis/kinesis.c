/*-------------------------------------------------------------------------
 *
 * kinesis.c
 *	  The source of kinesis_json: the records of a stream.
 *
 * A split is a shard.  A body is one record, or one of the user records that a
 * producer has put together in it (kpl.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "option.h"
#include "source/kinesis/kinesis_metadata.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* While the reader is busy, requests are looked after each so many records. */
#define NUDGE_RECORDS 64

/* A scan that took longer asks at its end whether it was one stream (us). */
#define CHECK_AFTER 1000000

int			pinterest_kinesis_connections = 64;
bool		pinterest_kinesis_pacing = true;
int			pinterest_shard_timeout = 300000;

typedef struct KinesisSource
{
	Source		base;
	KinesisAccess *access;
	const char *stream;
	const char *consumer;		/* name or ARN; NULL: none */
	const SourceFilter *filter;
	const SourceResume *resume; /* in place of a filter, or NULL */
	List	   *reached;		/* of SourcePosition, when the scan has ended */

	MemoryContext context;		/* of everything below; NULL before the first
								 * next */
	AwsService *service;
	ShardMap   *map;
	KinesisFetch *fetch;
	int64		started_at;		/* us */
	bool		ended;

	/* what is being read */
	Shard	   *shard;			/* NULL before the first record */
	KinesisReply *reply;
	int			next;			/* record of the reply */
	bool		check_arrival;	/* some of the reply are too late */
	const ReplyRecord *record;	/* the current one */
	KinesisBody body;			/* of it; lives as long as the source */

	FetchCounters counters;
	int64		earlier_retries;	/* before the last rewind */
} KinesisSource;

static Source *
kinesis_open(const SourceRequest *request)
{
	KinesisSource *kinesis = palloc0(sizeof(KinesisSource));
	const char *key = option_text(request->table_options, "partition_key");

	kinesis->base.ops = &kinesis_source_ops;
	kinesis->stream = option_text(request->table_options, "stream");
	kinesis->consumer = option_text(option_given(request->table_options, "consumer") ?
									request->table_options : request->server_options,
									"consumer");
	kinesis->access = kinesis_access(request);
	kinesis_take_credentials(request, kinesis->access);
	kinesis_body_init(&kinesis->body,
					  key == NULL ? NULL : pg_server_to_any(key, strlen(key), PG_UTF8));
	return &kinesis->base;
}

static void
kinesis_set_filter(Source *source, const SourceFilter *filter)
{
	((KinesisSource *) source)->filter = filter;
}

/* Lists the shards, and begins with those that are wanted. */
static void
start(KinesisSource *kinesis)
{
	const char *consumer_arn = NULL;
	MemoryContext old;

	kinesis->context = AllocSetContextCreate(GetMemoryChunkContext(kinesis),
											 "pinterest stream", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(kinesis->context);
	kinesis->started_at = monotonic_us();
	kinesis->service = kinesis_service(kinesis->access);
	aws_service_name_wait(kinesis->service, HTTP_WAIT_LIST);
	kinesis->map = kinesis_shard_map(kinesis->service, kinesis->stream,
									 &kinesis->counters.control_requests);
	for (int i = 0; i < kinesis->map->nshards && kinesis->filter != NULL; i++)
	{
		kinesis->shard = &kinesis->map->shards[i];
		kinesis_confine(kinesis->shard, kinesis->filter);
	}
	kinesis->shard = NULL;
	if (kinesis->resume != NULL)
		kinesis_resume(kinesis->map, kinesis->resume);
	if (kinesis->consumer != NULL)
		consumer_arn = kinesis_consumer_arn(kinesis->service, kinesis->stream, kinesis->map,
											kinesis->consumer,
											&kinesis->counters.control_requests);
	kinesis->fetch = kinesis_fetch_create(kinesis->service, kinesis->stream, consumer_arn,
										  kinesis->map, &kinesis->base, &kinesis->counters);
	MemoryContextSwitchTo(old);
}

/* Lets go of connections and memory: the scan may stay open for long. */
static void
stop(KinesisSource *kinesis)
{
	if (kinesis->context == NULL)
		return;
	MemoryContextDelete(kinesis->context);
	kinesis->context = NULL;
	kinesis->fetch = NULL;
	kinesis->map = NULL;
	kinesis->shard = NULL;
	kinesis->reply = NULL;
	kinesis->record = NULL;
	kinesis->body.in_aggregate = false;
	kinesis->earlier_retries += kinesis->counters.retries;
	kinesis->counters.retries = 0;
}

/*
 * Records
 */

/* Is the record of the snapshot, and in the ranges that are wanted? */
static bool
is_wanted(KinesisSource *kinesis)
{
	const ReplyRecord *record = kinesis->record;

	if (unlikely(kinesis->check_arrival) &&
		reply_time(&record->arrival) > kinesis_fetch_limit(kinesis->fetch))
		return false;
	return kinesis_wants_sequence(kinesis->shard, record->sequence.text, record->sequence.len);
}

/* The next answer that holds records; false when all has been read. */
static bool
next_reply(KinesisSource *kinesis)
{
	const ReplyRecord *last;

	kinesis->record = NULL;
	kinesis->reply = kinesis_fetch_next(kinesis->fetch, &kinesis->shard);
	if (kinesis->reply == NULL)
		return false;
	kinesis->next = 0;
	last = &kinesis->reply->records[kinesis->reply->nrecords - 1];
	kinesis->check_arrival = reply_time(&last->arrival) > kinesis_fetch_limit(kinesis->fetch);
	return true;
}

/* Reads on until there is a record that makes a body. */
static bool
next_record(KinesisSource *kinesis)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (kinesis->reply == NULL || kinesis->next == kinesis->reply->nrecords)
		{
			if (!next_reply(kinesis))
				return false;
		}
		else if (kinesis->next % NUDGE_RECORDS == 0)
			kinesis_fetch_nudge(kinesis->fetch);
		kinesis->record = &kinesis->reply->records[kinesis->next++];
		if (is_wanted(kinesis) &&
			(kinesis->resume == NULL || kinesis_take_next(kinesis->shard, kinesis->record)) &&
			kinesis_body_take(&kinesis->body, kinesis->record, kinesis->shard))
			return true;
	}
}

/* Before the map goes. */
static void
note_reached(KinesisSource *kinesis)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(kinesis));

	kinesis->reached = kinesis_reached(kinesis->map, kinesis->resume);
	MemoryContextSwitchTo(old);
}

static bool
kinesis_next(Source *source)
{
	KinesisSource *kinesis = (KinesisSource *) source;
	int64		took;

	if (kinesis->body.in_aggregate && kinesis_body_next(&kinesis->body))
		return true;
	if (kinesis->ended || source->enough)
		return false;
	if (kinesis->context == NULL)
		start(kinesis);
	if (next_record(kinesis))
		return true;
	took = monotonic_us() - kinesis->started_at;
	if (took > CHECK_AFTER)
	{
		kinesis->counters.control_requests++;
		kinesis_check_same(kinesis->service, kinesis->stream, kinesis->map);
	}
	kinesis->ended = true;
	if (kinesis->resume != NULL)
		note_reached(kinesis);
	stop(kinesis);
	return false;
}

static const char *
kinesis_message(Source *source, size_t *len, char **spare)
{
	const KinesisBody *body = &((KinesisSource *) source)->body;

	*len = body->len;
	if (body->in_buffer)
		*spare = unconstify(char *, body->data + body->len);
	return body->data;
}

static int64
kinesis_consumed(Source *source)
{
	return ((KinesisSource *) source)->body.len;
}

/*
 * Metadata
 */

static Datum
kinesis_metadata_value(Source *source, int item, const RecordPlace *place, bool *isnull)
{
	KinesisSource *kinesis = (KinesisSource *) source;

	*isnull = false;
	if (item == KINESIS_ITEM_STREAM)
		return CStringGetTextDatum(kinesis->stream);
	if (item == KINESIS_ITEM_SHARD)
		return CStringGetTextDatum(kinesis->shard->listed.id);
	return kinesis_record_value(kinesis->record, &kinesis->body, item, isnull);
}

static char *
kinesis_place(Source *source)
{
	KinesisSource *kinesis = (KinesisSource *) source;
	const ReplyRecord *record = kinesis->record;

	if (record == NULL)
		return NULL;
	if (kinesis->body.in_aggregate)
		return psprintf("stream \"%s\", shard \"%s\", sequence number %.*s, sub-sequence number %lld",
						kinesis->stream, kinesis->shard->listed.id,
						(int) record->sequence.len, record->sequence.text,
						(long long) kinesis->body.sub_sequence);
	return psprintf("stream \"%s\", shard \"%s\", sequence number %.*s",
					kinesis->stream, kinesis->shard->listed.id,
					(int) record->sequence.len, record->sequence.text);
}

/*
 * Positions
 */

static void
resume(Source *source, const SourceResume *from)
{
	((KinesisSource *) source)->resume = from;
}

static List *
reached(Source *source)
{
	KinesisSource *kinesis = (KinesisSource *) source;

	if (kinesis->map != NULL)
		return kinesis_reached(kinesis->map, kinesis->resume);
	return copy_positions(kinesis->reached);
}

static void
locate(Source *source, const RecordPlace *place, SourcePosition *position)
{
	KinesisSource *kinesis = (KinesisSource *) source;
	const ReplyValue *sequence = &kinesis->record->sequence;

	position->split = kinesis->shard->listed.id;
	position->position = kinesis->body.in_aggregate ?
		psprintf("%.*s/%lld", (int) sequence->len, sequence->text,
				 (long long) kinesis->body.sub_sequence) :
		pnstrdup(sequence->text, sequence->len);
	position->mark = NULL;
}

static const SourcePositions kinesis_positions = {
	.resume = resume,
	.reached = reached,
	.locate = locate,
	.check = kinesis_check_position,
};

/*
 * The scan as a whole
 */

static void
kinesis_rewind(Source *source)
{
	KinesisSource *kinesis = (KinesisSource *) source;

	stop(kinesis);
	kinesis->ended = false;
}

static void
kinesis_close(Source *source)
{
	stop((KinesisSource *) source);
}

static void
kinesis_progress(Source *source, SourceProgress *progress)
{
	const KinesisSource *kinesis = (const KinesisSource *) source;

	progress->waiting = kinesis->fetch == NULL ? SOURCE_LIST :
		kinesis_fetch_waiting(kinesis->fetch);
	progress->bodies = kinesis->counters.begun;
	progress->known = kinesis->counters.shards;
	progress->complete = kinesis->fetch != NULL || kinesis->ended;
	progress->bytes = kinesis->counters.bytes;
	progress->in_flight = kinesis->fetch == NULL ? 0 : kinesis_fetch_in_flight(kinesis->fetch);
	progress->retries = kinesis->earlier_retries + kinesis->counters.retries;
}

static int
kinesis_counters(Source *source, SourceCounter *counters)
{
	const KinesisSource *kinesis = (const KinesisSource *) source;
	const FetchCounters *done = &kinesis->counters;
	int			n = 0;

	counters[n++] = (SourceCounter) {"Shards", done->shards};
	counters[n++] = (SourceCounter) {"Shards Filtered", done->filtered};
	counters[n++] = (SourceCounter) {"User Records Outside Shard", kinesis->body.outside};
	counters[n++] = (SourceCounter) {"Bytes", done->bytes};
	counters[n++] = (SourceCounter) {"Control Requests", done->control_requests};
	counters[n++] = (SourceCounter) {"Get Requests", done->get_requests};
	counters[n++] = (SourceCounter) {"Throttled", done->throttled};
	counters[n++] = (SourceCounter) {"Retries", kinesis->earlier_retries + done->retries};
	return n;
}

const SourceOps kinesis_source_ops = {
	.wrapper = "kinesis_json",
	.subject = "stream",
	.metadata = kinesis_metadata,
	.validate = kinesis_validate,
	.open = kinesis_open,
	.set_filter = kinesis_set_filter,
	.next = kinesis_next,
	.message = kinesis_message,
	.consumed = kinesis_consumed,
	.metadata_value = kinesis_metadata_value,
	.place = kinesis_place,
	.rewind = kinesis_rewind,
	.close = kinesis_close,
	.progress = kinesis_progress,
	.counters = kinesis_counters,
	.positions = &kinesis_positions,
	.open_target = kinesis_open_target,
	.check = kinesis_check,
	.tables = kinesis_tables,
	.admin = &kinesis_admin,
	.consumer = "consumer",
	.front = "api_gateway",
};
