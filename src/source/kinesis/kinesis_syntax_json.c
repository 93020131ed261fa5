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
json_member(ReplyCursor *cursor, ReplyLevel *level, ReplyMember *member)
{
	int			found = json_next(cursor, level, '}');
	size_t		len = 0;
	char		kind;

	if (found <= 0)
		return found;
	skip_blanks(cursor);
	if (!read_string(cursor, &member->name, &member->name_len) || !skip_char(cursor, ':'))
		return -1;
	kind = skip_blanks(cursor);
	member->is_container = kind == '{' || kind == '[';
	member->value.form = REPLY_JSON;
	member->value.text = NULL;
	if (!member->is_container &&
		!(kind == '"' ? read_string(cursor, &member->value.text, &len) :
		  read_word(cursor, &member->value.text, &len)))
		return -1;
	member->value.len = len;
	if (kind == 'n')
		member->value.text = NULL;
	return 1;
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
	.skip = json_skip,
	.at_end = json_at_end,
};
