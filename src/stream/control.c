/*-------------------------------------------------------------------------
 *
 * control.c
 *	  The SQL functions of streams that exist.
 *
 * Most take the stream's lock first, and with it make sure that the caller may act
 * on it.  Those that start and stop its worker must not wait for a run, and take
 * the lock of what is noted of the worker; who takes both takes that one first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "postmaster/bgworker.h"
#include "source/source.h"
#include "stream/arguments.h"
#include "stream/catalog.h"
#include "stream/identity.h"
#include "stream/launcher.h"
#include "stream/process.h"
#include "stream/pull.h"
#include "stream/replay.h"
#include "stream/run.h"
#include "stream/sink_object.h"
#include "stream/state.h"
#include "stream/statement.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(pinterest_stream_home);
PG_FUNCTION_INFO_V1(pinterest_pull_stream);
PG_FUNCTION_INFO_V1(pinterest_replay_dead_letters);
PG_FUNCTION_INFO_V1(pinterest_reset_stream);
PG_FUNCTION_INFO_V1(pinterest_start_stream);
PG_FUNCTION_INFO_V1(pinterest_stop_stream);
PG_FUNCTION_INFO_V1(pinterest_stream_pid);
PG_FUNCTION_INFO_V1(pinterest_resume_stream);
PG_FUNCTION_INFO_V1(pinterest_drop_stream);

/*
 * Runs
 */

typedef struct PullCall
{
	int64		max_records;
	BatchResult result;
} PullCall;

/* What is written into a folder is not part of the caller's transaction. */
static void
refuse_objects(const Stream *stream, const char *function, const char *hint)
{
	if (stream->rotate_interval != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s cannot run stream \"%s\", whose target is a foreign table", function,
						stream->name),
				 errdetail("What is written there cannot be rolled back with the transaction."),
				 errhint("%s", hint)));
}

static void
pull(const Stream *stream, void *arg)
{
	PullCall   *call = arg;

	refuse_objects(stream, "pull_stream",
				   "Use the procedure pinterest.run_stream, which commits as it goes.");
	pull_run(stream, call->max_records, NIL, &call->result);
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
	run_stream(stream_argument(fcinfo), pull, &call);
	SPI_finish();
	PG_RETURN_INT64(call.result.rows);
}

static void
replay(const Stream *stream, void *arg)
{
	refuse_objects(stream, "replay_dead_letters",
				   "Insert the records where they belong, and delete the dead letters.");
	*(int64 *) arg = replay_run(stream);
}

Datum
pinterest_replay_dead_letters(PG_FUNCTION_ARGS)
{
	int64		rows;

	SPI_connect();
	run_stream(stream_argument(fcinfo), replay, &rows);
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
	Oid			target;

	identity_assume(&identity, stream->ownerid);
	(void) statement_make(stream, false, &source, &target);
	identity_restore(&identity);
	source_of_server(GetForeignTable(source)->serverid)->positions->check(position);
	catalog_save_positions(stream, list_make1(position));
	sink_forget_split(stream, position->split);
}

/* All of it is to be read from a time on. */
static void
reset_all(const Stream *stream, Datum since)
{
	CatalogValue values[] = {catalog_text(stream->name), {since, TIMESTAMPTZOID, false}};

	catalog_execute("DELETE FROM pinterest._stream_position WHERE stream = $1", values, 1);
	catalog_execute("UPDATE pinterest._stream SET since = $2 WHERE name = $1", values, 2);
	sink_forget_split(stream, NULL);
}

