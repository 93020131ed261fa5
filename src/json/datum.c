/*-------------------------------------------------------------------------
 *
 * datum.c
 *	  JSON values to Datums.
 *
 * What json_populate_record does with a value is the definition; most of it is
 * left to PostgreSQL itself.  Here are the short cuts for the types that make
 * up most rows, each of which steps aside for any value that is not plain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "json/datum.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* The one column of the row that json_populate_record fills. */
#define POPULATE_KEY "v"

/*
 * Sets up a call of json_populate_record for a row with one column of the
 * wanted type: the only door to its conversion of arrays, composite types and
 * domains that is open in all server versions.
 */
static void
init_populate(JsonConverter *converter)
{
	TupleDesc	desc = CreateTemplateTupleDesc(1);
	bool		isnull = true;
	Datum		value = (Datum) 0;
	Node	   *arguments[2];

	TupleDescInitEntry(desc, 1, POPULATE_KEY, converter->typid, converter->typmod, 0);
	desc = BlessTupleDesc(desc);
	converter->base_row = HeapTupleGetDatum(heap_form_tuple(desc, &value, &isnull));

	fmgr_info(F_JSON_POPULATE_RECORD, &converter->input);
	arguments[0] = (Node *) makeNullConst(RECORDOID, -1, InvalidOid);
	arguments[1] = (Node *) makeNullConst(JSONOID, -1, InvalidOid);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_JSON_POPULATE_RECORD, RECORDOID,
											 list_make2(arguments[0], arguments[1]),
											 InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL),
					   &converter->input);
}

static JsonTarget
target_of_type(Oid typid, int32 typmod)
{
	switch (typid)
	{
		case INT2OID:
			return TARGET_INT2;
		case INT4OID:
			return TARGET_INT4;
		case INT8OID:
			return TARGET_INT8;
		case FLOAT8OID:
			return TARGET_FLOAT8;
		case BOOLOID:
			return TARGET_BOOL;
		case TEXTOID:
			return TARGET_TEXT;
		case VARCHAROID:
			return typmod < 0 ? TARGET_TEXT : TARGET_INPUT;
		case JSONOID:
			return TARGET_JSON;
		case JSONBOID:
			return TARGET_JSONB;
		default:
			break;
	}
	if (get_typtype(typid) == TYPTYPE_DOMAIN || type_is_rowtype(typid) ||
		OidIsValid(get_element_type(typid)))
		return TARGET_POPULATE;
	return TARGET_INPUT;
}

void
json_converter_init(JsonConverter *converter, Oid typid, int32 typmod)
{
	Oid			element = get_element_type(typid);
	Oid			input;

	memset(converter, 0, sizeof(JsonConverter));
	converter->typid = typid;
	converter->typmod = typmod;
	converter->utf8 = GetDatabaseEncoding() == PG_UTF8;
	converter->target = target_of_type(typid, typmod);
	converter->refuses_null = get_typtype(typid) == TYPTYPE_DOMAIN;

	/* built-in types bring no functions of users, but composites might */
	converter->pure = (OidIsValid(element) ? element : typid) < FirstGenbkiObjectId;

	if (converter->target == TARGET_POPULATE)
		init_populate(converter);
	else
	{
		getTypeInputInfo(typid, &input, &converter->typioparam);
		fmgr_info(input, &converter->input);
	}
}

bool
json_plain_integer(const JsonValue *value, int64 min, int64 max, int64 *result)
{
	const char *p = value->data;
	const char *end = p + value->len;
	bool		negative;
	int64		magnitude = 0;

	if (value->kind != JSON_NUMBER && value->kind != JSON_STRING)
		return false;
	negative = *p == '-';		/* a string has a NUL behind it */
	if (negative)
		p++;
	if (p == end || end - p > 18)
		return false;
	for (; p < end; p++)
	{
		if ((uint8) (*p - '0') > 9)
			return false;
		magnitude = magnitude * 10 + (*p - '0');
	}
	*result = negative ? -magnitude : magnitude;
	return *result >= min && *result <= max;
}

/*
 * A number whose digits make an integer below 2^53 and whose power of ten is
 * at most 22 has both parts exact as doubles, so that one multiplication or
 * division rounds once and right (Clinger 1990).
 */
