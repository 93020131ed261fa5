/*-------------------------------------------------------------------------
 *
 * kinesis_reply.c
 *	  The answer to GetRecords: where its parts are.
 *
 * Nearly all of an answer is base64, which memchr passes over faster than
 * any scanner looks at it.  Only its structure is checked here: text is when
 * somebody wants it.
 *
 * What has come ends anywhere.  So a record or another member is taken when all
 * of it is there, and else looked at again later: what is broken and what is
 * not yet complete are the same until the answer ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "json/scan.h"
#include "source/kinesis/kinesis_reply.h"
#include "utils/memutils.h"

/* Values of members nobody knows may be nested as deep as this. */
#define MAX_DEPTH 64

/* Of the buffer; it grows for a record that is larger than half of it. */
#ifndef BUFFER_SIZE
#define BUFFER_SIZE (256 * 1024)
#endif

/* 10,000 records of 10 MiB in all, as base64, with keys of 256 characters */
#define MAX_BUFFER_SIZE ((size_t) 64 * 1024 * 1024)

typedef struct Cursor
{
	char	   *next;
	char	   *end;			/* a zero byte stands there */
} Cursor;

typedef struct Member
{
	ReplyText	name;
	ReplyText	value;			/* of a string or number, else empty */
	char		kind;			/* the first byte of the value */
} Member;

static char
skip_blanks(Cursor *cursor)
{
	while (*cursor->next == ' ' || *cursor->next == '\n' ||
		   *cursor->next == '\r' || *cursor->next == '\t')
		cursor->next++;
	return *cursor->next;
}

static bool
skip_char(Cursor *cursor, char wanted)
{
	if (skip_blanks(cursor) != wanted)
		return false;
	cursor->next++;
	return true;
}

/* Behind an odd number of backslashes a quote ends nothing. */
static bool
is_escaped(const char *start, const char *quote)
{
	const char *p = quote;

	while (p > start && p[-1] == '\\')
		p--;
	return (quote - p) % 2 == 1;
}

static bool
read_string(Cursor *cursor, ReplyText *text)
{
	char	   *start = cursor->next + 1;
	char	   *quote = start - 1;

	if (*cursor->next != '"')
		return false;
	do
	{
		quote = memchr(quote + 1, '"', cursor->end - (quote + 1));
		if (quote == NULL)
			return false;
	} while (is_escaped(start, quote));
	text->text = start;
	text->len = quote - start;
	cursor->next = quote + 1;
	return true;
}

/* A number, or true, false or null; something always follows it. */
static bool
read_word(Cursor *cursor, ReplyText *text)
{
	char	   *end = cursor->next;

	while (*end > ' ' && *end != ',' && *end != '}' && *end != ']')
		end++;
	text->text = cursor->next;
	text->len = end - cursor->next;
	cursor->next = end;
	return text->len > 0 && end < cursor->end;
}

/* Passes over a container of any content. */
static bool
skip_container(Cursor *cursor)
{
	int			depth = 0;
	ReplyText	ignored;

	do
	{
		char		c = skip_blanks(cursor);

		if (c == '"' ? !read_string(cursor, &ignored) :
			strchr("{}[],:", c) == NULL ? !read_word(cursor, &ignored) : c == '\0')
			return false;
		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		if (strchr("{}[],:", c) != NULL)
			cursor->next++;
	} while (depth > 0 && depth <= MAX_DEPTH);
	return depth == 0;
}

/*
 * The next member of the object that the cursor is in: 1, 0 behind the last,
 * -1 if there is nothing sound.  Arrays and objects are left to the caller.
 */
static int
next_member(Cursor *cursor, bool first, Member *member)
{
	if (skip_char(cursor, '}'))
		return 0;
	if (!first && !skip_char(cursor, ','))
		return -1;
	skip_blanks(cursor);
	if (!read_string(cursor, &member->name) || !skip_char(cursor, ':'))
		return -1;
	member->kind = skip_blanks(cursor);
	memset(&member->value, 0, sizeof(ReplyText));
	if (member->kind == '"')
		return read_string(cursor, &member->value) ? 1 : -1;
	if (member->kind == '{' || member->kind == '[')
		return 1;
	if (!read_word(cursor, &member->value))
		return -1;
	if (member->kind == 'n')
		memset(&member->value, 0, sizeof(ReplyText));
	return 1;
}

static bool
name_is(const Member *member, const char *name)
{
	return member->name.len == strlen(name) &&
		memcmp(member->name.text, name, member->name.len) == 0;
}

static bool
read_record(Cursor *cursor, ReplyRecord *record)
{
	Member		member;
	int			found;

	memset(record, 0, sizeof(ReplyRecord));
	if (!skip_char(cursor, '{'))
		return false;
	for (bool first = true; (found = next_member(cursor, first, &member)) > 0; first = false)
	{
		if ((member.kind == '{' || member.kind == '[') && !skip_container(cursor))
			return false;
		if (name_is(&member, "Data"))
			record->data = member.value;
		else if (name_is(&member, "PartitionKey"))
			record->partition_key = member.value;
		else if (name_is(&member, "SequenceNumber"))
			record->sequence = member.value;
		else if (name_is(&member, "ApproximateArrivalTimestamp"))
			record->arrival = member.value;
	}
	return found == 0 && record->data.text != NULL && record->partition_key.text != NULL &&
		reply_is_sequence(&record->sequence) && record->arrival.text != NULL;
}

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
take_record(KinesisReply *reply, Cursor *cursor)
{
	ReplyRecord *record;

	if (skip_char(cursor, ']'))
	{
		reply->phase = REPLY_MEMBERS;
		reply->first = false;
		return true;
	}
	if (!reply->first && !skip_char(cursor, ','))
		return false;
	record = new_record(reply);
	if (!read_record(cursor, record))
	{
		reply->nrecords--;
		return false;
	}
	reply->data_len += record->data.len;
	reply->all_records++;
	reply->first = false;
	return true;
}

