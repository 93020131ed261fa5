/*-------------------------------------------------------------------------
 *
 * kinesis_body.c
 *	  The bodies in a record of a stream.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/scan.h"
#include "source/kinesis/base64.h"
#include "source/kinesis/kinesis_body.h"
#include "utils/memutils.h"

/* A buffer larger than this is not kept for the next record. */
#define KEPT_CAPACITY (4 * 1024 * 1024)
#define INITIAL_CAPACITY (8 * 1024)

void
kinesis_body_init(KinesisBody *body, const char *partition_key)
{
	memset(body, 0, sizeof(KinesisBody));
	body->partition_key = partition_key;
	body->partition_key_len = partition_key == NULL ? 0 : strlen(partition_key);
	body->context = CurrentMemoryContext;
	kpl_init(&body->aggregate);
	body->capacity = INITIAL_CAPACITY;
	body->buffer = palloc(body->capacity + JSON_PADDING);
}

/* Decodes into the buffer; false if it is no base64. */
static bool
decode_text(KinesisBody *body, const char *text, size_t len)
{
	Size		needed = len / 4 * 3 + 4;
	int64		decoded;

	if (unlikely(needed > body->capacity || body->capacity > KEPT_CAPACITY))
	{
		pfree(body->buffer);
		body->capacity = Max(needed, INITIAL_CAPACITY);
		body->buffer = MemoryContextAllocHuge(body->context,
											  body->capacity + JSON_PADDING);
	}
	decoded = base64_decode(text, len, body->buffer);
	body->data = body->buffer;
	body->len = Max(decoded, 0);
	return decoded >= 0;
}

/* The data of a record; what should be base64, and is not, stays as it came. */
static void
take_data(KinesisBody *body, const ReplyValue *data)
{
	const char *text = data->text;
	size_t		len = data->len;

	body->in_buffer = true;

	/* nobody escapes base64, but "/" may be */
	if (data->form != REPLY_BYTES)
	{
		if (data->form != REPLY_CBOR && decode_text(body, text, len))
			return;
		text = reply_text(data, &len);
		if (text == NULL)
		{
			text = data->text;
			len = data->len;
		}
		else if (text != data->text)
		{
			if (reply_is_base64(data) && decode_text(body, text, len))
				return;
			body->in_buffer = false;
		}
	}
	body->data = text;
	body->len = len;
}

/*
 * Does a user record belong to the shard it came in?  When shards are split or
 * merged, a producer that does not know yet puts records together that belong
 * to different ones.  It learns from the answer where they went, and puts those
 * that came to the wrong shard once more: so here they do not count.
 */
static bool
belongs_to_shard(const KinesisBody *body, const KplRecord *record)
{
	const KinesisShard *shard = &body->shard->listed;
	HashKey		key;

	if (body->shard->takes_all)
		return true;
	key = kpl_hash_key(record);
	return hash_key_compare(&key, &shard->first_key) >= 0 &&
		hash_key_compare(&key, &shard->last_key) <= 0;
}

static bool
has_wanted_key(const KinesisBody *body, const char *key, size_t len)
{
	return body->partition_key == NULL ||
		(len == body->partition_key_len && memcmp(key, body->partition_key, len) == 0);
}

bool
kinesis_body_next(KinesisBody *body)
{
	KplRecord  *record = &body->user_record;

	while (kpl_next(&body->aggregate, record))
	{
		body->sub_sequence++;
		if (!belongs_to_shard(body, record))
			body->outside++;
		else if (has_wanted_key(body, record->partition_key->text,
								record->partition_key->len))
		{
			body->data = record->data;
			body->len = record->len;
			return true;
		}
	}
	body->in_aggregate = false;
	return false;
}

bool
kinesis_body_take(KinesisBody *body, const ReplyRecord *record, const Shard *shard)
{
	const ReplyValue *key = &record->partition_key;
	const char *text;
	size_t		len;

	body->shard = shard;
	take_data(body, &record->data);
	body->sub_sequence = 0;
	if (unlikely(kpl_may_be(body->data, body->len)) &&
		kpl_begin(&body->aggregate, body->data, body->len))
	{
		body->in_aggregate = true;
		body->sub_sequence = -1;
		return kinesis_body_next(body);
	}
	if (body->partition_key == NULL)
		return true;
	text = reply_text(key, &len);
	return text != NULL && has_wanted_key(body, text, len);
}
