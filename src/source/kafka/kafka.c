/*-------------------------------------------------------------------------
 *
 * kafka.c
 *	  The source of kafka_json: the messages of topics.
 *
 * A split is a partition, a body is a message.  What is to be read is known
 * from the snapshot: each range ends when a message at its end or behind has
 * come, or when the broker says that the partition ends there; never because
 * nothing came.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "kafka/consumer.h"
#include "kafka/options.h"
#include "kafka/topics.h"
#include "option.h"
#include "source/kafka/kafka.h"
#include "source/kafka/kafka_rest.h"
#include "source/kafka/kafka_target.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Partitions that are read at a time. */
#define MAX_RUNNING 64

/* A gap of so many offsets between two ranges is read and passed over. */
#define SMALL_GAP 1000

/*
 * A query may want no more than its first rows: until so many messages have
 * come, partitions are begun only while they have fewer offsets than these.
 */
#define FEW_MESSAGES 1000

/*
 * Offsets that a process of a parallel scan takes at a time.  Those of one share
 * after the other are mostly neighbours, which costs nothing.
 */
#define MIN_SHARE 1000
#define SHARES 128

static const SourceMetadata kafka_metadata[] = {
	{"topic", KAFKA_ITEM_TOPIC, TEXTOID, .of_split = true},
	{"partition", KAFKA_ITEM_PARTITION, INT4OID, .of_split = true},
	{"offset", KAFKA_ITEM_OFFSET, INT8OID, .ordered = true},
	{"timestamp", KAFKA_ITEM_TIMESTAMP, TIMESTAMPTZOID, .ordered = true},
	{"timestamp_type", KAFKA_ITEM_TIMESTAMP_TYPE, TEXTOID},
	{"key", KAFKA_ITEM_KEY, BYTEAOID},
	{"headers", KAFKA_ITEM_HEADERS, JSONOID},
	{"value", METADATA_RAW, BYTEAOID},
	{"error", METADATA_ERROR, TEXTOID},
	{NULL}
};

typedef struct KafkaSource
{
	Source		base;
	SourceRequest request;
	const char *topic;
	MemoryContext context;
	KafkaSnapshot *snapshot;	/* NULL before the first pass */
	MemoryContext snapshot_context; /* of the splits */
	KafkaClient *client;		/* NULL before the first use */
	KafkaConsumer *consumer;	/* has the client, then */
	const SourceFilter *filter;
	KafkaAsked	asked;

	bool		sampled;		/* are the splits those of a sample? */
	bool		begun;
	List	   *splits;			/* of KafkaSplit */
	int			next_split;		/* the first that has not been begun */
	List	   *running;		/* of those, the ones messages come of */
	int64		begun_offsets;	/* in this pass */
	int64		begun_messages;
	const KafkaEvent *event;	/* the current message, NULL before the first */
	KafkaSplit *split;			/* it is of */

	/* parallel scans */
	const SourceSupply *supply;
	bool		supply_is_empty;
	KafkaSplit *next_share;		/* has been taken, but not begun; or NULL */
	int64		share;			/* offsets to list at a time */

	int64		known;			/* offsets in the snapshot */
	int64		messages;
	int64		bytes;
	int64		partitions;
} KafkaSource;

static Source *
kafka_open(const SourceRequest *request)
{
	KafkaSource *kafka = palloc0(sizeof(KafkaSource));

	kafka->base.ops = &kafka_source_ops;
	kafka->request = *request;
	kafka->topic = option_text(request->table_options, "topic");
	kafka->context = CurrentMemoryContext;
	kafka->snapshot_context = AllocSetContextCreate(CurrentMemoryContext,
													"pinterest kafka snapshot",
													ALLOCSET_SMALL_SIZES);
	return &kafka->base;
}

/* The client begins to wait, or has waited. */
static void
kafka_on_wait(void *arg)
{
	Source	   *source = arg;

	if (source->on_wait != NULL)
		source->on_wait(source->on_wait_arg);
}

