/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Begin, iterate, rescan, end: the work is the reader's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fdw/fdw.h"
#include "fdw/parallel.h"
#include "fdw/pushdown.h"
#include "miscadmin.h"
#include "pg_compat.h"

/* How its scan reads, in case that the batch is read again. */
static void
tell_batch(Batch *batch, Oid userid, List *attnums)
{
	MemoryContext old = MemoryContextSwitchTo(batch->context);

	batch->has_begun = true;
	batch->userid = userid;
	batch->attnums = list_copy(attnums);
	MemoryContextSwitchTo(old);
}

/*
 * A reader for what the plan wants, in the current memory context.  What a batch
 * reads does not depend on its query's conditions: how far it goes is told of
 * splits, and each record belongs to one batch.
 */
Reader *
scan_open_reader(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Batch	   *batch = ((FdwScan *) node->fdw_state)->batch;
	Oid			checked = scan_check_as_user(node);
	Oid			userid = OidIsValid(checked) ? checked : GetUserId();
	List	   *attnums = list_nth(plan->fdw_private, PLAN_ATTNUMS);
	Reader	   *reader = reader_open(node->ss.ss_currentRelation, userid, attnums,
									 batch == NULL ? NULL : &batch->reading);

	if (batch != NULL)
		tell_batch(batch, userid, attnums);
	if (plan->fdw_exprs != NIL && batch == NULL)
		pushdown_begin(node, reader, plan->fdw_exprs);
	return reader;
}

void
scan_begin(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	FdwScan    *state = palloc0(sizeof(FdwScan));
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	node->fdw_state = state;
	state->batch = batch_of_scan(node->ss.ps.state->es_plannedstmt,
								 intVal(list_nth(plan->fdw_private, PLAN_BATCH)),
								 RelationGetRelid(node->ss.ss_currentRelation));
	if (state->batch != NULL)
		state->batch->scans++;
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	state->reader = scan_open_reader(node);

	/* the reader leaves alone what nobody wants: NULL once, NULL always */
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
}

TupleTableSlot *
scan_iterate(ForeignScanState *node)
{
	FdwScan    *state = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	state->started = true;
	ExecClearTuple(slot);
	if (reader_next(state->reader, slot->tts_values, slot->tts_isnull))
		ExecStoreVirtualTuple(slot);
	return slot;
}

/* Positions would go on twice over the same records. */
pg_noreturn static void
refuse_rescan(ForeignScanState *node)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the query of a stream reads its source \"%s\" more than once",
					RelationGetRelationName(node->ss.ss_currentRelation)),
			 errhint("Read it in the FROM clause of the query itself, not in a subquery that depends on other rows.")));
	pg_unreachable();
}

void
scan_rewind(ForeignScanState *node)
{
	FdwScan    *state = node->fdw_state;

	if (state->started && state->batch != NULL)
		refuse_rescan(node);
	if (state->started)
		reader_rewind(state->reader);
	state->started = false;
}

void
scan_end(ForeignScanState *node)
{
	FdwScan    *state = node->fdw_state;
	ReaderCounters totals;

	if (state == NULL || state->reader == NULL)
		return;
	if (state->batch != NULL)
		state->batch->finish(state->batch, state->reader);
	reader_counters(state->reader, &totals);
	parallel_counters(state, &totals);
	reader_report(state->reader, &totals);
	reader_close(state->reader);
}
