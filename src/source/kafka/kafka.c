/*-------------------------------------------------------------------------
 *
 * kafka.c
 *	  The source of kafka_json: the messages of topics.
 *
 * A split is a partition, a body is a message.  What is to be read is decided
 * when a pass begins, from the snapshot (kafka_snapshot.c); kafka_reading.c reads
 * it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "kafka/options.h"
#include "kafka/topics.h"
#include "option.h"
#include "source/kafka/kafka_metadata.h"
#include "source/kafka/kafka_position.h"
#include "source/kafka/kafka_reading.h"
#include "source/kafka/kafka_rest.h"
#include "source/kafka/kafka_target.h"
#include "utils/memutils.h"

/*
 * Offsets that a process of a parallel scan takes at a time.  Those of one share
 * after the other are mostly neighbours, which costs nothing.
 */
#define MIN_SHARE 1000
#define SHARES 128

typedef struct KafkaSource
{
	Source		base;
	SourceRequest request;
	const char *topic;
	MemoryContext context;
	KafkaSnapshot *snapshot;	/* NULL before the first pass */
	MemoryContext snapshot_context; /* of the splits */
	KafkaClient *client;		/* NULL before the first use */
	KafkaReading *reading;		/* has the client, then */
	const SourceFilter *filter;
	KafkaAsked	asked;

	const SourceResume *resume; /* in place of a filter, or NULL */
	List	   *resumed;		/* of KafkaSplit: those and others, with nothing
								 * to be read */

	bool		sampled;		/* are the splits those of a sample? */
	bool		begun;
	List	   *splits;			/* of KafkaSplit */
	const KafkaEvent *event;	/* the current message, NULL before the first */

	/* parallel scans */
	const SourceSupply *supply;
	int64		share;			/* offsets to list at a time */
	int			next_split;		/* to cut shares off */

	int64		known;			/* offsets to be read in this pass */
	int64		bytes;
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

/* What is to be read of the snapshot, a List of KafkaSplit. */
static List *
choose_splits(KafkaSource *kafka)
{
	List	   *splits = NIL;
	ListCell   *lc;

	if (kafka->resume == NULL)
		return kafka_choose_splits(kafka->client, kafka->snapshot, kafka->filter,
								   &kafka->asked);
	kafka->resumed = kafka_resume(kafka->client, kafka->snapshot, kafka->resume);
	foreach(lc, kafka->resumed)
		if (((KafkaSplit *) lfirst(lc))->nranges > 0)
			splits = lappend(splits, lfirst(lc));
	return splits;
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
	kafka->splits = choose_splits(kafka);
	MemoryContextSwitchTo(before);
	kafka->known = 0;
	foreach(lc, kafka->splits)
		kafka->known += kafka_split_size(lfirst(lc));
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

static void
begin_pass(KafkaSource *kafka)
{
	MemoryContext before = MemoryContextSwitchTo(kafka->context);

	if (kafka->supply == NULL && !kafka->sampled)
		take_snapshot(kafka);
	if (kafka->client == NULL)
		take_client(kafka);
	if (kafka->reading == NULL)
		kafka->reading = kafka_reading_create(kafka->client);
	kafka_reading_begin(kafka->reading, kafka->splits, kafka->supply);
	kafka->begun = true;
	MemoryContextSwitchTo(before);
}

/* Is the message at hand a record that has not been read before? */
static bool
take_message(KafkaSource *kafka)
{
	KafkaSplit *split = kafka->event->split;

	if (kafka->resume == NULL)
		return true;
	switch (kafka_take(split, kafka->event, kafka->resume))
	{
		case KAFKA_TAKE:
			return true;
		case KAFKA_RESTART:
			kafka_reading_restart(kafka->reading, split);
			return false;
		default:
			return false;
	}
}

static bool
kafka_next(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	if (source->enough)
		return false;
	if (!kafka->begun)
		begin_pass(kafka);
	do
	{
		kafka->event = kafka_reading_next(kafka->reading);
		if (kafka->event == NULL)
			return false;
	} while (!take_message(kafka));
	kafka->bytes += kafka->event->len;
	return true;
}

static const char *
kafka_message(Source *source, size_t *len, char **spare)
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
kafka_metadata_value(Source *source, int item, const RecordPlace *place, bool *isnull)
{
	KafkaSource *kafka = (KafkaSource *) source;

	if (place == NULL)
		return kafka_asked_value(&kafka->asked, item, isnull);
	return kafka_event_value(kafka->event, item, isnull);
}

static char *
kafka_place(Source *source)
{
	const KafkaEvent *event = ((KafkaSource *) source)->event;
	const KafkaSplit *split;

	if (event == NULL)
		return NULL;
	split = event->split;
	return psprintf("topic \"%s\", partition %d, offset %lld", split->topic,
					split->partition, (long long) event->offset);
}

/*
 * Positions
 */

static void
resume(Source *source, const SourceResume *from)
{
	((KafkaSource *) source)->resume = from;
}

static List *
reached(Source *source)
{
	return kafka_reached(((KafkaSource *) source)->resumed);
}

static List *
backlog(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	take_snapshot(kafka);
	return kafka_backlog(kafka->resumed);
}

static void
locate(Source *source, const RecordPlace *place, SourcePosition *position)
{
	kafka_locate(((KafkaSource *) source)->event, position);
}

static const SourcePositions kafka_positions = {
	.resume = resume,
	.reached = reached,
	.backlog = backlog,
	.locate = locate,
	.check = kafka_check_position,
};

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

	if (kafka->reading != NULL)
		kafka_reading_stop(kafka->reading);
	MemoryContextReset(kafka->snapshot_context);
	kafka->splits = NIL;
	kafka->next_split = 0;
	kafka->event = NULL;
	kafka->sampled = false;
	kafka->begun = false;
}

static void
kafka_close(Source *source)
{
	KafkaSource *kafka = (KafkaSource *) source;

	if (kafka->client == NULL)
		return;
	if (kafka->reading != NULL)
		kafka_reading_end(kafka->reading);
	else
		kafka_client_release(kafka->client);
	kafka->client = NULL;
	kafka->event = NULL;
}

static int64
messages_of(const KafkaSource *kafka)
{
	return kafka->reading == NULL ? 0 : kafka_reading_messages(kafka->reading);
}

static void
kafka_progress(Source *source, SourceProgress *progress)
{
	KafkaSource *kafka = (KafkaSource *) source;

	progress->waiting = kafka->client != NULL && kafka_client_waits(kafka->client) ?
		(kafka->begun ? SOURCE_GET : SOURCE_LIST) : SOURCE_BUSY;
	progress->bodies = messages_of(kafka);
	progress->known = kafka->known;
	progress->complete = kafka->begun;
	progress->bytes = kafka->bytes;
}

static int
kafka_counters(Source *source, SourceCounter *counters)
{
	KafkaSource *kafka = (KafkaSource *) source;
	int			n = 0;

	counters[n++] = (SourceCounter) {kafka->supply == NULL ? "Partitions" : "Shares",
	kafka->reading == NULL ? 0 : kafka_reading_splits(kafka->reading)};
	counters[n++] = (SourceCounter) {"Messages", messages_of(kafka)};
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
	.positions = &kafka_positions,
	.subject = "topic",
	.front = "rest_proxy",
};
