/*-------------------------------------------------------------------------
 *
 * write.c
 *	  Rows to JSON.
 *
 * What row_to_json does with a value is the definition.  Integers, floating
 * point numbers, booleans, text, times and the JSON types are written here,
 * anything else by to_json.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "json/path.h"
#include "json/write.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "pg_compat.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

typedef struct WriteNode
{
	char	   *token;
	char	   *label;			/* "key": as it is written; empty in an array */
	bool		array;			/* children are elements, not members */
	List	   *children;		/* of WriteNode; NIL: a value */
	const JsonWriteColumn *column;	/* of a value */
	Oid			typid;			/* what is below the column's domains */
	FmgrInfo	to_json;		/* where no other way is known */
} WriteNode;

struct JsonWriter
{
	WriteNode	root;
	MemoryContext scratch;		/* of one row */
	bool		dirty;			/* has anything been allocated there? */
	bool		utf8;			/* the server's encoding */
};

/* ---------- strings ---------- */

/* Bytes that a JSON string cannot hold as they are. */
static inline bool
needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

static void
append_escape(StringInfo out, unsigned char c)
{
	static const char *const shorthand = "btn\0fr";

	appendStringInfoCharMacro(out, '\\');
	if (c == '"' || c == '\\')
		appendStringInfoCharMacro(out, c);
	else if (c >= '\b' && c <= '\r' && shorthand[c - '\b'] != '\0')
		appendStringInfoCharMacro(out, shorthand[c - '\b']);
	else
		appendStringInfo(out, "u%04x", c);
}

/* Runs of plain bytes are copied as a whole: most strings are one. */
static void
append_string(StringInfo out, const char *text, size_t len)
{
	const char *end = text + len;

	appendStringInfoCharMacro(out, '"');
	while (text < end)
	{
		const char *start = text;

		while (text < end && !needs_escape((unsigned char) *text))
			text++;
		appendBinaryStringInfo(out, start, text - start);
		if (text < end)
			append_escape(out, (unsigned char) *text++);
	}
	appendStringInfoCharMacro(out, '"');
}

/*
 * JSON text as a user or an output function wrote it.  Strings in it hold no
 * line breaks, so any there are lie between values.
 */
static void
append_json(StringInfo out, const char *json, size_t len)
{
	char	   *copy;

	appendBinaryStringInfo(out, json, len);
	copy = out->data + out->len - len;
	for (size_t i = 0; i < len; i++)
		if (copy[i] == '\n' || copy[i] == '\r')
			copy[i] = ' ';
}

/* ---------- values ---------- */

static void
append_integer(StringInfo out, int64 value)
{
	enlargeStringInfo(out, MAXINT8LEN + 1);
	out->len += pg_lltoa(value, out->data + out->len);
}

/* JSON has no NaN and no infinities: they are strings, as row_to_json says. */
static void
append_float8(StringInfo out, float8 value)
{
	if (isnan(value))
		appendStringInfoString(out, "\"NaN\"");
	else if (isinf(value))
		appendStringInfoString(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else
	{
		enlargeStringInfo(out, DOUBLE_SHORTEST_DECIMAL_LEN);
		out->len += double_to_shortest_decimal_bufn(value, out->data + out->len);
		out->data[out->len] = '\0';
	}
}

static void
append_float4(StringInfo out, float4 value)
{
	if (isnan(value) || isinf(value))
	{
		append_float8(out, value);
		return;
	}
	enlargeStringInfo(out, FLOAT_SHORTEST_DECIMAL_LEN);
	out->len += float_to_shortest_decimal_bufn(value, out->data + out->len);
	out->data[out->len] = '\0';
}

static void
append_numeric(StringInfo out, Datum value)
{
	char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, value));
	const char *first = text + (*text == '-');

	if (*first >= '0' && *first <= '9')
		appendStringInfoString(out, text);
	else						/* NaN, Infinity */
		append_string(out, text, strlen(text));
}

static void
append_time(StringInfo out, Datum value, Oid typid)
{
	char		buffer[MAXDATELEN + 1];

	JsonEncodeDateTime(buffer, value, typid, NULL);
	append_string(out, buffer, strlen(buffer));
}

