/*-------------------------------------------------------------------------
 *
 * procedure.c
 *	  The procedure run_stream: a run in transactions of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "stream/arguments.h"
#include "stream/pull.h"
#include "stream/run.h"
#include "stream/sink.h"
#include "transaction_block.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(pinterest_run_stream);

typedef struct RunCall
{
	SinkRun		sink;
	MemoryContext context;		/* of ends; outlives the transactions */
	bool		began;
	List	   *ends;			/* of SourcePosition: where splits ended when the run
								 * began, where the source tells */
	int64		rows;
	bool		more;			/* is there another transaction to come? */
} RunCall;

/* What comes later is left to another run: this one is to end even so. */
static void
hold_ends(RunCall *call, List *positions)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	ListCell   *lc;

	foreach(lc, positions)
	{
		const SourcePosition *position = lfirst(lc);
		SourcePosition *end;

		if (position->ends == NULL)
			continue;
		end = palloc0(sizeof(SourcePosition));
		end->split = pstrdup(position->split);
		end->ends = pstrdup(position->ends);
		call->ends = lappend(call->ends, end);
	}
	call->began = true;
	MemoryContextSwitchTo(old);
}

static void
pull_batch(const Stream *stream, RunCall *call)
{
	BatchResult result;

	pull_run(stream, stream->batch_rows, call->ends, &result);
	if (!call->began)
		hold_ends(call, result.positions);
	call->rows += result.rows;
	call->more = result.records >= stream->batch_rows;
}

/* What one transaction does. */
static void
step(const Stream *stream, void *arg)
{
	RunCall    *call = arg;

	if (stream->rotate_interval == NULL)
	{
		pull_batch(stream, call);
		return;
	}
	call->more = sink_step(stream, &call->sink);
	call->rows = call->sink.rows;
}

static void
tell_rows(const char *name, int64 rows)
{
	ereport(NOTICE,
			(errmsg_plural("stream \"%s\" has copied %lld row", "stream \"%s\" has copied %lld rows",
						   (unsigned long) rows, name, (long long) rows)));
}

Datum
pinterest_run_stream(PG_FUNCTION_ARGS)
{
	RunCall		call = {.context = CurrentMemoryContext, .more = true};
	char	   *name;

	transaction_block_refuse(fcinfo, "run_stream");
	name = stream_argument(fcinfo);
	sink_run_begin(&call.sink, true);
	while (call.more)
	{
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		PushActiveSnapshot(GetTransactionSnapshot());
		run_stream(name, step, &call);
		PopActiveSnapshot();
		SPI_commit();
		SPI_finish();
	}
	tell_rows(name, call.rows);
	PG_RETURN_VOID();
}
