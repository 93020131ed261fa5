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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/infer.h"
#include "json/infer_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

typedef struct Field
{
	char	   *raw;			/* the key as written, between its quotes */
	size_t		raw_len;
	char	   *key;			/* NULL: the database cannot hold it */
	int			same_as;		/* an earlier field whose key is the same, but
								 * written in another way; else -1 */
	int			seen;			/* bits of infer_type.h */
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
			return json_seen_string(start, walk->at - 1);
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
			return json_seen_number(start, walk->at - start);
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
		inferred->type = json_type_of(field->seen);
		fields = lappend(fields, inferred);
	}
	return fields;
}

bool
json_infer_overflowed(const JsonInference *inference)
{
	return inference->overflowed;
}
