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

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "option.h"
#include "source/kinesis/base64.h"
#include "source/kinesis/kinesis.h"
#include "source/kinesis/kpl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* A buffer larger than this is not kept for the next record. */
#define KEPT_CAPACITY (4 * 1024 * 1024)
#define INITIAL_CAPACITY (8 * 1024)

/* While the reader is busy, requests are looked after each so many records. */
#define NUDGE_RECORDS 64

/* A scan that took longer asks at its end whether it was one stream (us). */
#define CHECK_AFTER 1000000

int			pinterest_kinesis_connections = 64;
bool		pinterest_kinesis_pacing = true;
int			pinterest_shard_timeout = 300000;

enum
{
	ITEM_SEQUENCE = KINESIS_ITEM_SEQUENCE,
	ITEM_ARRIVAL = KINESIS_ITEM_ARRIVAL,
	ITEM_PARTITION_KEY = KINESIS_ITEM_PARTITION_KEY,
	ITEM_HASH_KEY = KINESIS_ITEM_HASH_KEY,
	ITEM_STREAM,
	ITEM_SHARD,
	ITEM_SUB_SEQUENCE
};

static const SourceMetadata kinesis_metadata[] = {
	{"stream", ITEM_STREAM, TEXTOID, true},
	{"shard_id", ITEM_SHARD, TEXTOID, true},
	{"sequence_number", ITEM_SEQUENCE, NUMERICOID, false, true},
	{"sub_sequence_number", ITEM_SUB_SEQUENCE, INT8OID},
	{"partition_key", ITEM_PARTITION_KEY, TEXTOID},
	{"explicit_hash_key", ITEM_HASH_KEY, NUMERICOID},
	{"arrival_timestamp", ITEM_ARRIVAL, TIMESTAMPTZOID, false, true},
	{"data", METADATA_RAW, BYTEAOID},
	{"error", METADATA_ERROR, TEXTOID},
	{NULL}
};

typedef struct KinesisSource
{
	Source		base;
	KinesisAccess *access;
	const char *stream;
	const char *partition_key;	/* UTF-8: of the records that are wanted; NULL
								 * for all */
	size_t		partition_key_len;
	const SourceFilter *filter;

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
	char	   *data;			/* its bytes */
	size_t		len;
	bool		in_aggregate;
	KplAggregate aggregate;
	KplRecord	user_record;
	int64		sub_sequence;

	char	   *buffer;			/* of decoded data; in the source's own context */
	Size		capacity;

	FetchCounters counters;
	int64		outside;		/* user records of other shards */
	int64		earlier_retries;	/* before the last rewind */
} KinesisSource;

static Source *
kinesis_open(const SourceRequest *request)
{
	KinesisSource *kinesis = palloc0(sizeof(KinesisSource));
	const char *key = option_text(request->table_options, "partition_key");

	kinesis->base.ops = &kinesis_source_ops;
	kinesis->stream = option_text(request->table_options, "stream");
	kinesis->access = kinesis_access(request);
	kinesis_take_credentials(request, kinesis->access);
	if (key != NULL)
	{
		kinesis->partition_key = pg_server_to_any(key, strlen(key), PG_UTF8);
		kinesis->partition_key_len = strlen(kinesis->partition_key);
	}
	kpl_init(&kinesis->aggregate);
	kinesis->capacity = INITIAL_CAPACITY;
	kinesis->buffer = palloc(kinesis->capacity);
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
	kinesis->fetch = kinesis_fetch_create(kinesis->service, kinesis->stream, kinesis->map,
										  &kinesis->base, &kinesis->counters);
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
	kinesis->in_aggregate = false;
	kinesis->earlier_retries += kinesis->counters.retries;
	kinesis->counters.retries = 0;
}

/*
 * Records
 */

/* Decodes into the buffer; false if it is no base64. */
static bool
decode_text(KinesisSource *kinesis, const char *text, size_t len)
{
	Size		needed = len / 4 * 3 + 4;
	int64		decoded;

	if (unlikely(needed > kinesis->capacity || kinesis->capacity > KEPT_CAPACITY))
	{
		MemoryContext context = GetMemoryChunkContext(kinesis);

		pfree(kinesis->buffer);
		kinesis->capacity = Max(needed, INITIAL_CAPACITY);
		kinesis->buffer = MemoryContextAllocHuge(context, kinesis->capacity);
	}
	decoded = base64_decode(text, len, kinesis->buffer);
	kinesis->data = kinesis->buffer;
	kinesis->len = Max(decoded, 0);
	return decoded >= 0;
}

/*
 * Decodes the data of the current record; what is no base64 stays as it came.
 * Nobody escapes base64, but "/" may be.
 */
static void
decode(KinesisSource *kinesis)
{
	const ReplyText *data = &kinesis->record->data;
	const char *text;
	size_t		len;

	if (likely(decode_text(kinesis, data->text, data->len)))
		return;
	text = reply_unescape(data, &len);
	if (text != NULL && text != data->text && decode_text(kinesis, text, len))
		return;
	kinesis->data = text != NULL ? unconstify(char *, text) : data->text;
	kinesis->len = text != NULL ? len : data->len;
}

/*
 * Does a user record belong to the shard it came in?  When shards are split or
 * merged, a producer that does not know yet puts records together that belong
 * to different ones.  It learns from the answer where they went, and puts those
 * that came to the wrong shard once more: so here they do not count.
 */
static bool
belongs_to_shard(const KinesisSource *kinesis, const KplRecord *record)
{
	const KinesisShard *shard = &kinesis->shard->listed;
	HashKey		key;

	if (kinesis->shard->takes_all)
		return true;
	key = kpl_hash_key(record);
	return hash_key_compare(&key, &shard->first_key) >= 0 &&
		hash_key_compare(&key, &shard->last_key) <= 0;
}

