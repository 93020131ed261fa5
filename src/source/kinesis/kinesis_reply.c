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
static const char *
take_record(KinesisReply *reply, const char *at, const char *end)
{
	ReplyLevel	list = reply->list;
	ReplyRecord *record;

	at = reply->syntax->element(at, end, &list);
	if (at == NULL)
		return NULL;
	if (list.ended)
	{
		reply->phase = REPLY_MEMBERS;
		return at;
	}
	record = new_record(reply);
	at = reply->syntax->record(at, end, record);
	if (at == NULL)
	{
		reply->nrecords--;
		return NULL;
	}
	reply->list = list;
	reply->data_len += reply_data_len(&record->data);
	reply->all_records++;
	return at;
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

static const char *
take_records(KinesisReply *reply, const char *at, const char *end)
{
	at = reply->syntax->enter(at, end, REPLY_ARRAY, &reply->list);
	if (at == NULL)
		return NULL;
	reply->has_records = true;
	reply->phase = REPLY_RECORDS;
	return at;
}

/* What to ask for next: of an answer, and of an event */
static bool
names_next(ReplyName name)
{
	return NAME_IS(name, "NextShardIterator") || NAME_IS(name, "ContinuationSequenceNumber");
}

/* The next member of the answer, up to the records if it is those, or its end. */
static const char *
take_member(KinesisReply *reply, const char *at, const char *end)
{
	ReplyLevel	members = reply->members;
	ReplyName	name;
	ReplyValue	value;

	at = reply->syntax->member(at, end, &members, &name);
	if (at == NULL)
		return NULL;
	if (members.ended)
		reply->phase = REPLY_END;
	else if (NAME_IS(name, "Records") && !reply->has_records)
		at = take_records(reply, at, end);
	else
	{
		at = reply->syntax->value(at, end, &value);
		if (at == NULL || (names_next(name) && !take_iterator(reply, &value)))
			return NULL;
		if (NAME_IS(name, "MillisBehindLatest"))
			reply->behind = reply_number(&value);
	}
	if (at != NULL)
		reply->members = members;
	return at;
}

/* The first byte of a text is one of ASCII, that of a map of CBOR never. */
static const char *
take_start(KinesisReply *reply, const char *at, const char *end)
{
	if (at == end)
		return NULL;
	reply->syntax = IS_HIGHBIT_SET(*at) ? &kinesis_cbor_syntax : &kinesis_json_syntax;
	at = reply->syntax->enter(at, end, REPLY_OBJECT, &reply->members);
	if (at != NULL)
		reply->phase = REPLY_MEMBERS;
	return at;
}

/* Moves on by one thing; NULL if it is not all there, or is not sound. */
static const char *
take_next(KinesisReply *reply, const char *at, const char *end)
{
	switch (reply->phase)
	{
		case REPLY_RECORDS:
			return take_record(reply, at, end);
		case REPLY_MEMBERS:
			return take_member(reply, at, end);
		case REPLY_START:
			return take_start(reply, at, end);
		case REPLY_END:
			break;
	}
	return NULL;
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

/* Nothing of an answer, or of an event, has been taken. */
static void
start_over(KinesisReply *reply)
{
	if (reply->next_iterator != NULL)
		pfree(reply->next_iterator);
	reply->next_iterator = NULL;
	reply->behind = -1;
	reply->phase = REPLY_START;
	reply->has_records = false;
}

void
kinesis_reply_begin(KinesisReply *reply)
{
	start_over(reply);
	reply->nrecords = 0;
	reply->data_len = 0;
	reply->all_records = 0;
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
	while (size < reply->enough || size < reply->len + reply->usual_size / 2)
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
	const char *at;
	const char *end;

	reply->len += n;
	reply->buffer[reply->len] = '\0';
	if (reply->len - reply->at < reply->enough && !last)
		return true;
	at = reply->buffer + reply->at;
	end = reply->buffer + reply->len;
	while ((at = take_next(reply, at, end)) != NULL)
		reply->at = at - reply->buffer;
	if (last)
		return reply->phase == REPLY_END && reply->has_records &&
			reply->syntax->at_end(reply->buffer + reply->at, end);

	/* a large record is looked at a few times, not for each piece of it */
	reply->enough = 2 * (reply->len - reply->at);
	return true;
}

bool
kinesis_reply_take_event(KinesisReply *reply, const char *event, size_t len)
{
	const char *at = event;
	const char *end = event + len;
	const char *next;

	start_over(reply);
	*unconstify(char *, end) = '\0';
	while ((next = take_next(reply, at, end)) != NULL)
		at = next;
	return reply->phase == REPLY_END && reply->has_records && reply->syntax->at_end(at, end);
}