static void
take_client(KafkaSource *kafka)
{
	MemoryContext before = MemoryContextSwitchTo(kafka->context);

	kafka->client = kafka_client_acquire(&kafka->request, KAFKA_CONSUMER);
	kafka_client_on_wait(kafka->client, kafka_on_wait, kafka);
	MemoryContextSwitchTo(before);
}

static void
take_consumer(KafkaSource *kafka)
{
	MemoryContext before = MemoryContextSwitchTo(kafka->context);

	if (kafka->client == NULL)
		take_client(kafka);
	kafka->consumer = kafka_consumer_create(kafka->client);
	MemoryContextSwitchTo(before);
}

static void
take_snapshot(KafkaSource *kafka)
{
	MemoryContext before = MemoryContextSwitchTo(kafka->context);
	ListCell   *lc;

	if (kafka->client == NULL)
		take_client(kafka);
	if (kafka->snapshot == NULL)
		kafka->snapshot = kafka_take_snapshot(kafka->client, kafka->topic);
	MemoryContextReset(kafka->snapshot_context);
	MemoryContextSwitchTo(kafka->snapshot_context);
	kafka->splits = kafka_choose_splits(kafka->client, kafka->snapshot, kafka->filter,
										&kafka->asked);
	MemoryContextSwitchTo(before);
	kafka->known = 0;
	foreach(lc, kafka->splits)
		kafka->known += kafka_split_size(lfirst(lc));
}

/*
 * Ranges
 */

static void
stop_split(KafkaSource *kafka, KafkaSplit *split)
{
	if (!split->running)
		return;
	kafka_consumer_stop(kafka->consumer, split->topic, split->partition, split);
	split->running = false;
	kafka->running = list_delete_ptr(kafka->running, split);
}

static void
start_split(KafkaSource *kafka, KafkaSplit *split)
{
	MemoryContext before = MemoryContextSwitchTo(kafka->context);

	kafka->running = lappend(kafka->running, split);
	MemoryContextSwitchTo(before);
	split->running = true;
	kafka_consumer_start(kafka->consumer, split->topic, split->partition,
						 split->ranges[split->at].first, split);
}

/* The next share, which is taken from the supply unless it has been; or NULL. */
static KafkaSplit *
look_at_share(KafkaSource *kafka)
{
	StringInfoData packed;
	MemoryContext before;

	if (kafka->next_share != NULL || kafka->supply_is_empty)
		return kafka->next_share;
	before = MemoryContextSwitchTo(kafka->snapshot_context);
	initStringInfo(&packed);
	kafka->supply_is_empty = !kafka->supply->take(kafka->supply->arg, &packed);
	if (!kafka->supply_is_empty)
		kafka->next_share = kafka_unpack_share(&packed);
	pfree(packed.data);
	MemoryContextSwitchTo(before);
	return kafka->next_share;
}

static KafkaSplit *
take_share(KafkaSource *kafka)
{
	KafkaSplit *share = look_at_share(kafka);

	kafka->next_share = NULL;
	return share;
}

/* A split that has been read goes on with the next share, if that comes behind it. */
static void
extend_split(KafkaSource *kafka, KafkaSplit *split)
{
	KafkaSplit *share = kafka->supply == NULL ? NULL : look_at_share(kafka);

	if (share == NULL || !kafka_is_behind(share, split))
		return;
	split->ranges = take_share(kafka)->ranges;
	split->at = 0;
	kafka->partitions++;
}

/*
 * The current range has been read: goes on with the next.  False if what has
 * been fetched is of no use for it, since it comes again, or there is none.
 */
static bool
end_range(KafkaSource *kafka, KafkaSplit *split)
{
	int64		end = split->ranges[split->at++].end;

	if (split->at == split->nranges)
		extend_split(kafka, split);
	if (split->at < split->nranges && split->ranges[split->at].first - end <= SMALL_GAP)
		return true;
	stop_split(kafka, split);
	if (split->at < split->nranges)
		start_split(kafka, split);
	return false;
}

