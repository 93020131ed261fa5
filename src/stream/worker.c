/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The background worker of a stream: runs, for as long as it is to run.
 *
 *	  is it to run still? ── look for records ── a run ── wait ──┐
 *			└────────────────────────────────────────────────────┘
 *
 * A run is a batch in a transaction of its own.  While a run leaves records behind
 * there is another one at once.  Otherwise the worker waits, and then only looks
 * whether there is anything to read, in a transaction without a snapshot: so a
 * stream that nothing comes through holds no rows back from vacuum, and writes
 * nothing.
 *
 * It connects as the owner of the stream, and is in no way different from a session
 * of that role that calls pull_stream.  SIGUSR2 ends it, as does SIGTERM; either
 * undoes the run that is under way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "net/jitter.h"
#include "pg_compat.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "stream/background.h"
#include "stream/catalog.h"
#include "stream/process.h"
#include "stream/pull.h"
#include "stream/run.h"
#include "stream/sink.h"
#include "stream/state.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/*
 * There is a run after so many ms even if there is nothing to read: it notes until
 * when splits have been read.
 */
#define IDLE_RUN (10 * 60 * 1000)

/* ms before the first and, at most, before a later attempt after an error */
#define MIN_BACKOFF 1000
#define MAX_BACKOFF 60000

typedef struct Worker
{
	const char *name;			/* of the stream */
	Oid			owner;
	MemoryContext turn_context;
	Stream	   *stream;			/* as of this turn */
	List	   *positions;		/* to look behind */

	MemoryContext sink_context;
	SinkRun		sink;			/* where the stream writes objects: since the start,
								 * or the last error */

	MemoryContext request_context;
	SourceRequest request;		/* of the last run */
	TimestampTz last_run;

	bool		begun;
	bool		behind;			/* has the last run left records? */
	bool		refreshing;		/* is this a run because options had changed? */
	bool		retrying;		/* is that its state? */
	const ErrorData *error;		/* of this turn, or NULL */
	int			failures;		/* one after the other */
	int64		pause;			/* ms until the next turn */
	bool		over;			/* is the worker to end? */
} Worker;

static volatile sig_atomic_t stop_requested = false;

/* Have options changed since the last run?  At first, there was none. */
static bool request_is_stale = true;

PGDLLEXPORT void pinterest_stream_worker(Datum arg);

/*
 * Signals and invalidations
 */

/* SIGUSR2 */
static void
request_stop(SIGNAL_ARGS)
{
	stop_requested = true;
	StatementCancelHandler(postgres_signal_arg);
}

/* Of the server, the table or the user mapping */
static void
invalidate_request(Datum arg, int cache, uint32 hash)
{
	request_is_stale = true;
}

/*
 * A turn
 */

/* Is there to be a run without a look? */
static bool
run_is_due(const Worker *worker)
{
	return worker->behind || request_is_stale ||
		TimestampDifferenceExceeds(worker->last_run, GetCurrentTimestamp(), IDLE_RUN);
}

/*
 * The stream, if it is to run, and by us.  The first time, whoever is about to change that is
 * waited for; later on they end this worker.
 */
static void
find_stream(Worker *worker)
{
	MemoryContextReset(worker->turn_context);
	worker->stream = NULL;
	background_begin_sql("looking for the stream");
	MemoryContextSwitchTo(worker->turn_context);
	if (process_claim(worker->name) && background_has_extension())
	{
		StreamState state = state_read(worker->name,
									   worker->begun ? STATE_LOCK_NONE : STATE_LOCK_SHARE);

		worker->retrying = state == STREAM_RETRYING;
		if (state_is_wanted(state))
			worker->stream = catalog_stream_of(worker->name, worker->owner);
	}
	if (worker->stream != NULL && worker->stream->paused)
		worker->stream = NULL;
	worker->positions = NIL;
	if (worker->stream != NULL && !run_is_due(worker))
		worker->positions = catalog_positions(worker->stream);
	background_commit_sql();
	worker->begun = true;
}

static void
add_context(void *arg)
{
	errcontext("looking for records of stream \"%s\"", ((const Worker *) arg)->name);
}

static bool
look(Worker *worker)
{
	ErrorContextCallback callback = {error_context_stack, add_context, worker};
	bool		found;

	background_begin("looking for records");
	error_context_stack = &callback;
	found = pull_look(worker->stream, worker->positions, &worker->request);
	error_context_stack = callback.previous;
	background_commit();
	return found;
}

static void
keep_request(Worker *worker, const SourceRequest *request)
{
	MemoryContext old;

	MemoryContextReset(worker->request_context);
	old = MemoryContextSwitchTo(worker->request_context);
	worker->request = *request;
	worker->request.server_options = copyObject(request->server_options);
	worker->request.table_options = copyObject(request->table_options);
	MemoryContextSwitchTo(old);
}

static void
begin_sink(Worker *worker)
{
	MemoryContext old;

	MemoryContextReset(worker->sink_context);
	old = MemoryContextSwitchTo(worker->sink_context);
	sink_run_begin(&worker->sink, false);
	MemoryContextSwitchTo(old);
}

/* What a batch is: in a transaction that is then committed. */
static void
run_batch(const Stream *stream, void *arg)
{
	Worker	   *worker = arg;
	BatchResult result;

	if (stream->rotate_interval != NULL)
	{
		worker->behind = sink_step(stream, &worker->sink);
		if (worker->sink.request != NULL)
			keep_request(worker, worker->sink.request);
		return;
	}
	pull_run(stream, stream->batch_rows, NIL, &result);
	worker->behind = result.records >= stream->batch_rows;
	keep_request(worker, &result.request);
}

