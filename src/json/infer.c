/*-------------------------------------------------------------------------
 *
 * infer.c
 *	  What columns a table needs for records that have been seen.
 *
 * The scanner hands out values that are asked for by key, and here the keys
 * are what is asked for.  So this walks over the bytes of a record once more.
 * The scanner has checked them: they are well-formed JSON, so a string ends
 * with its quote and brackets match, and the walk only has to tell where
 * values begin and end.  It stays inside the record all the same.
 *
 * Numbers are judged by their text.  1e3 is a whole number, but no text that
 * an integer takes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "json/infer.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

/* Integers up to here are doubles as well. */
#define MAX_DOUBLE_INTEGER (INT64CONST(1) << 53)

/* A number longer than this, or with a larger exponent, is left as text. */
#define MAX_NUMBER 1000
#define MAX_EXPONENT 1000

/* What the values of a key have been: bits. */
#define SEEN_BOOLEAN 0x01
#define SEEN_INTEGER 0x02
#define SEEN_BIGINT 0x04
#define SEEN_LARGE 0x08			/* an integer that is no exact double */
#define SEEN_DOUBLE 0x10
#define SEEN_NUMERIC 0x20
#define SEEN_TIMESTAMP 0x40
#define SEEN_NESTED 0x80
#define SEEN_TEXT 0x100

#define SEEN_NUMBER \
	(SEEN_INTEGER | SEEN_BIGINT | SEEN_LARGE | SEEN_DOUBLE | SEEN_NUMERIC)

typedef struct Field
{
	char	   *raw;			/* the key as written, between its quotes */
	size_t		raw_len;
	char	   *key;			/* NULL: the database cannot hold it */
	int			same_as;		/* an earlier field whose key is the same, but
								 * written in another way; else -1 */
	int			seen;
} Field;

struct JsonInference
{
	MemoryContext context;
	int			max_fields;
	int			nfields;
	int			next;			/* the field that would come next if keys come in
								 * the order they did before */
	bool		overflowed;
	Field	   *fields;
};

/* Where the walk is. */
typedef struct Walk
{
	const char *at;
	const char *end;
} Walk;

JsonInference *
json_infer_begin(int max_fields)
{
	JsonInference *inference = palloc0(sizeof(JsonInference));

	inference->context = CurrentMemoryContext;
	inference->max_fields = max_fields;
	inference->fields = palloc(max_fields * sizeof(Field));
	return inference;
}

/*
 * Text of JSON
 */

static bool
is_data_error(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
		sqlerrcode == ERRCODE_UNTRANSLATABLE_CHARACTER ||
		sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/* A JSON string (UTF-8, without quotes) as text, by PostgreSQL's own functions. */
static char *
string_to_text(const char *raw, size_t len)
{
	char	   *array = psprintf("[\"%.*s\"]", (int) len, raw);
	char	   *converted = pg_any_to_server(array, strlen(array), PG_UTF8);
	Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(converted));

	return TextDatumGetCString(DirectFunctionCall2(jsonb_array_element_text, json,
												   Int32GetDatum(0)));
}

/*
 * The same; NULL if the database cannot hold it: zero bytes, characters its
 * encoding lacks.  These functions hold nothing when they raise an error, so
 * catching it needs no subtransaction.
 */
