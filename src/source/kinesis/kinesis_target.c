/*-------------------------------------------------------------------------
 *
 * kinesis_target.c
 *	  The target of kinesis_json: a row is a record of the stream.
 *
 * The keys to sign with are got with the first row, so that a statement without
 * rows asks nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "option.h"
#include "source/kinesis/kinesis.h"
#include "source/kinesis/kinesis_sender.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

typedef struct KinesisTarget
{
	Target		base;
	SourceRequest request;
	const char *stream;
	const char *partition_key;	/* of the table, UTF-8; NULL: none */
	bool		ordered;
	bool		gateway;
	KinesisSender *sender;		/* NULL before the first row */
	uint64		spread;			/* makes partition keys of rows that give none */
	MemoryContext row_context;
	int64		rows;
	MemoryContextCallback callback;
} KinesisTarget;

/*
 * The sender
 */

static int64
give_up(KinesisTarget *target)
{
	int64		doubtful = kinesis_sender_give_up(target->sender);

	target->base.complete = kinesis_sender_delivered(target->sender);
	return doubtful;
}

/* The statement has ended, with a sender still there by an error. */
static void
on_context_reset(void *arg)
{
	KinesisTarget *target = arg;

	if (target->sender != NULL)
		give_up(target);
}

/*
 * The callback belongs to a context below the target's, so that it is called
 * before connections go, whenever they were made.
 */
static void
take_sender(KinesisTarget *target)
{
	MemoryContext context = GetMemoryChunkContext(target);
	MemoryContext below = AllocSetContextCreate(context, "pinterest kinesis target",
												ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);

	target->sender = kinesis_sender_create(&target->request, target->stream);
	if (!pg_strong_random(&target->spread, sizeof(target->spread)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	target->callback.func = on_context_reset;
	target->callback.arg = target;
	MemoryContextRegisterResetCallback(below, &target->callback);
	MemoryContextSwitchTo(before);
}

/*
 * Rows
 */

pg_noreturn static void
refuse_row(const KinesisTarget *target, int sqlstate, const char *message, const char *reason)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("%s", message),
			 errdetail("It is that of row %lld of the statement. %s", (long long) target->rows,
					   reason)));
	pg_unreachable();
}

/* The template of a gateway puts the key between quotes as it is. */
static bool
fits_template(const char *key)
{
	for (const char *c = key; *c != '\0'; c++)
		if (*c == '"' || *c == '\\' || (unsigned char) *c < ' ')
			return false;
	return true;
}

static void
check_key(const KinesisTarget *target, const char *key)
{
	size_t		len = strlen(key);

	if (len == 0 || pg_verify_mbstr_len(PG_UTF8, key, (int) len, true) > KINESIS_MAX_PARTITION_KEY)
		refuse_row(target, ERRCODE_INVALID_PARAMETER_VALUE, "invalid partition key",
				   "A partition key has from 1 to 256 characters.");
	if (target->partition_key != NULL && strcmp(key, target->partition_key) != 0)
		refuse_row(target, ERRCODE_CHECK_VIOLATION,
				   "partition key is not that of the foreign table",
				   psprintf("Option \"partition_key\" of the table is \"%s\".",
							pg_any_to_server(target->partition_key,
											 (int) strlen(target->partition_key), PG_UTF8)));
	if (target->gateway && !fits_template(key))
		refuse_row(target, ERRCODE_INVALID_PARAMETER_VALUE,
				   "an API gateway takes no such partition key",
				   "It must not hold quotes, backslashes or control characters.");
}

/* Is its key more than one of many? */
static bool
has_key(const KinesisTarget *target, const TargetRecord *record)
{
	return target->partition_key != NULL || !record->absent[KINESIS_ITEM_PARTITION_KEY];
}

/*
 * The row's key, or the table's.  Without, any will do that no other row has: all
 * keys are hashed, so these spread over the shards.
 */