Datum
pinterest_reset_stream(PG_FUNCTION_ARGS)
{
	SourcePosition position = {
		.split = text_argument(fcinfo, 2), .position = text_argument(fcinfo, 3), .lag_ms = -1
	};
	Stream	   *stream;

	check_given(fcinfo, 1, "since");
	if ((position.split == NULL) != (position.position == NULL) ||
		(position.split != NULL && !TIMESTAMP_IS_NOBEGIN(PG_GETARG_TIMESTAMPTZ(1))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a stream is reset to a time, or a split of it to a position"),
				 errhint("Give since, or both split and at.")));
	SPI_connect();
	stream = run_lock(stream_argument(fcinfo));
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
 * Workers
 */

/* Is the stream to run?  Until this transaction ends nobody else may change that. */
static bool
lock_worker(const Stream *stream)
{
	return state_is_wanted(state_read(stream->name, STATE_LOCK_UPDATE));
}

static void
check_login(const Stream *stream)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(stream->ownerid));
	bool		may_connect = CONNECT_WITHOUT_LOGIN != 0 ||
		(HeapTupleIsValid(tuple) && ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin);

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (!may_connect)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("role \"%s\", the owner of stream \"%s\", is not permitted to log in",
						stream->owner, stream->name),
				 errdetail("Before PostgreSQL 17, background workers run only as roles that are."),
				 errhint("Use ALTER ROLE ... LOGIN.")));
}

/* Once this transaction has ended. */
static void
start_worker(const Stream *stream)
{
	if (IsBinaryUpgrade)
		return;
	check_login(stream);
	if (!process_start(stream->name, stream->ownerid, GetTopTransactionId()))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no background worker is left for stream \"%s\"", stream->name),
				 errhint("Each stream that is started takes one: raise max_worker_processes, and restart the server.")));
	if (!launcher_is_registered())
		ereport(NOTICE,
				(errmsg("stream \"%s\" will not start again by itself after a restart of the server",
						stream->name),
				 errhint("Add pinterest_pipeline to shared_preload_libraries.")));
}

Datum
pinterest_start_stream(PG_FUNCTION_ARGS)
{
	Stream	   *stream;
	bool		wanted;

	SPI_connect();
	stream = catalog_find_stream(stream_argument(fcinfo));
	run_check(stream);
	wanted = lock_worker(stream);
	if (wanted && process_pid(stream->name) != 0)
		ereport(NOTICE,
				(errmsg("stream \"%s\" is already running", stream->name)));
	else
	{
		pull_try(stream);
		process_end(stream->name, stream->ownerid);
		if (!wanted)
			state_set(stream->name, STREAM_RUNNING);
		start_worker(stream);
	}
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
pinterest_stop_stream(PG_FUNCTION_ARGS)
{
	Stream	   *stream;

	SPI_connect();
	stream = catalog_find_stream(stream_argument(fcinfo));
	if (state_read(stream->name, STATE_LOCK_UPDATE) == STREAM_READY)
		ereport(NOTICE,
				(errmsg("stream \"%s\" is not running", stream->name)));
	else
		state_set(stream->name, STREAM_READY);
	process_end(stream->name, stream->ownerid);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
pinterest_stream_pid(PG_FUNCTION_ARGS)
{
	int			pid = process_pid(text_to_cstring(PG_GETARG_TEXT_PP(0)));

	if (pid == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT32(pid);
}

/*
 * The rest
 */

Datum
pinterest_resume_stream(PG_FUNCTION_ARGS)
{
	CatalogValue values[2];
	Stream	   *stream;
	bool		wanted;

	SPI_connect();
	stream = catalog_find_stream(stream_argument(fcinfo));
	wanted = lock_worker(stream);
	stream = run_lock(stream->name);
	values[0] = catalog_text(stream->name);
	values[1] = catalog_text(catalog_home());
	catalog_execute("UPDATE pinterest._stream SET home = $2 WHERE name = $1", values, 2);
	if (stream->paused && wanted)
		start_worker(stream);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
pinterest_drop_stream(PG_FUNCTION_ARGS)
{
	CatalogValue name;
	Stream	   *stream;

	SPI_connect();
	stream = catalog_find_stream(stream_argument(fcinfo));

	/* else a run would have to be waited for */
	(void) lock_worker(stream);
	process_end(stream->name, stream->ownerid);
	name = catalog_text(run_lock(stream->name)->name);
	catalog_execute("DELETE FROM pinterest._stream WHERE name = $1", &name, 1);
	SPI_finish();
	PG_RETURN_VOID();
}

Datum
pinterest_stream_home(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(catalog_home()));
}
