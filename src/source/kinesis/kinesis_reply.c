/*-------------------------------------------------------------------------
 *
 * kinesis_reply.c
 *	  The answer to GetRecords: where its parts are.
 *
 * What has come ends anywhere.  So a record or another member is taken when all
 * of it is there, and else looked at again later: what is broken and what is
 * not yet complete are the same until the answer ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/scan.h"
#include "source/kinesis/kinesis_syntax.h"
#include "utils/memutils.h"

/* 10,000 records of 10 MiB in all, as base64, with keys of 256 characters */
#define MAX_BUFFER_SIZE ((size_t) 64 * 1024 * 1024)

static ReplyRecord *
new_record(KinesisReply *reply)
{
	if (reply->nrecords == reply->max_records)
	{
		reply->max_records *= 2;
		reply->records = repalloc_huge(reply->records,
									   reply->max_records * sizeof(ReplyRecord));
	}
	return &reply->records[reply->nrecords++];
}

/* The next record, or the end of them. */
static bool
take_record(KinesisReply *reply, ReplyCursor *cursor)
{
	int			found = reply->syntax->element(cursor, &reply->list);
	ReplyRecord *record;

	if (found == 0)
		reply->phase = REPLY_MEMBERS;
	if (found <= 0)
		return found == 0;
	record = new_record(reply);
	if (!reply->syntax->record(cursor, record))
	{
		reply->nrecords--;
		return false;
	}
	reply->data_len += reply_data_len(&record->data);
	reply->all_records++;
	return true;
}

/* A copy that lasts; NULL for none. */
static bool
take_iterator(KinesisReply *reply, const ReplyValue *value)
{
	MemoryContext old = MemoryContextSwitchTo(reply->context);
	const char *text;
	size_t		len;

	if (value->text != NULL)
	{
		text = reply_text(value, &len);
		if (text != NULL && reply->next_iterator == NULL)
			reply->next_iterator = pnstrdup(text, len);
	}
	MemoryContextSwitchTo(old);
	return value->text == NULL || reply->next_iterator != NULL;
}

static bool
take_records(KinesisReply *reply, ReplyCursor *cursor)
{
	if (!reply->syntax->enter(cursor, REPLY_ARRAY, &reply->list))
		return false;
	reply->has_records = true;
	reply->phase = REPLY_RECORDS;
	return true;
}

/* The next member of the answer, up to the records if it is those, or its end. */
static bool
take_member(KinesisReply *reply, ReplyCursor *cursor)
{
	ReplyName	name;
	ReplyValue	value;
	ReplyFound	kind;
	int			found = reply->syntax->member(cursor, &reply->members, &name);

	if (found < 0)
		return false;
	if (found == 0)
	{
		reply->phase = REPLY_END;
		return true;
	}
	if (NAME_IS(name, "Records") && !reply->has_records)
		return take_records(reply, cursor);
	kind = reply->syntax->value(cursor, &value);
	if (kind == REPLY_CONTAINER)
		return reply->syntax->skip(cursor);
	if (kind == REPLY_SCALAR && NAME_IS(name, "NextShardIterator"))
		return take_iterator(reply, &value);
	if (kind == REPLY_SCALAR && NAME_IS(name, "MillisBehindLatest"))
		reply->behind = reply_number(&value);
	return kind == REPLY_SCALAR;
}

/* The first byte of a text is one of ASCII, that of a map of CBOR never. */
static bool
take_start(KinesisReply *reply, ReplyCursor *cursor)
{
	if (cursor->next == cursor->end)
		return false;
	reply->syntax = IS_HIGHBIT_SET(*cursor->next) ? &kinesis_cbor_syntax :
		&kinesis_json_syntax;
	if (!reply->syntax->enter(cursor, REPLY_OBJECT, &reply->members))
		return false;
	reply->phase = REPLY_MEMBERS;
	return true;
}

/* Moves on by one thing; false if it is not all there, or is not sound. */
static bool
step(KinesisReply *reply, ReplyCursor *cursor)
{
	ReplyLevel	members = reply->members;
	ReplyLevel	list = reply->list;
	bool		sound = false;

	if (reply->phase == REPLY_START)
		sound = take_start(reply, cursor);
	else if (reply->phase == REPLY_MEMBERS)
		sound = take_member(reply, cursor);
	else if (reply->phase == REPLY_RECORDS)
		sound = take_record(reply, cursor);
	if (!sound)
	{
		reply->members = members;
		reply->list = list;
	}
	return sound;
}

void
kinesis_reply_init(KinesisReply *reply, size_t buffer_size)
{
	memset(reply, 0, sizeof(KinesisReply));
	reply->context = CurrentMemoryContext;
	reply->size = reply->usual_size = buffer_size;
	reply->buffer = palloc(reply->size + JSON_PADDING);
	reply->max_records = 512;
	reply->records = palloc(reply->max_records * sizeof(ReplyRecord));
}

/* With what the buffer holds. */
static void
resize(KinesisReply *reply, size_t size)
{
	char	   *buffer = MemoryContextAllocHuge(reply->context, size + JSON_PADDING);

	memcpy(buffer, reply->buffer, reply->len);
	pfree(reply->buffer);
	reply->buffer = buffer;
	reply->size = size;
}

void
kinesis_reply_begin(KinesisReply *reply)
{
	if (reply->next_iterator != NULL)
		pfree(reply->next_iterator);
	reply->next_iterator = NULL;
	reply->behind = -1;
	reply->nrecords = 0;
	reply->data_len = 0;
	reply->all_records = 0;
	reply->phase = REPLY_START;
	reply->has_records = false;
	reply->len = 0;
	reply->at = 0;
	reply->enough = 0;
	if (reply->size > reply->usual_size)
		resize(reply, reply->usual_size);
}

char *
kinesis_reply_room(KinesisReply *reply, size_t *room)
{
	size_t		size = reply->usual_size;

	reply->nrecords = 0;
	reply->len -= reply->at;
	memmove(reply->buffer, reply->buffer + reply->at, reply->len);
	reply->at = 0;
	while (size < reply->enough || size < 2 * reply->len)
		size *= 2;
	if (size > MAX_BUFFER_SIZE)
		return NULL;
	if (size > reply->size)
		resize(reply, size);
	*room = reply->size - reply->len;
	return reply->buffer + reply->len;
}

bool
kinesis_reply_take(KinesisReply *reply, size_t n, bool last)
{
	ReplyCursor cursor;

	reply->len += n;
	reply->buffer[reply->len] = '\0';
	if (reply->len - reply->at < reply->enough && !last)
		return true;
	cursor.next = reply->buffer + reply->at;
	cursor.end = reply->buffer + reply->len;
	while (step(reply, &cursor))
		reply->at = cursor.next - reply->buffer;
	if (last)
	{
		cursor.next = reply->buffer + reply->at;
		return reply->phase == REPLY_END && reply->has_records &&
			reply->syntax->at_end(&cursor);
	}

	/* a large record is looked at a few times, not for each piece of it */
	reply->enough = 2 * (reply->len - reply->at);
	return true;
}
