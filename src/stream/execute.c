/*-------------------------------------------------------------------------
 *
 * execute.c
 *	  Executes the statement of a batch, as the owner of its stream.
 *
 * It is executed here rather than by SPI because we must know which scan is that
 * of the batch (batch.h).  Triggers of the target, say, may scan the same foreign
 * table as anybody else does.
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
#include "nodes/nodeFuncs.h"
#include "pg_compat.h"
#include "stream/execute.h"
#include "stream/identity.h"
#include "stream/statement.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

typedef struct TableCount
{
	Oid			relid;
	int			count;
} TableCount;

/* How often is the table in a tree? */
static bool
count_table(Node *node, void *arg)
{
	TableCount *table = arg;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
		table->count += ((RangeTblEntry *) node)->relid == table->relid;
	else if (IsA(node, Query))
		return query_tree_walker((Query *) node, count_table, arg, QTW_EXAMINE_RTES_BEFORE);
	else
		return expression_tree_walker(node, count_table, arg);
	return false;
}

/*
 * One process, so that the scan is in one place: no CURSOR_OPT_PARALLEL_OK.  count is
 * how often the statement names the source.
 */
static PlannedStmt *
plan_statement(const char *statement, Oid source, int *count)
{
	ErrorContextCallback callback = {
		error_context_stack, statement_point_at_text, unconstify(char *, statement)
	};
	List	   *parsed;
	List	   *rewritten;
	TableCount	table = {source};

	error_context_stack = &callback;
	parsed = pg_parse_query(statement);
	rewritten = rewrite_fixedparams(linitial_node(RawStmt, parsed), statement);
	error_context_stack = callback.previous;
	if (list_length(rewritten) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the target of a stream cannot have rules for INSERT")));
	(void) count_table(linitial(rewritten), &table);
	*count = table.count;
	return pg_plan_query(linitial_node(Query, rewritten), statement, 0, NULL);
}

/* It must be read once, and by this statement. */
static void
check_scans(const Batch *batch, int scans)
{
	if (scans == 1)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 scans == 0 ?
			 errmsg("the query of a stream does not read its source \"%s\"",
					get_rel_name(batch->source)) :
			 errmsg("the query of a stream reads its source \"%s\" more than once",
					get_rel_name(batch->source)),
			 errhint("It must stand in the query, or in a view there, once.")));
}

/* The statement, planned and started; batch_clear is to be called afterwards. */
static QueryDesc *
start(const Stream *stream, Batch *batch, int eflags)
{
	const char *statement = statement_make(stream, batch->returns, &batch->source, &batch->target);
	QueryDesc  *desc;
	int			count;

	CommandCounterIncrement();
	PushCopiedSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	batch_plan(batch);
	desc = CreateQueryDesc(plan_statement(statement, batch->source, &count), statement, GetActiveSnapshot(),
						   InvalidSnapshot, None_Receiver, NULL, NULL, 0);
	batch_start(batch, desc->plannedstmt);
	ExecutorStart(desc, eflags);
	/* if it stands in a plan of its own, it begins later */
	check_scans(batch, batch->scans == 0 && batch->planned ? count : batch->scans);
	return desc;
}

static int64
run(QueryDesc *desc, Batch *batch)
{
	batch_run(batch);
	executor_run_all(desc);
	check_scans(batch, batch->scans);
	ExecutorFinish(desc);
	return desc->estate->es_processed;
}

/* Rows that were written; none under EXPLAIN_ONLY. */
static int64
execute(const Stream *stream, Batch *batch, int eflags)
{
	Identity	identity;
	QueryDesc  *volatile desc = NULL;
	volatile int64 rows = 0;

	identity_assume(&identity, stream->ownerid);
	PG_TRY();
	{
		desc = start(stream, batch, eflags);
		if (eflags == 0)
			rows = run(desc, batch);
	}
	PG_FINALLY();
	{
		batch_clear();
	}
	PG_END_TRY();
	ExecutorEnd(desc);
	FreeQueryDesc(desc);
	PopActiveSnapshot();
	CommandCounterIncrement();
	identity_restore(&identity);
	return rows;
}

void
execute_dry(const Stream *stream)
{
	Batch		batch = {0};

	(void) execute(stream, &batch, EXEC_FLAG_EXPLAIN_ONLY);
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

/* Batch.finish */
static void
finish(Batch *batch, Reader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	execute_finish(reader, batch->result);
	MemoryContextSwitchTo(old);
}

void
execute_batch(const Stream *stream, Batch *batch, BatchResult *result)
{
	batch->finish = finish;
	batch->result = result;
	result->rows = execute(stream, batch, 0);
}
