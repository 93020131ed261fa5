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
	int64		rows;
	bool		more;			/* is there another transaction to come? */
} RunCall;

/* What one transaction does. */
static void
step(const Stream *stream, void *arg)
{
	RunCall    *call = arg;
	BatchResult result;

	if (stream->rotate_interval != NULL)
	{
		call->more = sink_step(stream, &call->sink);
		call->rows = call->sink.rows;
		return;
	}
	pull_run(stream, PG_INT64_MAX, &result);
	call->rows = result.rows;
	call->more = false;
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
	RunCall		call = {.more = true};
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