static char *
try_string_to_text(const char *raw, size_t len)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile text = NULL;

	PG_TRY();
	{
		text = string_to_text(raw, len);
	}
	PG_CATCH();
	{
		if (!is_data_error(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return text;
}

/*
 * The walk
 */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves over blanks; the byte there, or zero at the end. */
static char
peek(Walk *walk)
{
	while (walk->at < walk->end && is_blank(*walk->at))
		walk->at++;
	return walk->at < walk->end ? *walk->at : '\0';
}

/* Moves behind the string that begins here. */
static void
skip_string(Walk *walk)
{
	for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++)
		if (*walk->at == '\\')
			walk->at++;
	walk->at++;
}

/* Moves behind the object or array that begins here. */
static void
skip_nested(Walk *walk)
{
	int			depth = 0;

	do
	{
		switch (*walk->at)
		{
			case '"':
				skip_string(walk);
				continue;
			case '{':
			case '[':
				depth++;
				break;
			case '}':
			case ']':
				depth--;
				break;
		}
		walk->at++;
	} while (depth > 0 && walk->at < walk->end);
}

/* Moves behind the number or the word that begins here. */
static void
skip_plain(Walk *walk)
{
	while (walk->at < walk->end && !is_blank(*walk->at) &&
		   strchr(",]}", *walk->at) == NULL)
		walk->at++;
}

/*
 * Values
 */

/* Is the number the same after it has been a double? */
static bool
survives_double(const char *number, double value)
{
	Datum		before = DirectFunctionCall3(numeric_in, CStringGetDatum(number),
											 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	Datum		after = DirectFunctionCall3(numeric_in,
											CStringGetDatum(float8out_internal(value)),
											ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));

	return DatumGetBool(DirectFunctionCall2(numeric_eq, before, after));
}

static int
judge_integer(const char *number)
{
	int64		value;

	errno = 0;
	value = strtoll(number, NULL, 10);
	if (errno != 0)
		return SEEN_NUMERIC;
	if (value >= PG_INT32_MIN && value <= PG_INT32_MAX)
		return SEEN_INTEGER;
	if (value >= -MAX_DOUBLE_INTEGER && value <= MAX_DOUBLE_INTEGER)
		return SEEN_BIGINT;
	return SEEN_BIGINT | SEEN_LARGE;
}

static int
judge_number(const char *start, size_t len)
{
	char	   *number;
	char	   *mark;
	long		exponent = 0;
	double		value;

	if (len > MAX_NUMBER)
		return SEEN_TEXT;
	number = pnstrdup(start, len);
	if (strpbrk(number, ".eE") == NULL)
		return judge_integer(number);
	mark = strpbrk(number, "eE");
	if (mark != NULL)
		exponent = strtol(mark + 1, NULL, 10);
	if (exponent < -MAX_EXPONENT || exponent > MAX_EXPONENT)
		return SEEN_TEXT;
	value = strtod(number, NULL);
	if (isinf(value) || !survives_double(number, value))
		return SEEN_NUMERIC;
	return SEEN_DOUBLE;
}

/* Takes count digits as a number; -1 if they are none. */
static int
take_digits(const char **at, const char *end, int count)
{
	int			number = 0;

	for (; count > 0; count--, (*at)++)
	{
		if (*at == end || **at < '0' || **at > '9')
			return -1;
		number = number * 10 + (**at - '0');
	}
	return number;
}

/* Takes a byte if it is there. */
static bool
take(const char **at, const char *end, char wanted)
{
	if (*at == end || **at != wanted)
		return false;
	(*at)++;
	return true;
}

static bool
take_date(const char **at, const char *end)
{
	int			year = take_digits(at, end, 4);
	int			month = take(at, end, '-') ? take_digits(at, end, 2) : -1;
	int			day = take(at, end, '-') ? take_digits(at, end, 2) : -1;

	return year >= 1 && month >= 1 && month <= MONTHS_PER_YEAR &&
		day >= 1 && day <= day_tab[isleap(year)][month - 1];
}

static bool
take_time(const char **at, const char *end)
{
	int			hour = take_digits(at, end, 2);
	int			minute = take(at, end, ':') ? take_digits(at, end, 2) : -1;

	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	if (take(at, end, ':'))
	{
		int			second = take_digits(at, end, 2);

		if (second < 0 || second > 59)
			return false;
		if (take(at, end, '.'))
		{
			if (take_digits(at, end, 1) < 0)
				return false;
			while (*at < end && **at >= '0' && **at <= '9')
				(*at)++;
		}
	}
	return true;
}

/* PostgreSQL knows zones up to 15:59 from UTC. */
static bool
take_zone(const char **at, const char *end)
{
	int			hour;
	int			minute = 0;

	if (take(at, end, 'Z'))
		return true;
	if (!take(at, end, '+') && !take(at, end, '-'))
		return false;
	hour = take_digits(at, end, 2);
	if (take(at, end, ':') || *at < end)
		minute = take_digits(at, end, 2);
	return hour >= 0 && hour <= 15 && minute >= 0 && minute <= 59;
}

static int
judge_string(const char *start, const char *end)
{
	const char *at = start;

	/* long fractions are rounded, so they may be as long as they like */
	if (end - start <= MAXDATELEN &&
		take_date(&at, end) && take(&at, end, 'T') && take_time(&at, end) &&
		take_zone(&at, end) && at == end)
		return SEEN_TIMESTAMP;
	return SEEN_TEXT;
}

/* Moves behind the value that begins here; what is it? */
static int
judge_value(Walk *walk)
{
	const char *start;

	switch (peek(walk))
	{
		case '"':
			start = walk->at + 1;
			skip_string(walk);
			return judge_string(start, walk->at - 1);
		case '{':
		case '[':
			skip_nested(walk);
			return SEEN_NESTED;
		case 't':
		case 'f':
			skip_plain(walk);
			return SEEN_BOOLEAN;
		case 'n':
			skip_plain(walk);
			return 0;
		default:
			start = walk->at;
			skip_plain(walk);
			return judge_number(start, walk->at - start);
	}
}

/*
 * Fields
 */

/* Fills in a field that has not been seen before. */
static Field *
add_field(JsonInference *inference, const char *raw, size_t len)
{
	MemoryContext old;
	Field	   *field;

	if (inference->nfields == inference->max_fields)
	{
		inference->overflowed = true;
		return NULL;
	}
	field = &inference->fields[inference->nfields];
	old = MemoryContextSwitchTo(inference->context);
	field->raw = pnstrdup(raw, len);
	field->raw_len = len;
	field->key = try_string_to_text(raw, len);
	MemoryContextSwitchTo(old);
	field->seen = 0;
	field->same_as = -1;
	for (int i = 0; i < inference->nfields && field->key != NULL; i++)
	{
		const Field *other = &inference->fields[i];

		if (other->same_as < 0 && other->key != NULL && strcmp(other->key, field->key) == 0)
			field->same_as = i;
	}
	inference->nfields++;
	return field;
}

/*
 * The field of a key; NULL if there are too many.  Records of one source
 * mostly have the same keys in the same order, so the search begins where the
 * last one ended.
 */
static Field *
find_field(JsonInference *inference, const char *raw, size_t len)
{
	for (int i = 0; i < inference->nfields; i++)
	{
		int			at = (inference->next + i) % inference->nfields;
		Field	   *field = &inference->fields[at];

		if (field->raw_len == len && memcmp(field->raw, raw, len) == 0)
		{
			inference->next = at + 1;
			return field;
		}
	}
	return add_field(inference, raw, len);
}

static void
walk_object(JsonInference *inference, Walk *walk)
{
	if (peek(walk) != '{')
		return;
	walk->at++;
	while (peek(walk) == '"')
	{
		const char *raw = walk->at + 1;
		Field	   *field;
		int			seen;

		skip_string(walk);
		field = find_field(inference, raw, walk->at - 1 - raw);
		if (peek(walk) == ':')
			walk->at++;
		seen = judge_value(walk);
		if (field != NULL && field->same_as >= 0)
			field = &inference->fields[field->same_as];
		if (field != NULL)
			field->seen |= seen;
		if (peek(walk) == ',')
			walk->at++;
	}
}

void
json_infer_record(JsonInference *inference, const char *data, size_t len)
{
	MemoryContext context = AllocSetContextCreate(inference->context, "pinterest inference",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Walk		walk = {data, data + len};

	/* a string that holds the object */
	if (peek(&walk) == '"')
	{
		const char *raw = walk.at + 1;
		char	   *object;

		skip_string(&walk);
		object = try_string_to_text(raw, walk.at - 1 - raw);
		if (object != NULL)
			object = pg_server_to_any(object, strlen(object), PG_UTF8);
		walk.at = object;
		walk.end = object == NULL ? NULL : object + strlen(object);
	}
	inference->next = 0;
	if (walk.at != NULL)
		walk_object(inference, &walk);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

static const char *
type_of(int seen)
{
	if (seen == SEEN_BOOLEAN)
		return "boolean";
	if (seen == SEEN_TIMESTAMP)
		return "timestamp with time zone";
	if (seen == SEEN_NESTED)
		return "pg_catalog.jsonb";
	if (seen == 0 || (seen & ~SEEN_NUMBER) != 0)
		return "pg_catalog.text";
	if ((seen & SEEN_NUMERIC) != 0 || ((seen & SEEN_DOUBLE) != 0 && (seen & SEEN_LARGE) != 0))
		return "numeric";
	if ((seen & SEEN_DOUBLE) != 0)
		return "double precision";
	return (seen & SEEN_BIGINT) != 0 ? "bigint" : "integer";
}

List *
json_infer_fields(const JsonInference *inference)
{
	List	   *fields = NIL;

	for (int i = 0; i < inference->nfields; i++)
	{
		const Field *field = &inference->fields[i];
		JsonInferredField *inferred;

		if (field->key == NULL || field->same_as >= 0)
			continue;
		inferred = palloc(sizeof(JsonInferredField));
		inferred->key = field->key;
		inferred->type = type_of(field->seen);
		fields = lappend(fields, inferred);
	}
	return fields;
}

bool
json_infer_overflowed(const JsonInference *inference)
{
	return inference->overflowed;
}
