/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  Executes the statement of a batch, as the owner of its stream.
 *
 * It is executed here rather than by SPI because we must know which scan is that
 * of the batch: one of the source in this very plan.  Triggers of the target,
 * say, may scan the same foreign table as anybody else does.
 *
 * The query is applied to a batch as if its records were the whole source.  What
 * it leaves unread (LIMIT, a join with an empty table) is read afterwards: a
 * record belongs to one batch, whatever the plan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "pg_compat.h"
#include "stream/execute.h"
#include "stream/identity.h"
#include "stream/statement.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

/* One process, so that the scan is in one place: no CURSOR_OPT_PARALLEL_OK. */
static PlannedStmt *
plan_statement(const char *statement)
{
	ErrorContextCallback callback = {
		error_context_stack, statement_point_at_text, unconstify(char *, statement)
	};
	List	   *parsed;
	List	   *rewritten;

	error_context_stack = &callback;
	parsed = pg_parse_query(statement);
	rewritten = rewrite_fixedparams(linitial_node(RawStmt, parsed), statement);
	error_context_stack = callback.previous;
	if (list_length(rewritten) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the target of a stream cannot have rules for INSERT")));
	return pg_plan_query(linitial_node(Query, rewritten), statement, 0, NULL);
}

/* The one scan of the source has begun. */
static void
check_scans(const Batch *batch)
{
	if (batch->scans == 1)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 batch->scans == 0 ?
			 errmsg("the query of a stream does not read its source \"%s\"",
					get_rel_name(batch->source)) :
			 errmsg("the query of a stream reads its source \"%s\" more than once",
					get_rel_name(batch->source)),
			 errhint("It must stand in the query, or in a view there, once.")));
}

/* Pushes a snapshot, which ends with the query. */
static QueryDesc *
start(const Stream *stream, Batch *batch, int eflags)
{
	const char *statement = statement_make(stream, &batch->source, &batch->target);
	QueryDesc  *volatile desc = NULL;

	CommandCounterIncrement();
	PushCopiedSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	PG_TRY();
	{
		batch_plan(batch);
		desc = CreateQueryDesc(plan_statement(statement), statement, GetActiveSnapshot(),
							   InvalidSnapshot, None_Receiver, NULL, NULL, 0);
		batch_start(batch, desc->plannedstmt);
		ExecutorStart(desc, eflags);
	}
	PG_FINALLY();
	{
		batch_clear();
	}
	PG_END_TRY();
	check_scans(batch);
	return desc;
}

static void
end(QueryDesc *desc)
{
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	CommandCounterIncrement();
}

void
execute_dry(const Stream *stream)
{
	Batch		batch = {0};
	Identity	identity;

	identity_assume(&identity, stream->ownerid);
	end(start(stream, &batch, EXEC_FLAG_EXPLAIN_ONLY));
	identity_restore(&identity);
}

void
execute_finish(Reader *reader, BatchResult *result)
{
	ReaderCounters counters;

	result->positions = reader_finish_batch(reader);
	reader_counters(reader, &counters);
	result->records = counters.records;
	result->rejected = counters.rejected;
	result->bytes = reader_bytes(reader);
	result->request = *reader_request(reader);
	result->request.server_options = copyObject(result->request.server_options);
	result->request.table_options = copyObject(result->request.table_options);
}

void
execute_batch(const Stream *stream, Batch *batch, BatchResult *result)
{
	Identity	identity;
	QueryDesc  *desc;

	identity_assume(&identity, stream->ownerid);
	desc = start(stream, batch, 0);
	executor_run_all(desc);
	execute_finish(batch->reader, result);
	result->rows = desc->estate->es_processed;
	ExecutorFinish(desc);
	end(desc);
	identity_restore(&identity);
}