/* What is left of the split is not wanted. */
static void
end_split(KafkaSource *kafka, KafkaSplit *split)
{
	split->at = split->nranges;
	stop_split(kafka, split);
}

/* May a split be begun beside those that run? */
static bool
may_begin(const KafkaSource *kafka)
{
	if (kafka->running == NIL)
		return true;

	/* one share after the other, so that each process takes what it can read */
	if (kafka->supply != NULL)
		return false;
	return list_length(kafka->running) < MAX_RUNNING &&
		(kafka->begun_offsets < FEW_MESSAGES || kafka->begun_messages >= FEW_MESSAGES);
}

/* The next split to be begun; NULL if there is none, or not yet. */
static KafkaSplit *
next_split(KafkaSource *kafka)
{
	if (!may_begin(kafka))
		return NULL;
	if (kafka->supply != NULL)
		return take_share(kafka);
	if (kafka->next_split == list_length(kafka->splits))
		return NULL;
	return list_nth(kafka->splits, kafka->next_split++);
}

static void
start_splits(KafkaSource *kafka)
{
	KafkaSplit *split;

	while ((split = next_split(kafka)) != NULL)
	{
		kafka->begun_offsets += kafka_split_size(split);
		kafka->partitions++;
		start_split(kafka, split);
	}
}

/*
 * Ends
 */

/* Where the partition begins, or ends, now. */
static int64
look_up(KafkaSource *kafka, const KafkaSplit *split, int64 what)
{
	KafkaPosition position = {split->topic, split->partition, what};

	kafka_find_positions(kafka->client, &position, 1);
	return position.offset;
}

/* An offset of the snapshot does not exist any more. */
pg_noreturn static void
raise_gone(KafkaSource *kafka, const KafkaSplit *split, int64 offset)
{
	int64		begin = look_up(kafka, split, KAFKA_BEGINNING);
	int64		end = look_up(kafka, split, KAFKA_END);

	if (begin > offset)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("records of partition %d of topic \"%s\" are gone", split->partition,
						split->topic),
				 errdetail("Offsets %lld to %lld were deleted after the scan had begun.",
						   (long long) offset, (long long) begin - 1),
				 errhint("Run the query again: it will begin with what is there then.")));
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("records of partition %d of topic \"%s\" are gone", split->partition,
					split->topic),
			 errdetail("The partition ended at offset %lld when the scan began, and ends at offset %lld now.",
					   (long long) split->end, (long long) end),
			 errhint("The topic was deleted and made anew, or brokers have lost records. Run the query again.")));
	pg_unreachable();
}

/* The broker says that the partition ends at an offset. */
static void
reach_end(KafkaSource *kafka, KafkaSplit *split, int64 offset)
{
	while (split->ranges[split->at].end <= offset)
		if (!end_range(kafka, split))
			return;

	/* a leader that has just become one may not know the end yet; look again */
	if (look_up(kafka, split, KAFKA_END) < split->ranges[split->at].end)
		raise_gone(kafka, split, offset);
}

/*
 * Reading
 */

static int64
kafka_sample(Source *source, int64 records, bool newest, int64 *drawn)
{
	KafkaSource *kafka = (KafkaSource *) source;
	MemoryContext before;
	int64		total;
	ListCell   *lc;

	take_snapshot(kafka);
	total = kafka->known;
	before = MemoryContextSwitchTo(kafka->snapshot_context);
	kafka->splits = kafka_draw_sample(kafka->splits, records, newest);
	MemoryContextSwitchTo(before);
	kafka->known = 0;
	foreach(lc, kafka->splits)
		kafka->known += kafka_split_size(lfirst(lc));
	*drawn = kafka->known;
	kafka->sampled = true;
	return total;
}