bool
json_plain_double(const JsonValue *value, double *result)
{
	static const double powers[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
	};
	const char *p = value->data;
	const char *end = p + value->len;
	uint64		digits = 0;
	int			ndigits = 0;
	int			scale = -1;		/* digits behind the point; -1 before it */
	bool		negative;

	if (value->kind != JSON_NUMBER)
		return false;
	negative = *p == '-';
	if (negative)
		p++;
	for (; p < end; p++)
	{
		if (*p == '.')
			scale = 0;
		else if ((uint8) (*p - '0') <= 9 && ++ndigits <= 15)
		{
			digits = digits * 10 + (*p - '0');
			if (scale >= 0)
				scale++;
		}
		else
			return false;
	}
	*result = (double) digits / powers[Max(scale, 0)];
	if (negative)
		*result = -*result;
	return true;
}

/* UTF-8 to the server's encoding, NUL-terminated; may return text itself. */
static char *
server_text(const JsonConverter *converter, const char *text, uint32 *len)
{
	char	   *converted;

	if (converter->utf8)
		return unconstify(char *, text);
	converted = pg_any_to_server(text, *len, PG_UTF8);
	if (converted != text)
		*len = strlen(converted);
	return converted;
}

/* The text of any value but null, NUL-terminated, in the server's encoding. */
static char *
value_text(const JsonConverter *converter, const JsonValue *value, uint32 *len)
{
	const char *text = value->data;

	*len = value->len;
	switch (value->kind)
	{
		case JSON_TRUE:
			*len = 4;
			return "true";
		case JSON_FALSE:
			*len = 5;
			return "false";
		case JSON_STRING:		/* has its NUL */
			break;
		default:
			text = pnstrdup(value->data, value->len);
			break;
	}
	return server_text(converter, text, len);
}

/* The JSON text of any value but null; strings are escaped anew. */
static char *
value_json(const JsonConverter *converter, const JsonValue *value, uint32 *len)
{
	char	   *text = value_text(converter, value, len);
	StringInfoData buf;

	if (value->kind != JSON_STRING)
		return text;
	initStringInfo(&buf);
	escape_json(&buf, text);
	*len = buf.len;
	return buf.data;
}

/* Arrays, composite types and domains; null too, for domains that refuse it. */
static Datum
populate(JsonConverter *converter, const JsonValue *value, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 2);
	StringInfoData record;
	uint32		len;
	HeapTupleHeader row;
	HeapTupleData tuple;
	TupleDesc	desc;
	Datum		result;

	initStringInfo(&record);
	appendStringInfoString(&record, "{\"" POPULATE_KEY "\":");
	if (value->kind <= JSON_NULL)
		appendStringInfoString(&record, "null");
	else
	{
		char	   *json = value_json(converter, value, &len);

		appendBinaryStringInfo(&record, json, len);
	}
	appendStringInfoChar(&record, '}');

	InitFunctionCallInfoData(*fcinfo, &converter->input, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = converter->base_row;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = PointerGetDatum(cstring_to_text_with_len(record.data, record.len));
	fcinfo->args[1].isnull = false;
	row = DatumGetHeapTupleHeader(FunctionCallInvoke(fcinfo));

	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row),
								  HeapTupleHeaderGetTypMod(row));
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	result = heap_getattr(&tuple, 1, desc, isnull);
	ReleaseTupleDesc(desc);
	return result;
}

Datum
json_to_datum(JsonConverter *converter, const JsonValue *value, bool *isnull)
{
	Datum		datum = (Datum) 0;
	uint32		len;
	char	   *text;

	if (json_to_datum_fast(converter, value, &datum, isnull))
		return datum;

	switch (converter->target)
	{
		case TARGET_POPULATE:
			return populate(converter, value, isnull);
		case TARGET_JSON:
			text = value_json(converter, value, &len);
			return PointerGetDatum(cstring_to_text_with_len(text, len));
		case TARGET_JSONB:
			text = value_json(converter, value, &len);
			break;
		case TARGET_TEXT:
			text = value_text(converter, value, &len);
			return PointerGetDatum(cstring_to_text_with_len(text, len));
		default:
			text = value_text(converter, value, &len);
			break;
	}
	return InputFunctionCall(&converter->input, text, converter->typioparam,
							 converter->typmod);
}