static void
run(Worker *worker)
{
	worker->refreshing = request_is_stale;
	request_is_stale = false;
	background_begin_sql("copying records");
	run_stream(worker->name, run_batch, worker);
	background_commit_sql();
	worker->refreshing = false;
	worker->last_run = GetCurrentTimestamp();
}

static void
note_success(Worker *worker)
{
	worker->failures = 0;
	if (!worker->retrying)
		return;
	background_begin_sql("noting that an error is over");
	if (state_read(worker->name, STATE_LOCK_UPDATE) == STREAM_RETRYING)
		state_set(worker->name, STREAM_RUNNING);
	background_commit_sql();
}

static void
turn(Worker *worker)
{
	find_stream(worker);
	worker->over = worker->stream == NULL;
	if (worker->over)
		return;
	if (run_is_due(worker) || look(worker))
		run(worker);
	note_success(worker);
	worker->pause = worker->behind ? 0 : worker->stream->batch_wait;
}

/*
 * Errors
 */

/* Can it be over when the same is tried again? */
static bool
is_transient(const ErrorData *error)
{
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
	}
	return error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		error->sqlerrcode == ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION ||
		error->sqlerrcode == ERRCODE_FDW_ERROR;
}

static int64
backoff(int failures)
{
	int64		ceiling = Min(MIN_BACKOFF << Min(failures, 10), MAX_BACKOFF);

	return ceiling / 2 + jitter(ceiling / 2);
}

/* Ends what has failed.  The error is in the turn's context. */
static ErrorData *
take_error(Worker *worker)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(worker->turn_context);
	error = CopyErrorData();
	if (!stop_requested)
		EmitErrorReport();
	AbortOutOfAnyTransaction();
	MemoryContextSwitchTo(worker->turn_context);
	FlushErrorState();
	RESUME_INTERRUPTS();
	return error;
}

/* Calls one of these; returns the error that has ended it, if any. */
static ErrorData *
try_step(void (*step) (Worker *worker), Worker *worker)
{
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		step(worker);
	}
	PG_CATCH();
	{
		error = take_error(worker);
	}
	PG_END_TRY();
	return error;
}

static void
note_error(Worker *worker)
{
	bool		goes_on = is_transient(worker->error);
	bool		noted;

	background_begin_sql("noting an error");
	noted = background_has_extension() &&
		state_note_error(worker->name, worker->owner,
						 goes_on ? STREAM_RETRYING : STREAM_FAILED, worker->error);
	background_commit_sql();
	worker->over = !noted || !goes_on;
	if (noted && !goes_on)
		ereport(LOG,
				(errmsg("stream \"%s\" has failed, and will not run until it is started again",
						worker->name),
				 errhint("Remove the cause of the error, then call pinterest.start_stream().")));
}

static void
try_turn(Worker *worker)
{
	worker->error = try_step(turn, worker);
	if (worker->error == NULL || stop_requested)
		return;

	/* while it lasts, no run is under way that would hold a snapshot */
	worker->behind = false;
	request_is_stale |= worker->refreshing;
	begin_sink(worker);
	worker->pause = backoff(worker->failures++);

	/* an error that cannot be noted, since the disk is full, say, is met again */
	(void) try_step(note_error, worker);
}

/*
 * The process
 */

/* Nothing is under way that pg_cancel_backend could cancel. */
static void
pause_between_turns(Worker *worker)
{
	static uint32 event = 0;

	if (event == 0)
		event = wait_event_named("PinterestStream");
	if (worker->pause > 0 && !stop_requested)
		background_wait(worker->pause, event);
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
}

/* Before that has ended, the stream may not be there; it ends when its user likes. */
static void
wait_for_starter(const ProcessArguments *arguments)
{
	if (!TransactionIdIsValid(arguments->starter))
		return;
	background_begin("starting");
	(void) set_config_option("lock_timeout", "0", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, 0, false);
	XactLockTableWait(arguments->starter, NULL, NULL, XLTW_None);
	background_commit();
}

static void
connect_as(const ProcessArguments *arguments)
{
	pqsignal(SIGUSR2, request_stop);
	background_handle_signals();
	BackgroundWorkerInitializeConnectionByOid(arguments->database, arguments->owner,
											  CONNECT_WITHOUT_LOGIN);
	SetConfigOption("application_name", arguments->name, PGC_USERSET, PGC_S_SESSION);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET,
					PGC_S_SESSION);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_SESSION);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_request, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, invalidate_request, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate_request, (Datum) 0);
}

void
pinterest_stream_worker(Datum arg)
{
	ProcessArguments arguments;
	Worker		worker = {0};

	memcpy(&arguments, MyBgworkerEntry->bgw_extra, sizeof(arguments));
	connect_as(&arguments);
	worker.name = arguments.name;
	worker.owner = arguments.owner;
	worker.turn_context = AllocSetContextCreate(TopMemoryContext, "pinterest turn",
												ALLOCSET_DEFAULT_SIZES);
	worker.request_context = AllocSetContextCreate(TopMemoryContext, "pinterest request",
												   ALLOCSET_SMALL_SIZES);
	worker.sink_context = AllocSetContextCreate(TopMemoryContext, "pinterest sink",
												ALLOCSET_SMALL_SIZES);
	begin_sink(&worker);
	wait_for_starter(&arguments);
	for (;;)
	{
		try_turn(&worker);
		if (stop_requested || worker.over)
			proc_exit(0);
		pause_between_turns(&worker);
	}
}
