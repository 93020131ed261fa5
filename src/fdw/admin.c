/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  The SQL functions that administer what a server has: list_sources,
 *	  describe_source, create_source, alter_source, drop_source.
 *
 * What they mean for a service is its source's (source/admin.h).  Who may use
 * the server may look; to change something, the server must be updatable as
 * well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/defrem.h"
#include "fdw/fdw.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "option.h"
#include "source/admin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

/* Rows that are made in one go, and given out one by one. */
typedef List *(*MakeRows) (FunctionCallInfo fcinfo, AttInMetadata *attinmeta,
						   MemoryContext context);

/*
 * Arguments
 */

static char *
text_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static int
splits_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("splits must be 1 or more")));
	return PG_GETARG_INT32(2);
}

/* What the server has for it, and the request to it. */
static const SourceAdmin *
open_server(FunctionCallInfo fcinfo, SourceRequest *request)
{
	const SourceOps *ops = source_of_usable_server(text_argument(fcinfo, 0, "server"), request);

	if (ops->admin == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot administer a server of foreign-data wrapper \"%s\"", ops->wrapper),
				 errdetail("Option \"%s\" of each foreign table says what it reads.", ops->subject),
				 errhint("IMPORT FOREIGN SCHEMA finds what there is at a place.")));
	return ops->admin;
}

/* What every function that changes something asks first. */
static void
check_change(FunctionCallInfo fcinfo, const SourceRequest *request)
{
	PreventCommandIfReadOnly(psprintf("%s()", get_func_name(fcinfo->flinfo->fn_oid)));
	if (option_boolean(request->server_options, "updatable"))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("server \"%s\" does not allow changes", text_argument(fcinfo, 0, "server")),
			 errdetail("Its option \"updatable\" is false.")));
}

/* The members of a JSON object as DefElems; those that are null are left out. */
static List *
options_of_json(Jsonb *object)
{
	List	   *options = NIL;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	char	   *name = NULL;

	if (!JB_ROOT_IS_OBJECT(object))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object")));
	iterator = JsonbIteratorInit(&object->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *text;

		if (token == WJB_KEY)
			name = pnstrdup(value.val.string.val, value.val.string.len);
		if (token != WJB_VALUE || value.type == jbvNull)
			continue;
		if (value.type == jbvBinary)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for option \"%s\"", name),
					 errdetail("It must be a string, a number or a boolean.")));
		if (value.type == jbvString)
			text = pnstrdup(value.val.string.val, value.val.string.len);
		else if (value.type == jbvBool)
			text = pstrdup(value.val.boolean ? "true" : "false");
		else
			text = DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value.val.numeric)));
		options = lappend(options, makeDefElem(name, (Node *) makeString(text), -1));
	}
	return options;
}

static bool
is_integer(const char *text)
{
	const char *digits = text + (*text == '-');

	/* no more digits than a JSON number of any reader can have */
	return *digits != '\0' && strlen(digits) < 19 && strspn(digits, "0123456789") == strlen(digits) &&
		(*digits != '0' || digits[1] == '\0');
}

/* The way back; NULL if there are none. */
static const char *
json_of_options(List *options)
{
	StringInfoData json;
	ListCell   *lc;

	if (options == NIL)
		return NULL;
	initStringInfo(&json);
	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);
		const char *value = defGetString(option);

		appendStringInfoString(&json, json.len == 0 ? "{" : ", ");
		escape_json(&json, option->defname);
		appendStringInfoString(&json, ": ");
		if (is_integer(value))
			appendStringInfoString(&json, value);
		else
			escape_json(&json, value);
	}
	appendStringInfoChar(&json, '}');
	return json.data;
}

/*
 * Rows
 */

/* One row from texts, in the context that outlives the work. */
static List *
add_row(List *rows, AttInMetadata *attinmeta, const char **values, MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);

	rows = lappend(rows, BuildTupleFromCStrings(attinmeta, unconstify(char **, values)));
	MemoryContextSwitchTo(before);
	return rows;
}

/* The input of an array of texts; NULL: there are none. */
static const char *
array_of(List *texts)
{
	StringInfoData out;
	ListCell   *lc;

	if (texts == NIL)
		return NULL;
	initStringInfo(&out);
	foreach(lc, texts)
	{
		appendStringInfoString(&out, out.len == 0 ? "{\"" : ",\"");
		for (const char *c = lfirst(lc); *c != '\0'; c++)
		{
			if (*c == '"' || *c == '\\')
				appendStringInfoChar(&out, '\\');
			appendStringInfoChar(&out, *c);
		}
		appendStringInfoChar(&out, '"');
	}
	appendStringInfoChar(&out, '}');
	return out.data;
}