/* Is this message one of those that are wanted?  Ends ranges that it is behind. */
static bool
take_message(KafkaSource *kafka, KafkaSplit *split, const KafkaEvent *event)
{
	kafka->messages++;
	kafka->begun_messages++;
	if (event->appended && event->time >= split->time_end)
	{
		end_split(kafka, split);
		return false;
	}
	while (event->offset >= split->ranges[split->at].end)
		if (!end_range(kafka, split))
			return false;
	return event->offset >= split->ranges[split->at].first;
}

/* The message before was the last of its range: no need to wait for another. */
static void
finish_message(KafkaSource *kafka)
{
	KafkaSplit *split = kafka->split;

	if (split != NULL && split->running &&
		kafka->event->offset + 1 >= split->ranges[split->at].end)
		(void) end_range(kafka, split);
	kafka->event = NULL;
	kafka->split = NULL;
}

static void
begin_reading(KafkaSource *kafka)
{
	if (kafka->begun)
		return;
	if (kafka->supply == NULL && !kafka->sampled)
		take_snapshot(kafka);
	if (kafka->consumer == NULL)
		take_consumer(kafka);
	kafka->begun = true;
}

static bool
kafka_next(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	begin_reading(kafka);
	finish_message(kafka);
	for (;;)
	{
		const KafkaEvent *event;
		KafkaSplit *split;

		start_splits(kafka);
		if (kafka->running == NIL)
			return false;
		event = kafka_consumer_next(kafka->consumer);
		split = event->split;
		if (event->kind == KAFKA_GONE)
			raise_gone(kafka, split, event->offset);
		if (event->kind == KAFKA_AT_END)
			reach_end(kafka, split, event->offset);
		else if (take_message(kafka, split, event))
		{
			kafka->event = event;
			kafka->split = split;
			kafka->bytes += event->len;
			return true;
		}
	}
}

static const char *
kafka_message(Source *source, size_t *len)
{
	const KafkaEvent *event = ((KafkaSource *) source)->event;

	*len = event->len;
	return event->value;
}

static int64
kafka_consumed(Source *source)
{
	const KafkaEvent *event = ((KafkaSource *) source)->event;

	return event == NULL ? 0 : event->len;
}

static void
kafka_set_filter(Source *source, const SourceFilter *filter)
{
	((KafkaSource *) source)->filter = filter;
}

static Datum
headers_value(const KafkaEvent *event, bool *isnull)
{
	StringInfoData json;

	initStringInfo(&json);
	*isnull = !kafka_message_headers(event, &json);
	return *isnull ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(json.data, json.len));
}

static Datum
kafka_metadata_value(Source *source, int item, const RecordPlace *place, bool *isnull)
{
	KafkaSource *kafka = (KafkaSource *) source;
	const KafkaEvent *event = kafka->event;

	*isnull = false;
	switch (item)
	{
		case KAFKA_ITEM_TOPIC:
			return CStringGetTextDatum(place == NULL ? kafka->asked.topic : kafka->split->topic);
		case KAFKA_ITEM_PARTITION:
			return Int32GetDatum(place == NULL ? kafka->asked.partition : kafka->split->partition);
		case KAFKA_ITEM_OFFSET:
			return Int64GetDatum(event->offset);
		case KAFKA_ITEM_TIMESTAMP:
			*isnull = !event->has_time;
			return TimestampTzGetDatum(kafka_time_to_timestamp(event->time));
		case KAFKA_ITEM_TIMESTAMP_TYPE:
			*isnull = !event->has_time;
			return CStringGetTextDatum(event->appended ? "append" : "create");
		case KAFKA_ITEM_KEY:
			*isnull = event->key == NULL;
			if (*isnull)
				return (Datum) 0;
			return PointerGetDatum(cstring_to_text_with_len(event->key, event->key_len));
		case KAFKA_ITEM_HEADERS:
			return headers_value(event, isnull);
		default:
			elog(ERROR, "unknown metadata item %d", item);
	}
}

static char *
kafka_place(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	if (kafka->event == NULL)
		return NULL;
	return psprintf("topic \"%s\", partition %d, offset %lld", kafka->split->topic,
					kafka->split->partition, (long long) kafka->event->offset);
}

