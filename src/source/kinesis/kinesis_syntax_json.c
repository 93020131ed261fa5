/*-------------------------------------------------------------------------
 *
 * kinesis_syntax_json.c
 *	  Answers to GetRecords in JSON.
 *
 * Nearly all of such an answer is base64, which memchr passes over faster than
 * any scanner looks at it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/kinesis/kinesis_syntax.h"

/* Values of members nobody knows may be nested as deep as this. */
#define MAX_DEPTH 64

static char
skip_blanks(ReplyCursor *cursor)
{
	while (*cursor->next == ' ' || *cursor->next == '\n' ||
		   *cursor->next == '\r' || *cursor->next == '\t')
		cursor->next++;
	return *cursor->next;
}

static bool
skip_char(ReplyCursor *cursor, char wanted)
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

/* Gives out what stands between the quotes. */
static bool
read_string(ReplyCursor *cursor, const char **text, size_t *len)
{
	const char *start = cursor->next + 1;
	const char *quote = start - 1;

	if (*cursor->next != '"')
		return false;
	do
	{
		quote = memchr(quote + 1, '"', cursor->end - (quote + 1));
		if (quote == NULL)
			return false;
	} while (is_escaped(start, quote));
	*text = start;
	*len = quote - start;
	cursor->next = quote + 1;
	return true;
}

/* A number, or true, false or null; something always follows it. */
static bool
read_word(ReplyCursor *cursor, const char **text, size_t *len)
{
	const char *end = cursor->next;

	while (*end > ' ' && *end != ',' && *end != '}' && *end != ']')
		end++;
	*text = cursor->next;
	*len = end - cursor->next;
	cursor->next = end;
	return *len > 0 && end < cursor->end;
}

static bool
json_skip(ReplyCursor *cursor)
{
	int			depth = 0;
	const char *text;
	size_t		len;

	do
	{
		char		c = skip_blanks(cursor);

		if (c == '"' ? !read_string(cursor, &text, &len) :
			strchr("{}[],:", c) == NULL ? !read_word(cursor, &text, &len) : c == '\0')
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

static bool
json_enter(ReplyCursor *cursor, ReplyContainer container, ReplyLevel *level)
{
	level->first = true;
	return skip_char(cursor, container == REPLY_OBJECT ? '{' : '[');
}

/* Moves to the next thing in a container, which ends with that. */
static int
json_next(ReplyCursor *cursor, ReplyLevel *level, char end)
{
	if (skip_char(cursor, end))
		return 0;
	if (!level->first && !skip_char(cursor, ','))
		return -1;
	level->first = false;
	return 1;
}

static int
json_element(ReplyCursor *cursor, ReplyLevel *level)
{
	return json_next(cursor, level, ']');
}

static int
json_member(ReplyCursor *cursor, ReplyLevel *level, ReplyName *name)
{
	int			found = json_next(cursor, level, '}');

	if (found <= 0)
		return found;
	skip_blanks(cursor);
	return read_string(cursor, &name->text, &name->len) && skip_char(cursor, ':') ? 1 : -1;
}

static ReplyFound
json_value(ReplyCursor *cursor, ReplyValue *value)
{
	char		kind = skip_blanks(cursor);
	size_t		len;

	if (kind == '{' || kind == '[')
		return REPLY_CONTAINER;
	if (!(kind == '"' ? read_string(cursor, &value->text, &len) :
		  read_word(cursor, &value->text, &len)))
		return REPLY_NOTHING;
	value->len = len;
	value->form = REPLY_JSON;
	if (kind == 'n')
		value->text = NULL;
	return REPLY_SCALAR;
}

static bool
json_record(ReplyCursor *cursor, ReplyRecord *record)
{
	return reply_read_record(&kinesis_json_syntax, cursor, record);
}

static bool
json_at_end(const ReplyCursor *cursor)
{
	ReplyCursor behind = *cursor;

	skip_blanks(&behind);
	return behind.next == behind.end;
}

const ReplySyntax kinesis_json_syntax = {
	.enter = json_enter,
	.member = json_member,
	.element = json_element,
	.value = json_value,
	.skip = json_skip,
	.record = json_record,
	.at_end = json_at_end,
};