static const char *
key_of(KinesisTarget *target, const TargetRecord *record)
{
	char	   *key;

	if (!has_key(target, record))
		return psprintf("%016llx", (unsigned long long) target->spread++);
	if (record->absent[KINESIS_ITEM_PARTITION_KEY])
		return target->partition_key;
	key = TextDatumGetCString(record->metadata[KINESIS_ITEM_PARTITION_KEY]);
	key = pg_server_to_any(key, (int) strlen(key), PG_UTF8);
	check_key(target, key);
	return key;
}

static const char *
hash_key_of_row(const KinesisTarget *target, const TargetRecord *record)
{
	HashKey		ignored;
	char	   *digits;

	if (record->absent[KINESIS_ITEM_HASH_KEY])
		return NULL;
	digits = DatumGetCString(DirectFunctionCall1(numeric_out,
												 record->metadata[KINESIS_ITEM_HASH_KEY]));
	if (!hash_key_parse(digits, strlen(digits), &ignored))
		refuse_row(target, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "invalid explicit hash key",
				   "A hash key is an integer from 0 to 2^128 - 1.");
	return digits;
}

static void
check_record(const KinesisTarget *target, const TargetRecord *record, const KinesisPut *put)
{
	if (record->data == NULL)
		refuse_row(target, ERRCODE_NOT_NULL_VIOLATION, "a record of a stream cannot be NULL",
				   "Neither a field nor the column with the metadata \"data\" has a value.");
	if (record->len + strlen(put->partition_key) > KINESIS_MAX_RECORD_BYTES)
		refuse_row(target, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "record too large",
				   "With its partition key it may have 10 MiB, or what the stream has been set to.");
	if (target->gateway && record->whole)
		target_check_json(record, "an API gateway");
}

static void
kinesis_target_put(Target *base, const TargetRecord *record)
{
	KinesisTarget *target = (KinesisTarget *) base;
	MemoryContext before = MemoryContextSwitchTo(target->row_context);
	KinesisPut	put;

	target->rows++;
	if (target->sender == NULL)
		take_sender(target);
	put.data = record->data;
	put.len = record->len;
	put.partition_key = key_of(target, record);
	put.hash_key = hash_key_of_row(target, record);
	check_record(target, record, &put);
	kinesis_sender_put(target->sender, &put, target->rows, target->ordered && has_key(target, record));
	base->complete = kinesis_sender_delivered(target->sender);
	MemoryContextSwitchTo(before);
	MemoryContextReset(target->row_context);
}

static void
kinesis_target_finish(Target *base)
{
	KinesisTarget *target = (KinesisTarget *) base;
	KinesisSender *sender = target->sender;

	if (sender == NULL)
		return;
	kinesis_sender_flush(sender);
	base->complete = kinesis_sender_delivered(sender);
	target->sender = NULL;
}

static char *
kinesis_target_remains(Target *base)
{
	KinesisTarget *target = (KinesisTarget *) base;
	int64		doubtful = target->sender == NULL ? 0 : give_up(target);

	return target_remains(base->unit, base->complete, doubtful);
}

static const TargetOps kinesis_target_ops = {
	.put = kinesis_target_put,
	.finish = kinesis_target_finish,
	.remains = kinesis_target_remains,
};

Target *
kinesis_open_target(const SourceRequest *request)
{
	KinesisTarget *target = palloc0(sizeof(KinesisTarget));
	const char *key = option_text(request->table_options, "partition_key");

	target->base.ops = &kinesis_target_ops;
	target->base.name = target->stream = option_text(request->table_options, "stream");
	target->base.unit = "records";
	target->base.takes = 1 << KINESIS_ITEM_PARTITION_KEY;
	target->base.takes_bytes = true;
	target->gateway = option_given(request->server_options, "api_gateway");
	if (target->gateway)
		target->base.refusal = "An API gateway takes no more than partition key and data.";
	else
		target->base.takes |= 1 << KINESIS_ITEM_HASH_KEY;
	if (key != NULL)
		target->partition_key = pg_server_to_any(key, (int) strlen(key), PG_UTF8);
	target->ordered = option_boolean(request->table_options, "ordered");
	target->request = *request;
	target->row_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest kinesis record",
												ALLOCSET_DEFAULT_SIZES);
	return &target->base;
}
