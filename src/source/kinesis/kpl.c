/*-------------------------------------------------------------------------
 *
 * kpl.c
 *	  Records that a producer has put together in one: taking them apart.
 *
 * The message is read twice: once to see that all of it is sound and to
 * collect the keys, then record by record as they are asked for.  Protocol
 * Buffers, "Encoding": a field is a tag (number and wire type) and a value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "source/kinesis/kpl.h"
#include "utils/memutils.h"

#define MAGIC "\xF3\x89\x9A\xC2"
#define MAGIC_LEN 4
#define DIGEST_LEN 16

/* Wire types */
enum
{
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5
};

/* Fields of the aggregate, and of a record in it */
enum
{
	AGGREGATE_PARTITION_KEY = 1,
	AGGREGATE_HASH_KEY = 2,
	AGGREGATE_RECORD = 3,
	RECORD_PARTITION_KEY = 1,
	RECORD_HASH_KEY = 2,
	RECORD_DATA = 3
};

typedef struct Field
{
	uint64		number;
	int			wire;
	uint64		value;			/* WIRE_VARINT */
	const char *bytes;			/* WIRE_BYTES */
	size_t		len;
} Field;

static bool
read_varint(const char **next, const char *end, uint64 *value)
{
	*value = 0;
	for (int shift = 0; *next < end && shift < 64; shift += 7)
	{
		uint64		byte = (unsigned char) *(*next)++;

		/* the tenth byte has room for one bit only */
		if (shift == 63 && byte > 1)
			return false;
		*value |= (byte & 0x7F) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

/* Moves over a field; false if it is not sound. */
static bool
read_field(const char **next, const char *end, Field *field)
{
	uint64		tag;
	uint64		len = 0;

	if (!read_varint(next, end, &tag) || tag >> 3 == 0)
		return false;
	field->number = tag >> 3;
	field->wire = tag & 7;
	switch (field->wire)
	{
		case WIRE_VARINT:
			return read_varint(next, end, &field->value);
		case WIRE_FIXED64:
			len = 8;
			break;
		case WIRE_FIXED32:
			len = 4;
			break;
		case WIRE_BYTES:
			if (!read_varint(next, end, &len))
				return false;
			break;
		default:
			return false;
	}
	if (len > (uint64) (end - *next))
		return false;
	field->bytes = *next;
	field->len = len;
	*next += len;
	return true;
}

static bool
add_key(KplAggregate *aggregate, KplTable *table, const Field *field)
{
	if (field->wire != WIRE_BYTES)
		return false;
	if (table->nkeys == table->room)
	{
		table->room = Max(table->room * 2, 16);
		if (table->keys == NULL)
			table->keys = MemoryContextAllocHuge(aggregate->context,
												 table->room * sizeof(KplKey));
		else
			table->keys = repalloc_huge(table->keys, table->room * sizeof(KplKey));
	}
	table->keys[table->nkeys++] = (KplKey) {field->bytes, field->len, false, {0, 0}};
	return true;
}

/* A record's fields; indexes are looked at by find_keys. */
static bool
parse_record(const Field *aggregate_field, KplRecord *record, uint64 *key, uint64 *hash_key)
{
	const char *next;
	const char *end;
	Field		field;

	*key = *hash_key = PG_UINT64_MAX;
	record->data = NULL;
	if (aggregate_field->wire != WIRE_BYTES)
		return false;
	next = aggregate_field->bytes;
	end = next + aggregate_field->len;
	while (next < end)
	{
		if (!read_field(&next, end, &field))
			return false;
		if (field.number == RECORD_PARTITION_KEY && field.wire == WIRE_VARINT)
			*key = field.value;
		else if (field.number == RECORD_HASH_KEY && field.wire == WIRE_VARINT)
			*hash_key = field.value;
		else if (field.number == RECORD_DATA && field.wire == WIRE_BYTES)
		{
			record->data = field.bytes;
			record->len = field.len;
		}
		else if (field.number <= RECORD_DATA)
			return false;
	}
	return *key != PG_UINT64_MAX && record->data != NULL;
}

/* Where a key leads; false if it is an explicit hash key that is none. */
static bool
hash_of(KplKey *key, bool is_explicit)
{
	if (!key->hashed && is_explicit)
		key->hashed = hash_key_parse(key->text, key->len, &key->hash);
	else if (!key->hashed)
	{
		key->hash = hash_key_of(key->text, key->len);
		key->hashed = true;
	}
	return key->hashed;
}

/* Is the whole message sound?  Collects the keys on the way. */
static bool
check_message(KplAggregate *aggregate, const char *next, const char *end)
{
	uint64		most_key = 0;
	uint64		most_hash_key = 0;
	bool		any_hash_key = false;
	bool		any = false;
	Field		field;

	while (next < end)
	{
		KplRecord	record;
		uint64		key;
		uint64		hash_key;
		bool		sound = read_field(&next, end, &field);

		if (sound && field.number == AGGREGATE_PARTITION_KEY)
			sound = add_key(aggregate, &aggregate->partition_keys, &field);
		else if (sound && field.number == AGGREGATE_HASH_KEY)
			sound = add_key(aggregate, &aggregate->hash_keys, &field) &&
				hash_of(&aggregate->hash_keys.keys[aggregate->hash_keys.nkeys - 1], true);
		else if (sound && field.number == AGGREGATE_RECORD)
		{
			sound = parse_record(&field, &record, &key, &hash_key);
			most_key = Max(most_key, key);
			if (hash_key != PG_UINT64_MAX)
				most_hash_key = Max(most_hash_key, hash_key);
			any_hash_key = any_hash_key || hash_key != PG_UINT64_MAX;
			any = true;
		}
		if (!sound)
			return false;
	}

	/* tables may come behind the records that point into them */
	return (!any || most_key < aggregate->partition_keys.nkeys) &&
		(!any_hash_key || most_hash_key < aggregate->hash_keys.nkeys);
}

void
kpl_init(KplAggregate *aggregate)
{
	memset(aggregate, 0, sizeof(KplAggregate));
	aggregate->context = CurrentMemoryContext;
}

bool
kpl_may_be(const char *bytes, size_t len)
{
	return len > MAGIC_LEN + DIGEST_LEN && memcmp(bytes, MAGIC, MAGIC_LEN) == 0;
}

bool
kpl_begin(KplAggregate *aggregate, const char *bytes, size_t len)
{
	uint8		digest[DIGEST_LEN];
	const char *message = bytes + MAGIC_LEN;
	size_t		message_len = len - MAGIC_LEN - DIGEST_LEN;

	if (!kpl_may_be(bytes, len))
		return false;
	md5_digest(message, message_len, digest);
	if (memcmp(digest, message + message_len, DIGEST_LEN) != 0)
		return false;
	aggregate->partition_keys.nkeys = 0;
	aggregate->hash_keys.nkeys = 0;
	aggregate->next = message;
	aggregate->end = message + message_len;
	return check_message(aggregate, message, aggregate->end);
}

bool
kpl_next(KplAggregate *aggregate, KplRecord *record)
{
	Field		field;
	uint64		key;
	uint64		hash_key;

	while (aggregate->next < aggregate->end &&
		   read_field(&aggregate->next, aggregate->end, &field))
	{
		if (field.number != AGGREGATE_RECORD ||
			!parse_record(&field, record, &key, &hash_key))
			continue;
		record->partition_key = &aggregate->partition_keys.keys[key];
		record->hash_key = hash_key == PG_UINT64_MAX ? NULL :
			&aggregate->hash_keys.keys[hash_key];
		return true;
	}
	return false;
}

HashKey
kpl_hash_key(const KplRecord *record)
{
	KplKey	   *key = record->hash_key != NULL ? record->hash_key : record->partition_key;

	(void) hash_of(key, record->hash_key != NULL);
	return key->hash;
}