static void
append_text(StringInfo out, Datum value, bool json)
{
	struct varlena *text = PG_DETOAST_DATUM_PACKED(value);

	if (json)
		append_json(out, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
	else
		append_string(out, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

static void
append_jsonb(StringInfo out, Datum value)
{
	Jsonb	   *jsonb = DatumGetJsonbP(value);

	(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
}

/* The types whose values leave nothing behind in memory. */
static bool
append_simple(StringInfo out, Oid typid, Datum value)
{
	switch (typid)
	{
		case INT2OID:
			append_integer(out, DatumGetInt16(value));
			break;
		case INT4OID:
			append_integer(out, DatumGetInt32(value));
			break;
		case INT8OID:
			append_integer(out, DatumGetInt64(value));
			break;
		case FLOAT4OID:
			append_float4(out, DatumGetFloat4(value));
			break;
		case FLOAT8OID:
			append_float8(out, DatumGetFloat8(value));
			break;
		case BOOLOID:
			appendStringInfoString(out, DatumGetBool(value) ? "true" : "false");
			break;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			append_time(out, value, typid);
			break;
		default:
			return false;
	}
	return true;
}

static void
append_value(JsonWriter *writer, WriteNode *node, Datum value, StringInfo out)
{
	MemoryContext old;

	if (append_simple(out, node->typid, value))
		return;
	writer->dirty = true;
	old = MemoryContextSwitchTo(writer->scratch);
	switch (node->typid)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			append_text(out, value, false);
			break;
		case JSONOID:
			append_text(out, value, true);
			break;
		case JSONBOID:
			append_jsonb(out, value);
			break;
		case NUMERICOID:
			append_numeric(out, value);
			break;
		default:
			append_text(out, FunctionCall1(&node->to_json, value), true);
			break;
	}
	MemoryContextSwitchTo(old);
}

/* ---------- rows ---------- */

static void
append_node(JsonWriter *writer, WriteNode *node, const Datum *values,
			const bool *nulls, StringInfo out)
{
	bool		first = true;
	ListCell   *lc;

	if (node->column != NULL)
	{
		if (nulls[node->column->index])
			appendBinaryStringInfo(out, "null", 4);
		else
			append_value(writer, node, values[node->column->index], out);
		return;
	}
	appendStringInfoCharMacro(out, node->array ? '[' : '{');
	foreach(lc, node->children)
	{
		WriteNode  *child = lfirst(lc);

		if (!first)
			appendStringInfoCharMacro(out, ',');
		first = false;
		appendStringInfoString(out, child->label);
		append_node(writer, child, values, nulls, out);
	}
	appendStringInfoCharMacro(out, node->array ? ']' : '}');
}

void
json_writer_append(JsonWriter *writer, const Datum *values, const bool *nulls,
				   StringInfo out)
{
	int			start = out->len;

	append_node(writer, &writer->root, values, nulls, out);
	if (!writer->utf8)
	{
		MemoryContext old = MemoryContextSwitchTo(writer->scratch);
		char	   *utf8 = pg_server_to_any(out->data + start, out->len - start, PG_UTF8);

		writer->dirty = true;
		MemoryContextSwitchTo(old);
		if (utf8 != out->data + start)
		{
			out->len = start;
			appendStringInfoString(out, utf8);
		}
	}
	if (writer->dirty)
		MemoryContextReset(writer->scratch);
	writer->dirty = false;
}

/* ---------- preparing ---------- */

static WriteNode *
find_child(WriteNode *node, const char *token)
{
	ListCell   *lc;

	foreach(lc, node->children)
		if (strcmp(((WriteNode *) lfirst(lc))->token, token) == 0)
			return lfirst(lc);
	return NULL;
}

static WriteNode *
add_child(WriteNode *node, char *token)
{
	WriteNode  *child = palloc0(sizeof(WriteNode));
	StringInfoData label;

	initStringInfo(&label);
	append_string(&label, token, strlen(token));
	appendStringInfoChar(&label, ':');
	child->token = token;
	child->label = label.data;
	node->children = lappend(node->children, child);
	return child;
}

/* to_json asks the expression it is in for the type of its argument. */
static void
prepare_value(WriteNode *node, const JsonWriteColumn *column)
{
	Node	   *argument = (Node *) makeNullConst(column->typid, -1, InvalidOid);

	node->column = column;
	node->typid = getBaseType(column->typid);
	fmgr_info(F_TO_JSON, &node->to_json);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSON, JSONOID, list_make1(argument),
											 InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL),
					   &node->to_json);
}

static void
add_column(WriteNode *root, const JsonWriteColumn *column)
{
	WriteNode  *node = root;
	bool		is_new = false;
	ListCell   *lc;

	foreach(lc, json_path_tokens(column->field))
	{
		WriteNode  *child = find_child(node, lfirst(lc));

		if (node->column != NULL)
			break;
		is_new = child == NULL;
		node = is_new ? add_child(node, lfirst(lc)) : child;
	}
	if (!is_new || node->column != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("cannot write column \"%s\": another column has its place in the record",
						column->name),
				 errdetail("The field \"%s\" is written by another column, as a whole or in part.",
						   column->field),
				 errhint("Insert into a foreign table that has only one of the two columns.")));
	prepare_value(node, column);
}

static int
compare_by_number(const ListCell *a, const ListCell *b)
{
	return atoi(((WriteNode *) lfirst(a))->token) - atoi(((WriteNode *) lfirst(b))->token);
}

/* Children 0, 1, 2 ... in any order make an array. */
static void
find_arrays(WriteNode *node, bool is_root)
{
	int			n = list_length(node->children);
	ListCell   *lc;

	node->array = !is_root && n > 0;
	for (int i = 0; node->array && i < n; i++)
		node->array = find_child(node, psprintf("%d", i)) != NULL;
	if (node->array)
		list_sort(node->children, compare_by_number);
	foreach(lc, node->children)
	{
		WriteNode  *child = lfirst(lc);

		if (node->array)
			child->label = "";
		find_arrays(child, false);
	}
}

JsonWriter *
json_writer_create(List *columns)
{
	JsonWriter *writer = palloc0(sizeof(JsonWriter));
	ListCell   *lc;

	writer->utf8 = GetDatabaseEncoding() == PG_UTF8;
	writer->scratch = AllocSetContextCreate(CurrentMemoryContext, "pinterest record",
											ALLOCSET_DEFAULT_SIZES);
	foreach(lc, columns)
		add_column(&writer->root, lfirst(lc));
	find_arrays(&writer->root, true);
	return writer;
}
