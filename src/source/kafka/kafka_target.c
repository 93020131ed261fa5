/*-------------------------------------------------------------------------
 *
 * kafka_target.c
 *	  The target of kafka_json: a row is a message.
 *
 * Metadata columns say where it goes and what goes with it.  The handle is
 * taken with the first row, so that a statement without rows asks nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/producer.h"
#include "kafka/topics.h"
#include "option.h"
#include "source/kafka/kafka.h"
#include "source/kafka/kafka_headers.h"
#include "source/kafka/kafka_target.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct OpenTopic
{
	const char *name;
	KafkaProducerTopic *topic;
} OpenTopic;

typedef struct KafkaTarget
{
	Target		base;
	SourceRequest request;
	const char *topic;			/* of the table */
	KafkaProducer *producer;	/* NULL before the first row */
	List	   *topics;			/* of OpenTopic */
	OpenTopic  *last;			/* of the row before */
	MemoryContext row_context;
	int64		rows;
	MemoryContextCallback callback;
} KafkaTarget;

const char *
kafka_target_topic(const char *table_topic, const char *given, int64 row)
{
	bool		pattern = kafka_topic_is_pattern(table_topic);

	if (given == NULL && !pattern)
		return table_topic;
	if (given == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("cannot write to topic \"%s\": it is a pattern for several", table_topic),
				 errdetail("Row %lld of the statement does not say which topic it is for.",
						   (long long) row),
				 errhint("Give its name in the column with the metadata \"%s\".", "topic")));
	if (pattern ? !kafka_topic_matches(table_topic, given) : strcmp(table_topic, given) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("cannot write to topic \"%s\": the foreign table is for topic \"%s\"",
						given, table_topic),
				 errdetail("The topic is given by row %lld of the statement.", (long long) row)));
	return given;
}

/*
 * The producer
 */

static void
give_up(void *arg)
{
	KafkaTarget *target = arg;

	if (target->producer == NULL)
		return;
	kafka_producer_give_up(target->producer);
	target->base.complete = kafka_producer_deliveries(target->producer)->delivered;
}

static void
take_producer(KafkaTarget *target)
{
	MemoryContext before = MemoryContextSwitchTo(GetMemoryChunkContext(target));

	target->producer = kafka_producer_create(kafka_client_acquire(&target->request,
																  KAFKA_PRODUCER));

	/* called before those of the producer, and before who asks what stays */
	target->callback.func = give_up;
	target->callback.arg = target;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &target->callback);
	MemoryContextSwitchTo(before);
}

/* The topic of a row, which is looked up once. */
static KafkaProducerTopic *
topic_of(KafkaTarget *target, const char *given)
{
	const char *name = kafka_target_topic(target->topic, given, target->rows);
	MemoryContext before;
	ListCell   *lc;

	if (target->last != NULL && strcmp(target->last->name, name) == 0)
		return target->last->topic;
	foreach(lc, target->topics)
	{
		target->last = lfirst(lc);
		if (strcmp(target->last->name, name) == 0)
			return target->last->topic;
	}
	target->last = NULL;
	before = MemoryContextSwitchTo(GetMemoryChunkContext(target));
	target->last = palloc0(sizeof(OpenTopic));
	target->last->name = pstrdup(name);
	target->last->topic = kafka_producer_topic(target->producer, name);
	target->topics = lappend(target->topics, target->last);
	MemoryContextSwitchTo(before);
	return target->last->topic;
}

/*
 * Messages
 */

/* Kafka knows no times before 1970, and librdkafka takes 0 for now. */
static int64
time_of(const KafkaTarget *target, TimestampTz timestamp)
{
	int64		ms = kafka_time_of_timestamp(timestamp);

	if (ms <= 0 || ms == PG_INT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range for a Kafka message"),
				 errdetail("It is given by row %lld of the statement. It must be finite, and later than 1970-01-01 00:00:00 UTC.",
						   (long long) target->rows)));
	return ms;
}

/* What goes with the record, in the current memory context. */
static void
take_metadata(const KafkaTarget *target, const TargetRecord *record, KafkaMessage *message)
{
	const Datum *values = record->metadata;
	const bool *absent = record->absent;

	if (!absent[KAFKA_ITEM_KEY])
	{
		struct varlena *key = PG_DETOAST_DATUM_PACKED(values[KAFKA_ITEM_KEY]);

		message->key = VARDATA_ANY(key);
		message->key_len = VARSIZE_ANY_EXHDR(key);
	}
	if (!absent[KAFKA_ITEM_HEADERS])
		message->headers = kafka_headers_from_json(values[KAFKA_ITEM_HEADERS], target->rows,
												   &message->nheaders);
	if (!absent[KAFKA_ITEM_PARTITION])
		message->partition = DatumGetInt32(values[KAFKA_ITEM_PARTITION]);
	if (!absent[KAFKA_ITEM_TIMESTAMP])
		message->time = time_of(target, DatumGetTimestampTz(values[KAFKA_ITEM_TIMESTAMP]));
}

static void
kafka_target_put(Target *base, const TargetRecord *record)
{
	KafkaTarget *target = (KafkaTarget *) base;
	KafkaMessage message = {.partition = KAFKA_ANY_PARTITION};
	MemoryContext before = MemoryContextSwitchTo(target->row_context);
	const char *topic = NULL;

	target->rows++;
	message.value = record->data;
	message.len = record->len;
	take_metadata(target, record, &message);
	if (!record->absent[KAFKA_ITEM_TOPIC])
		topic = TextDatumGetCString(record->metadata[KAFKA_ITEM_TOPIC]);
	if (target->producer == NULL)
		take_producer(target);
	kafka_producer_put(target->producer, topic_of(target, topic), &message);
	MemoryContextSwitchTo(before);
	MemoryContextReset(target->row_context);
}

static void
kafka_target_finish(Target *base)
{
	KafkaTarget *target = (KafkaTarget *) base;
	KafkaProducer *producer = target->producer;

	if (producer == NULL)
		return;
	kafka_producer_flush(producer);
	base->complete = kafka_producer_deliveries(producer)->delivered;
	target->producer = NULL;
	kafka_producer_end(producer);
}

static char *
kafka_target_remaining(Target *base)
{
	KafkaTarget *target = (KafkaTarget *) base;
	const KafkaDeliveries *deliveries;

	if (target->producer == NULL)
		return NULL;
	give_up(target);
	deliveries = kafka_producer_deliveries(target->producer);
	return target_remains(base->unit, deliveries->delivered, deliveries->doubtful);
}

static const TargetOps kafka_target_ops = {
	.put = kafka_target_put,
	.finish = kafka_target_finish,
	.remains = kafka_target_remaining,
};

Target *
kafka_open_target(const SourceRequest *request)
{
	KafkaTarget *target;

	if (option_given(request->server_options, "rest_proxy"))
		return kafka_rest_target_open(request);
	target = palloc0(sizeof(KafkaTarget));
	target->base.ops = &kafka_target_ops;
	target->base.name = target->topic = option_text(request->table_options, "topic");
	target->base.unit = "messages";
	target->base.takes = 1 << KAFKA_ITEM_TOPIC | 1 << KAFKA_ITEM_PARTITION |
		1 << KAFKA_ITEM_TIMESTAMP | 1 << KAFKA_ITEM_KEY | 1 << KAFKA_ITEM_HEADERS;
	target->base.takes_bytes = true;
	target->request = *request;
	target->row_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest kafka message",
												ALLOCSET_DEFAULT_SIZES);
	return &target->base;
}
