/*-------------------------------------------------------------------------
 *
 * kinesis_reply.c
 *	  The answer to GetRecords: where its parts are.
 *
 * Nearly all of an answer is base64, which memchr passes over faster than
 * any scanner looks at it.  Only its structure is checked here: text is when
 * somebody wants it.
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

/* A number, or true, false or null. */
static bool
read_word(Cursor *cursor, ReplyText *text)
{
	size_t		len = strspn(cursor->next, "+-.0123456789Eaeflnrstu");

	text->text = cursor->next;
	text->len = len;
	cursor->next += len;
	return len > 0;
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
new_record(KinesisReply *reply, MemoryContext context)
{
	if (reply->nrecords == reply->room)
	{
		reply->room = Max(reply->room * 2, 128);
		if (reply->records == NULL)
			reply->records = MemoryContextAllocHuge(context, reply->room * sizeof(ReplyRecord));
		else
			reply->records = repalloc_huge(reply->records, reply->room * sizeof(ReplyRecord));
	}
	return &reply->records[reply->nrecords++];
}

static bool
read_records(Cursor *cursor, KinesisReply *reply, MemoryContext context)
{
	if (!skip_char(cursor, '['))
		return false;
	if (skip_char(cursor, ']'))
		return true;
	do
	{
		ReplyRecord *record = new_record(reply, context);

		if (!read_record(cursor, record))
			return false;
		reply->data_len += record->data.len;
	} while (skip_char(cursor, ','));
	return skip_char(cursor, ']');
}

bool
kinesis_reply_parse(KinesisReply *reply, StringInfo body, MemoryContext context)
{
	Cursor		cursor = {body->data, body->data + body->len};
	Member		member;
	bool		any_records = false;
	int			found;

	reply->nrecords = 0;
	reply->data_len = 0;
	memset(&reply->next_iterator, 0, sizeof(ReplyText));
	memset(&reply->behind, 0, sizeof(ReplyText));
	if (!skip_char(&cursor, '{'))
		return false;
	for (bool first = true; (found = next_member(&cursor, first, &member)) > 0; first = false)
	{
		if (name_is(&member, "Records") && !any_records)
		{
			any_records = true;
			if (!read_records(&cursor, reply, context))
				return false;
		}
		else if ((member.kind == '{' || member.kind == '[') && !skip_container(&cursor))
			return false;
		else if (name_is(&member, "NextShardIterator"))
			reply->next_iterator = member.value;
		else if (name_is(&member, "MillisBehindLatest"))
			reply->behind = member.value;
	}
	skip_blanks(&cursor);
	return found == 0 && any_records && cursor.next == cursor.end;
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
	if (text->text == NULL || text->len == 0 || text->len > 129)
		return false;
	for (uint32 i = 0; i < text->len; i++)
		if (text->text[i] < '0' || text->text[i] > '9')
			return false;
	return text->text[0] != '0' || text->len == 1;
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
