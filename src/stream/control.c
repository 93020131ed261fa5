/*-------------------------------------------------------------------------
 *
 * control.c
 *	  The SQL functions of streams.
 *
 * Each takes the stream's lock first, and with it makes sure that the caller may
 * act on it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "source/source.h"
#include "stream/catalog.h"
#include "stream/identity.h"
#include "stream/pull.h"
#include "stream/replay.h"
#include "stream/run.h"
#include "stream/statement.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pinterest_stream_home);
PG_FUNCTION_INFO_V1(pinterest_create_stream);
PG_FUNCTION_INFO_V1(pinterest_pull_stream);
PG_FUNCTION_INFO_V1(pinterest_replay_dead_letters);
PG_FUNCTION_INFO_V1(pinterest_reset_stream);
PG_FUNCTION_INFO_V1(pinterest_resume_stream);
PG_FUNCTION_INFO_V1(pinterest_drop_stream);

/*
 * Arguments
 */

static void
check_given(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

/* NULL for null */
static char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

static char *
name_argument(FunctionCallInfo fcinfo)
{
	check_given(fcinfo, 0, "name");
	return text_argument(fcinfo, 0);
}

/*
 * create_stream
 */

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

static Stream *
new_stream(FunctionCallInfo fcinfo)
{
	static const char *const on_error[] = {"dead_letter", "ignore", "stop"};
	static const char *const on_gap[] = {"stop", "skip"};
	Stream	   *stream = palloc0(sizeof(Stream));
	char	   *query = text_argument(fcinfo, 3);

	stream->name = name_argument(fcinfo);
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

/*
 * Runs
 */

typedef struct PullCall
{
	int64		max_records;
	BatchResult result;
} PullCall;

static void
pull(const Stream *stream, void *arg)
{
	PullCall   *call = arg;

	pull_run(stream, call->max_records, &call->result);
}

Datum
pinterest_pull_stream(PG_FUNCTION_ARGS)
{
	PullCall	call = {.max_records = PG_ARGISNULL(1) ? PG_INT64_MAX : PG_GETARG_INT64(1)};

	if (call.max_records < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_records must be 1 or more")));
	SPI_connect();
	run_stream(name_argument(fcinfo), pull, &call);
	SPI_finish();
	PG_RETURN_INT64(call.result.rows);
}

static void
replay(const Stream *stream, void *arg)
{
	*(int64 *) arg = replay_run(stream);
}

Datum
pinterest_replay_dead_letters(PG_FUNCTION_ARGS)
{
	int64		rows;

	SPI_connect();
	run_stream(name_argument(fcinfo), replay, &rows);
	SPI_finish();
	PG_RETURN_INT64(rows);
}

/*
 * reset_stream
 */

/* One split is to be read from a position on. */
static void
reset_split(const Stream *stream, SourcePosition *position)
{
	Identity	identity;
	Oid			source;

	identity_assume(&identity, stream->ownerid);
	(void) statement_make(stream, &source);
	identity_restore(&identity);
	source_of_server(GetForeignTable(source)->serverid)->positions->check(position);
	catalog_save_positions(stream, list_make1(position));
}

/* All of it is to be read from a time on. */
static void
reset_all(const Stream *stream, Datum since)
{
	CatalogValue values[] = {catalog_text(stream->name), {since, TIMESTAMPTZOID, false}};

	catalog_execute("DELETE FROM pinterest._stream_position WHERE stream = $1", values, 1);
	catalog_execute("UPDATE pinterest._stream SET since = $2 WHERE name = $1", values, 2);
}

Datum
pinterest_reset_stream(PG_FUNCTION_ARGS)
{
	SourcePosition position = {text_argument(fcinfo, 2), text_argument(fcinfo, 3), NULL};
	Stream	   *stream;

	check_given(fcinfo, 1, "since");
	if ((position.split == NULL) != (position.position == NULL) ||
		(position.split != NULL && !TIMESTAMP_IS_NOBEGIN(PG_GETARG_TIMESTAMPTZ(1))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a stream is reset to a time, or a split of it to a position"),
				 errhint("Give since, or both split and at.")));
	SPI_connect();
	stream = run_lock(name_argument(fcinfo));
	if (position.split == NULL)
		reset_all(stream, PG_GETARG_DATUM(1));
	else
	{
		run_check(stream);
		reset_split(stream, &position);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * The rest
 */

Datum
pinterest_resume_stream(PG_FUNCTION_ARGS)
{
	CatalogValue values[2];
	Stream	   *stream;

	SPI_connect();
	stream = run_lock(name_argument(fcinfo));
	values[0] = catalog_text(stream->name);
	values[1] = catalog_text(catalog_home());
	catalog_execute("UPDATE pinterest._stream SET home = $2 WHERE name = $1", values, 2);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
pinterest_drop_stream(PG_FUNCTION_ARGS)
{
	CatalogValue name;

	SPI_connect();
	name = catalog_text(run_lock(name_argument(fcinfo))->name);
	catalog_execute("DELETE FROM pinterest._stream WHERE name = $1", &name, 1);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
pinterest_stream_home(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(catalog_home()));
}