static Datum
give_rows(FunctionCallInfo fcinfo, MakeRows make)
{
	FuncCallContext *calls;
	List	   *rows;
	HeapTuple	row;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext context;
		MemoryContext work;
		MemoryContext before;
		TupleDesc	desc;

		calls = SRF_FIRSTCALL_INIT();
		context = calls->multi_call_memory_ctx;
		work = AllocSetContextCreate(context, "pinterest administration",
									 ALLOCSET_DEFAULT_SIZES);
		before = MemoryContextSwitchTo(context);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		calls->attinmeta = TupleDescGetAttInMetadata(BlessTupleDesc(desc));
		MemoryContextSwitchTo(work);
		calls->user_fctx = make(fcinfo, calls->attinmeta, context);
		MemoryContextSwitchTo(before);
		MemoryContextDelete(work);
	}
	calls = SRF_PERCALL_SETUP();
	rows = calls->user_fctx;
	if (calls->call_cntr >= (uint64) list_length(rows))
		SRF_RETURN_DONE(calls);
	row = list_nth(rows, (int) calls->call_cntr);
	SRF_RETURN_NEXT(calls, HeapTupleGetDatum(row));
}

static List *
list_rows(FunctionCallInfo fcinfo, AttInMetadata *attinmeta, MemoryContext context)
{
	SourceRequest request = {0};
	List	   *sources = open_server(fcinfo, &request)->list(&request);
	List	   *rows = NIL;
	ListCell   *lc;

	foreach(lc, sources)
	{
		const AdminSource *source = lfirst(lc);
		const char *values[] = {source->name,
		source->splits < 0 ? NULL : psprintf("%d", source->splits), source->state};

		rows = add_row(rows, attinmeta, values, context);
	}
	return rows;
}

static List *
describe_rows(FunctionCallInfo fcinfo, AttInMetadata *attinmeta, MemoryContext context)
{
	SourceRequest request = {0};
	const SourceAdmin *admin = open_server(fcinfo, &request);
	List	   *options = NIL;
	List	   *splits = admin->describe(&request, text_argument(fcinfo, 1, "name"), &options);
	const char *json = json_of_options(options);
	List	   *rows = NIL;
	ListCell   *lc;

	foreach(lc, splits)
	{
		const AdminSplit *split = lfirst(lc);
		const char *values[] = {split->name, split->begins, split->ends, split->place,
		split->state, array_of(split->parents), json};

		rows = add_row(rows, attinmeta, values, context);
	}
	return rows;
}

/*
 * Functions
 */

PG_FUNCTION_INFO_V1(pinterest_list_sources);
PG_FUNCTION_INFO_V1(pinterest_describe_source);
PG_FUNCTION_INFO_V1(pinterest_create_source);
PG_FUNCTION_INFO_V1(pinterest_alter_source);
PG_FUNCTION_INFO_V1(pinterest_drop_source);

Datum
pinterest_list_sources(PG_FUNCTION_ARGS)
{
	return give_rows(fcinfo, list_rows);
}

Datum
pinterest_describe_source(PG_FUNCTION_ARGS)
{
	return give_rows(fcinfo, describe_rows);
}

Datum
pinterest_create_source(PG_FUNCTION_ARGS)
{
	SourceRequest request = {0};
	const SourceAdmin *admin = open_server(fcinfo, &request);
	char	   *name = text_argument(fcinfo, 1, "name");

	check_change(fcinfo, &request);
	admin->create(&request, name, splits_argument(fcinfo),
				  PG_ARGISNULL(3) ? NIL : options_of_json(PG_GETARG_JSONB_P(3)));
	PG_RETURN_VOID();
}

Datum
pinterest_alter_source(PG_FUNCTION_ARGS)
{
	SourceRequest request = {0};
	const SourceAdmin *admin = open_server(fcinfo, &request);
	char	   *name = text_argument(fcinfo, 1, "name");

	check_change(fcinfo, &request);
	admin->alter(&request, name, splits_argument(fcinfo));
	PG_RETURN_VOID();
}

Datum
pinterest_drop_source(PG_FUNCTION_ARGS)
{
	SourceRequest request = {0};
	const SourceAdmin *admin = open_server(fcinfo, &request);
	char	   *name = text_argument(fcinfo, 1, "name");

	check_change(fcinfo, &request);
	admin->drop(&request, name);
	PG_RETURN_VOID();
}