static bool
has_wanted_key(const KinesisSource *kinesis, const char *key, size_t len)
{
	return kinesis->partition_key == NULL ||
		(len == kinesis->partition_key_len && memcmp(key, kinesis->partition_key, len) == 0);
}

/* The next user record of the aggregate that is wanted. */
static bool
next_user_record(KinesisSource *kinesis)
{
	KplRecord  *record = &kinesis->user_record;

	while (kpl_next(&kinesis->aggregate, record))
	{
		kinesis->sub_sequence++;
		if (!belongs_to_shard(kinesis, record))
			kinesis->outside++;
		else if (has_wanted_key(kinesis, record->partition_key->text,
								record->partition_key->len))
		{
			kinesis->data = unconstify(char *, record->data);
			kinesis->len = record->len;
			return true;
		}
	}
	kinesis->in_aggregate = false;
	return false;
}

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

/* Takes the current record; false if it makes no body. */
static bool
take_record(KinesisSource *kinesis)
{
	const ReplyText *key = &kinesis->record->partition_key;
	const char *text;
	size_t		len;

	decode(kinesis);
	kinesis->sub_sequence = 0;
	if (unlikely(kpl_may_be(kinesis->data, kinesis->len)) &&
		kpl_begin(&kinesis->aggregate, kinesis->data, kinesis->len))
	{
		kinesis->in_aggregate = true;
		kinesis->sub_sequence = -1;
		return next_user_record(kinesis);
	}
	if (kinesis->partition_key == NULL)
		return true;
	text = reply_unescape(key, &len);
	return text != NULL && has_wanted_key(kinesis, text, len);
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
		if (is_wanted(kinesis) && take_record(kinesis))
			return true;
	}
}

static bool
kinesis_next(Source *source)
{
	KinesisSource *kinesis = (KinesisSource *) source;
	int64		took;

	if (kinesis->in_aggregate && next_user_record(kinesis))
		return true;
	if (kinesis->ended)
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
	stop(kinesis);
	return false;
}

static const char *
kinesis_message(Source *source, size_t *len)
{
	KinesisSource *kinesis = (KinesisSource *) source;

	*len = kinesis->len;
	return kinesis->data;
}

static int64
kinesis_consumed(Source *source)
{
	return ((KinesisSource *) source)->len;
}

/*
 * Metadata
 */

static Datum
text_of_utf8(const char *text, size_t len)
{
	char	   *converted = pg_any_to_server(pnstrdup(text, len), len, PG_UTF8);

	return CStringGetTextDatum(converted);
}

static Datum
partition_key_of(const KinesisSource *kinesis)
{
	const ReplyText *key = &kinesis->record->partition_key;
	const char *text;
	size_t		len;

	if (kinesis->in_aggregate)
		return text_of_utf8(kinesis->user_record.partition_key->text,
							kinesis->user_record.partition_key->len);
	text = reply_unescape(key, &len);
	if (text == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
				 errmsg("partition key cannot be converted to text")));
	return text_of_utf8(text, len);
}

static Datum
numeric_of(const char *digits, size_t len)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(digits, len)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* The service tells none: only aggregates hold them. */
static Datum
hash_key_value(const KinesisSource *kinesis, bool *isnull)
{
	const KplKey *key = kinesis->in_aggregate ? kinesis->user_record.hash_key : NULL;

	*isnull = key == NULL;
	return key == NULL ? (Datum) 0 : numeric_of(key->text, key->len);
}

static Datum
kinesis_metadata_value(Source *source, int item, const RecordPlace *place, bool *isnull)
{
	KinesisSource *kinesis = (KinesisSource *) source;
	int64		arrival;

	*isnull = false;
	switch (item)
	{
		case ITEM_STREAM:
			return CStringGetTextDatum(kinesis->stream);
		case ITEM_SHARD:
			return CStringGetTextDatum(kinesis->shard->listed.id);
		case ITEM_SEQUENCE:
			return numeric_of(kinesis->record->sequence.text, kinesis->record->sequence.len);
		case ITEM_SUB_SEQUENCE:
			return Int64GetDatum(kinesis->sub_sequence);
		case ITEM_PARTITION_KEY:
			return partition_key_of(kinesis);
		case ITEM_HASH_KEY:
			return hash_key_value(kinesis, isnull);
		case ITEM_ARRIVAL:
			arrival = reply_time(&kinesis->record->arrival);
			*isnull = arrival < 0;
			return TimestampTzGetDatum(kinesis_timestamp(arrival));
	}
	elog(ERROR, "unknown metadata item %d", item);
}

static char *
kinesis_place(Source *source)
{
	KinesisSource *kinesis = (KinesisSource *) source;
	const ReplyRecord *record = kinesis->record;

	if (record == NULL)
		return NULL;
	if (kinesis->in_aggregate)
		return psprintf("stream \"%s\", shard \"%s\", sequence number %.*s, sub-sequence number %lld",
						kinesis->stream, kinesis->shard->listed.id,
						(int) record->sequence.len, record->sequence.text,
						(long long) kinesis->sub_sequence);
	return psprintf("stream \"%s\", shard \"%s\", sequence number %.*s",
					kinesis->stream, kinesis->shard->listed.id,
					(int) record->sequence.len, record->sequence.text);
}

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
	counters[n++] = (SourceCounter) {"User Records Outside Shard", kinesis->outside};
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
	.open_target = kinesis_open_target,
	.check = kinesis_check,
	.tables = kinesis_tables,
	.admin = &kinesis_admin,
	.front = "api_gateway",
};
