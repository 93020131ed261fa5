/*-------------------------------------------------------------------------
 *
 * create.c
 *	  pinterest.create_stream.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "miscadmin.h"
#include "stream/arguments.h"
#include "stream/catalog.h"
#include "stream/pull.h"
#include "stream/statement.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pinterest_create_stream);

/* How long an object waits until it is full, if that is not said, in us. */
#define DEFAULT_ROTATE (10 * USECS_PER_MINUTE)

/* The qualified name of a relation. */
static char *
relation_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	Oid			relid;
	char	   *relation;

	check_given(fcinfo, number, name);
	relid = PG_GETARG_OID(number);
	relation = get_rel_name(relid);
	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), relation);
}

/* The number of a word among those that an argument can be. */
static int
word_argument(FunctionCallInfo fcinfo, int number, const char *name,
			  const char *const *words, int nwords)
{
	StringInfoData list;
	char	   *word;

	check_given(fcinfo, number, name);
	word = text_argument(fcinfo, number);
	initStringInfo(&list);
	for (int i = 0; i < nwords; i++)
	{
		if (strcmp(words[i], word) == 0)
			return i;
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s \"%s\"", name, word),
			 errhint("Valid values are: %s.", list.data)));
}

static List *
keys_argument(FunctionCallInfo fcinfo, int number)
{
	List	   *keys = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(number))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(number), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key_columns must not hold nulls")));
		keys = lappend(keys, TextDatumGetCString(elements[i]));
	}
	return keys;
}

static void
check_name(const char *name)
{
	if (*name == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("stream name must not be empty")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("stream name is too long"),
				 errdetail("A name has at most %d bytes.", NAMEDATALEN - 1)));
}

/* Between 10 ms and a day, in ms. */
static int64
wait_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	const Interval *interval;
	int64		days;
	int64		ms;

	check_given(fcinfo, number, name);
	interval = PG_GETARG_INTERVAL_P(number);
	days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	ms = interval->time / 1000 + days * SECS_PER_DAY * 1000;
	if (days < -1 || days > 1 || ms < 10 || ms > SECS_PER_DAY * INT64CONST(1000))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 10 milliseconds and 1 day", name)));
	return ms;
}

static int64
rows_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	check_given(fcinfo, number, name);
	if (PG_GETARG_INT64(number) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be 1 or more", name)));
	return PG_GETARG_INT64(number);
}

/* NULL unless the stream writes objects. */
static Interval *
rotate_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	static const Interval zero = {0};
	static Interval usual = {.time = DEFAULT_ROTATE};
	Interval   *interval = PG_ARGISNULL(number) ? NULL : PG_GETARG_INTERVAL_P(number);

	if (get_rel_relkind(PG_GETARG_OID(2)) != RELKIND_FOREIGN_TABLE)
	{
		if (interval != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s is for streams whose target is a foreign table", name)));
		return NULL;
	}
	if (interval == NULL)
		return &usual;
	if (DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(interval),
										 IntervalPGetDatum(&zero))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be negative", name)));
	return interval;
}

static Stream *
new_stream(FunctionCallInfo fcinfo)
{
	static const char *const on_error[] = {"dead_letter", "ignore", "stop"};
	static const char *const on_gap[] = {"stop", "skip"};
	Stream	   *stream = palloc0(sizeof(Stream));
	char	   *query = text_argument(fcinfo, 3);

	stream->name = stream_argument(fcinfo);
	check_name(stream->name);
	stream->ownerid = GetUserId();
	stream->owner = GetUserNameFromId(stream->ownerid, false);
	stream->source = relation_argument(fcinfo, 1, "source");
	stream->target = relation_argument(fcinfo, 2, "target");
	stream->query = query == NULL ? NULL : statement_query(query);
	stream->key_columns = keys_argument(fcinfo, 4);
	stream->on_error = word_argument(fcinfo, 5, "on_error", on_error, lengthof(on_error));
	stream->skips_gaps = word_argument(fcinfo, 6, "on_gap", on_gap, lengthof(on_gap)) == 1;
	stream->splits = text_argument(fcinfo, 7);
	stream->batch_rows = rows_argument(fcinfo, 8, "batch_rows");
	stream->batch_wait = wait_argument(fcinfo, 9, "batch_wait");
	stream->rotate_interval = rotate_argument(fcinfo, 10, "rotate_interval");
	return stream;
}

Datum
pinterest_create_stream(PG_FUNCTION_ARGS)
{
	Stream	   *stream = new_stream(fcinfo);

	SPI_connect();
	pull_try(stream);
	catalog_insert(stream);
	SPI_finish();
	PG_RETURN_VOID();
}
