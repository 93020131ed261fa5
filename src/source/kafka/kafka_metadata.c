/*-------------------------------------------------------------------------
 *
 * kafka_metadata.c
 *	  What is known of a message besides its value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "source/kafka/kafka_metadata.h"
#include "utils/builtins.h"

const SourceMetadata kafka_metadata[] = {
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

static Datum
headers_value(const KafkaEvent *event, bool *isnull)
{
	StringInfoData json;

	initStringInfo(&json);
	*isnull = !kafka_message_headers(event, &json);
	return *isnull ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(json.data, json.len));
}

Datum
kafka_asked_value(const KafkaAsked *asked, int item, bool *isnull)
{
	*isnull = false;
	if (item == KAFKA_ITEM_TOPIC)
		return CStringGetTextDatum(asked->topic);
	Assert(item == KAFKA_ITEM_PARTITION);
	return Int32GetDatum(asked->partition);
}

Datum
kafka_event_value(const KafkaEvent *event, int item, bool *isnull)
{
	const KafkaSplit *split = event->split;

	*isnull = false;
	switch (item)
	{
		case KAFKA_ITEM_TOPIC:
			return CStringGetTextDatum(split->topic);
		case KAFKA_ITEM_PARTITION:
			return Int32GetDatum(split->partition);
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