/* A copy that lasts; NULL for none. */
static bool
take_iterator(KinesisReply *reply, const ReplyText *value)
{
	MemoryContext old = MemoryContextSwitchTo(reply->context);
	const char *text;
	size_t		len;

	if (value->text != NULL)
	{
		text = reply_unescape(value, &len);
		if (text != NULL && reply->next_iterator == NULL)
			reply->next_iterator = pnstrdup(text, len);
	}
	MemoryContextSwitchTo(old);
	return value->text == NULL || reply->next_iterator != NULL;
}

/* The next member of the answer, up to the records if it is those, or its end. */
static bool
take_member(KinesisReply *reply, Cursor *cursor)
{
	Member		member;
	int			found = next_member(cursor, reply->first, &member);

	if (found < 0)
		return false;
	reply->first = false;
	if (found == 0)
		reply->phase = REPLY_END;
	else if (name_is(&member, "Records") && !reply->has_records)
	{
		if (!skip_char(cursor, '['))
			return false;
		reply->has_records = true;
		reply->phase = REPLY_RECORDS;
		reply->first = true;
	}
	else if (member.kind == '{' || member.kind == '[')
		return skip_container(cursor);
	else if (name_is(&member, "NextShardIterator"))
		return take_iterator(reply, &member.value);
	else if (name_is(&member, "MillisBehindLatest"))
		reply->behind = reply_number(&member.value);
	return true;
}

/* Moves on by one thing; false if it is not all there, or is not sound. */
static bool
step(KinesisReply *reply, Cursor *cursor)
{
	bool		first = reply->first;
	bool		sound = false;

	if (reply->phase == REPLY_START)
	{
		sound = skip_char(cursor, '{');
		if (sound)
			reply->phase = REPLY_MEMBERS;
	}
	else if (reply->phase == REPLY_MEMBERS)
		sound = take_member(reply, cursor);
	else if (reply->phase == REPLY_RECORDS)
		sound = take_record(reply, cursor);
	if (!sound)
		reply->first = first;
	return sound;
}

void
kinesis_reply_init(KinesisReply *reply)
{
	memset(reply, 0, sizeof(KinesisReply));
	reply->context = CurrentMemoryContext;
	reply->size = BUFFER_SIZE;
	reply->buffer = palloc(reply->size + 1);
	reply->max_records = 512;
	reply->records = palloc(reply->max_records * sizeof(ReplyRecord));
}

/* With what the buffer holds. */
static void
resize(KinesisReply *reply, size_t size)
{
	char	   *buffer = MemoryContextAllocHuge(reply->context, size + 1);

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
	reply->first = true;
	reply->has_records = false;
	reply->len = 0;
	reply->at = 0;
	reply->enough = 0;
	if (reply->size > BUFFER_SIZE)
		resize(reply, BUFFER_SIZE);
}

char *
kinesis_reply_room(KinesisReply *reply, size_t *room)
{
	size_t		size = BUFFER_SIZE;

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
	Cursor		cursor;

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
		skip_blanks(&cursor);
		return reply->phase == REPLY_END && reply->has_records &&
			cursor.next == cursor.end;
	}

	/* a large record is looked at a few times, not for each piece of it */
	reply->enough = 2 * (reply->len - reply->at);
	return true;
}

int64
reply_time(const ReplyText *text)
{
	char	   *end;
	double		seconds;

	/* another byte follows the number in the answer, which is none of it */
	if (text->text == NULL)
		return -1;
	seconds = strtod(text->text, &end);
	if (end != text->text + text->len || !(seconds >= 0 && seconds < 1e11))
		return -1;
	return (int64) rint(seconds * 1000);
}

int64
reply_number(const ReplyText *text)
{
	char	   *end;
	int64		number;

	if (text->text == NULL || text->len > 18)
		return -1;
	number = strtoll(text->text, &end, 10);
	return end == text->text + text->len && number >= 0 ? number : -1;
}

bool
reply_is_sequence(const ReplyText *text)
{
	bool		digits = true;

	if (text->text == NULL || text->len == 0 || text->len > 129)
		return false;
	for (uint32 i = 0; i < text->len; i++)
		digits &= (unsigned char) (text->text[i] - '0') <= 9;
	return digits && (text->text[0] != '0' || text->len == 1);
}

const char *
reply_unescape(const ReplyText *text, size_t *len)
{
	JsonScan	scan = {0};
	JsonValue	value;
	char	   *copy;
	const char *next;

	*len = text->len;
	if (memchr(text->text, '\\', text->len) == NULL)
		return text->text;
	copy = palloc0(text->len + 2 + JSON_PADDING);
	memcpy(copy, text->text - 1, text->len + 2);	/* with its quotes */
	scan.end = copy + text->len + 2;
	scan.final = true;
	scan.arena = palloc(JSON_ARENA_SIZE(text->len + 2));
	json_scan_reset(&scan);
	next = copy;
	if (json_scan_string(&scan, &next, &value) != JSON_OK)
		return NULL;
	*len = value.len;
	return value.data;
}
