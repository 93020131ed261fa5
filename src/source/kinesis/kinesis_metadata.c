/*-------------------------------------------------------------------------
 *
 * kinesis_metadata.c
 *	  What is known of a record besides its data.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "source/kinesis/kinesis_metadata.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

const SourceMetadata kinesis_metadata[] = {
	{"stream", KINESIS_ITEM_STREAM, TEXTOID, true},
	{"shard_id", KINESIS_ITEM_SHARD, TEXTOID, true},
	{"sequence_number", KINESIS_ITEM_SEQUENCE, NUMERICOID, false, true},
	{"sub_sequence_number", KINESIS_ITEM_SUB_SEQUENCE, INT8OID},
	{"partition_key", KINESIS_ITEM_PARTITION_KEY, TEXTOID},
	{"explicit_hash_key", KINESIS_ITEM_HASH_KEY, NUMERICOID},
	{"arrival_timestamp", KINESIS_ITEM_ARRIVAL, TIMESTAMPTZOID, false, true},
	{"data", METADATA_RAW, BYTEAOID},
	{"error", METADATA_ERROR, TEXTOID},
	{NULL}
};

static Datum
text_of_utf8(const char *text, size_t len)
{
	char	   *converted = pg_any_to_server(pnstrdup(text, len), len, PG_UTF8);

	return CStringGetTextDatum(converted);
}

static Datum
partition_key_of(const ReplyRecord *record, const KinesisBody *body)
{
	const ReplyValue *key = &record->partition_key;
	const KplKey *user_key = body->user_record.partition_key;
	const char *text;
	size_t		len;

	if (body->in_aggregate)
		return text_of_utf8(user_key->text, user_key->len);
	text = reply_text(key, &len);
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
hash_key_value(const KinesisBody *body, bool *isnull)
{
	const KplKey *key = body->in_aggregate ? body->user_record.hash_key : NULL;

	*isnull = key == NULL;
	return key == NULL ? (Datum) 0 : numeric_of(key->text, key->len);
}

Datum
kinesis_record_value(const ReplyRecord *record, const KinesisBody *body, int item,
					 bool *isnull)
{
	int64		arrival;

	*isnull = false;
	switch (item)
	{
		case KINESIS_ITEM_SEQUENCE:
			return numeric_of(record->sequence.text, record->sequence.len);
		case KINESIS_ITEM_SUB_SEQUENCE:
			return Int64GetDatum(body->sub_sequence);
		case KINESIS_ITEM_PARTITION_KEY:
			return partition_key_of(record, body);
		case KINESIS_ITEM_HASH_KEY:
			return hash_key_value(body, isnull);
		case KINESIS_ITEM_ARRIVAL:
			arrival = reply_time(&record->arrival);
			*isnull = arrival < 0;
			return TimestampTzGetDatum(kinesis_timestamp(arrival));
	}
	elog(ERROR, "unknown metadata item %d", item);
}