/*
 * Parallel scans
 */

/* Gives out shares, neighbours one behind the other. */
static bool
kafka_list(Source *source, bool parts, StringInfo body)
{
	KafkaSource *kafka = (KafkaSource *) source;
	KafkaSplit *split;

	if (!kafka->begun)
	{
		take_snapshot(kafka);
		kafka->share = Max(kafka->known / SHARES, MIN_SHARE);
		kafka->begun = true;
	}
	if (kafka->next_split == list_length(kafka->splits))
		return false;
	split = list_nth(kafka->splits, kafka->next_split);
	kafka_pack_share(split, kafka->share, body);
	if (split->at == split->nranges)
		kafka->next_split++;
	return true;
}

static void
kafka_set_supply(Source *source, const SourceSupply *supply, bool parts)
{
	((KafkaSource *) source)->supply = supply;
}

/*
 * The rest
 */

static void
kafka_rewind(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	while (kafka->running != NIL)
		stop_split(kafka, linitial(kafka->running));
	MemoryContextReset(kafka->snapshot_context);
	kafka->splits = NIL;
	kafka->next_split = 0;
	kafka->begun_offsets = 0;
	kafka->begun_messages = 0;
	kafka->event = NULL;
	kafka->split = NULL;
	kafka->supply_is_empty = false;
	kafka->next_share = NULL;
	kafka->sampled = false;
	kafka->begun = false;
}

static void
kafka_close(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	if (kafka->consumer != NULL)
		kafka_consumer_end(kafka->consumer);
	else if (kafka->client != NULL)
		kafka_client_release(kafka->client);
	kafka->consumer = NULL;
	kafka->client = NULL;
	kafka->running = NIL;
	kafka->event = NULL;
	kafka->split = NULL;
}

static void
kafka_progress(Source *source, SourceProgress *progress)
{
	KafkaSource *kafka = (KafkaSource *) source;

	progress->waiting = kafka->client != NULL && kafka_client_waits(kafka->client) ?
		(kafka->begun ? SOURCE_GET : SOURCE_LIST) : SOURCE_BUSY;
	progress->bodies = kafka->messages;
	progress->known = kafka->known;
	progress->complete = kafka->begun;
	progress->bytes = kafka->bytes;
}

static int
kafka_counters(Source *source, SourceCounter *counters)
{
	KafkaSource *kafka = (KafkaSource *) source;
	int			n = 0;

	counters[n++] = (SourceCounter) {kafka->supply == NULL ? "Partitions" : "Shares", kafka->partitions};
	counters[n++] = (SourceCounter) {"Messages", kafka->messages};
	counters[n++] = (SourceCounter) {"Bytes", kafka->bytes};
	return n;
}

/* SourceOps.validate */
static void
kafka_validate(Oid catalog, List *options)
{
	if (catalog == ForeignTableRelationId)
		kafka_topic_check(option_text(options, "topic"));
	else
		kafka_options_validate(catalog, options);
	if (catalog == ForeignServerRelationId && option_given(options, "rest_proxy"))
		rest_proxy_check_url(option_text(options, "rest_proxy"));
}

const SourceOps kafka_source_ops = {
	.wrapper = "kafka_json",
	.metadata = kafka_metadata,
	.validate = kafka_validate,
	.open = kafka_open,
	.next = kafka_next,
	.message = kafka_message,
	.consumed = kafka_consumed,
	.set_filter = kafka_set_filter,
	.sample = kafka_sample,
	.metadata_value = kafka_metadata_value,
	.place = kafka_place,
	.list = kafka_list,
	.set_supply = kafka_set_supply,
	.rewind = kafka_rewind,
	.close = kafka_close,
	.progress = kafka_progress,
	.counters = kafka_counters,
	.open_target = kafka_open_target,
	.check = kafka_check,
	.tables = kafka_tables,
	.admin = &kafka_admin,
	.subject = "topic",
	.front = "rest_proxy",
};
