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

static const char *
skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')
		at++;
	return at;
}

/* NULL if it is not there. */
static const char *
skip_char(const char *at, char wanted)
{
	at = skip_blanks(at);
	return *at == wanted ? at + 1 : NULL;
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
static const char *
read_string(const char *at, const char *end, const char **text, size_t *len)
{
	const char *quote = at;

	if (*at != '"')
		return NULL;
	do
	{
		quote = memchr(quote + 1, '"', end - (quote + 1));
		if (quote == NULL)
			return NULL;
	} while (is_escaped(at + 1, quote));
	*text = at + 1;
	*len = quote - *text;
	return quote + 1;
}

/* A number, or true, false or null; something always follows it. */
static const char *
read_word(const char *at, const char *end, const char **text, size_t *len)
{
	*text = at;
	while (*at > ' ' && *at != ',' && *at != '}' && *at != ']')
		at++;
	*len = at - *text;
	return *len > 0 && at < end ? at : NULL;
}

/* A string or a word. */
static const char *
read_scalar(const char *at, const char *end, const char **text, size_t *len)
{
	return *at == '"' ? read_string(at, end, text, len) : read_word(at, end, text, len);
}

/* An object or an array. */
static const char *
skip_container(const char *at, const char *end)
{
	int			depth = 0;
	const char *text;
	size_t		len;

	do
	{
		at = skip_blanks(at);
		if (*at == '\0')
			return NULL;
		if (*at == '{' || *at == '[')
			depth++;
		else if (*at == '}' || *at == ']')
			depth--;
		if (strchr("{}[],:", *at) != NULL)
			at++;
		else
			at = read_scalar(at, end, &text, &len);
	} while (at != NULL && depth > 0 && depth <= MAX_DEPTH);
	return depth == 0 ? at : NULL;
}

static inline const char *
json_enter(const char *at, const char *end, ReplyContainer container, ReplyLevel *level)
{
	level->first = true;
	level->ended = false;
	return skip_char(at, container == REPLY_OBJECT ? '{' : '[');
}

/* Moves to the next thing in a container, which ends with that. */
static const char *
json_next(const char *at, ReplyLevel *level, char last)
{
	const char *behind = skip_char(at, last);

	level->ended = behind != NULL;
	if (!level->ended)
		behind = level->first ? skip_blanks(at) : skip_char(at, ',');
	level->first = false;
	return behind;
}

static inline const char *
json_element(const char *at, const char *end, ReplyLevel *level)
{
	return json_next(at, level, ']');
}

static inline const char *
json_member(const char *at, const char *end, ReplyLevel *level, ReplyName *name)
{
	at = json_next(at, level, '}');
	if (at == NULL || level->ended)
		return at;
	at = read_string(skip_blanks(at), end, &name->text, &name->len);
	return at == NULL ? NULL : skip_char(at, ':');
}

static inline const char *
json_value(const char *at, const char *end, ReplyValue *value)
{
	const char *text;
	size_t		len;

	char		first;

	at = skip_blanks(at);
	first = *at;
	if (first == '{' || first == '[')
	{
		value->text = NULL;
		return skip_container(at, end);
	}
	at = read_scalar(at, end, &text, &len);
	if (at == NULL)
		return NULL;
	value->text = first == 'n' ? NULL : text;
	value->len = len;
	value->form = REPLY_JSON;
	return at;
}

static const char *
json_record(const char *at, const char *end, ReplyRecord *record)
{
	return reply_read_record(&kinesis_json_syntax, at, end, record);
}

static bool
json_at_end(const char *at, const char *end)
{
	return skip_blanks(at) == end;
}

const ReplySyntax kinesis_json_syntax = {
	.enter = json_enter,
	.member = json_member,
	.element = json_element,
	.value = json_value,
	.record = json_record,
	.at_end = json_at_end,
};
