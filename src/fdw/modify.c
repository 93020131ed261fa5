/*-------------------------------------------------------------------------
 *
 * modify.c
 *	  INSERT and COPY FROM: the work is the writer's.
 *
 * The writer gathers rows by itself, so the executor need not: batches would
 * only copy each row once more.  UPDATE and DELETE have no callbacks, and are
 * refused by the executor.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "batch.h"
#include "catalog/pg_foreign_table.h"
#include "executor/executor.h"
#include "fdw/fdw.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "option.h"
#include "pg_compat.h"
#include "writer.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#else
#include "commands/explain.h"
#endif

int
modify_updatable(Relation rel)
{
	return writer_allowed(rel) ? 1 << CMD_INSERT : 0;
}

static void
begin(EState *estate, ResultRelInfo *result)
{
	Relation	rel = result->ri_RelationDesc;
	Oid			userid = modify_check_as_user(result, estate);
	Batch	   *batch = batch_of_target(estate->es_plannedstmt, RelationGetRelid(rel));
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);

	result->ri_FdwState = writer_open(rel, OidIsValid(userid) ? userid : GetUserId(),
									  batch == NULL ? NIL : batch->objects);
	MemoryContextSwitchTo(old);
}

static void
end(ResultRelInfo *result)
{
	Writer	   *writer = result->ri_FdwState;

	result->ri_FdwState = NULL;
	if (writer != NULL)
		writer_close(writer);
}

/* INSERT into the table itself */
void
modify_begin(ModifyTableState *node, ResultRelInfo *result, List *fdw_private,
			 int subplan_index, int eflags)
{
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		begin(node->ps.state, result);
}

void
modify_end(EState *estate, ResultRelInfo *result)
{
	end(result);
}

/* COPY FROM, and rows that are routed to the table as a partition */
void
modify_begin_insert(ModifyTableState *node, ResultRelInfo *result)
{
	begin(node->ps.state, result);
}

void
modify_end_insert(EState *estate, ResultRelInfo *result)
{
	end(result);
}

TupleTableSlot *
modify_insert(EState *estate, ResultRelInfo *result, TupleTableSlot *slot,
			  TupleTableSlot *plan_slot)
{
	slot_getallattrs(slot);
	writer_put(result->ri_FdwState, slot->tts_values, slot->tts_isnull);
	return slot;
}

void
modify_explain(ModifyTableState *node, ResultRelInfo *result, List *fdw_private,
			   int subplan_index, ExplainState *es)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(result->ri_RelationDesc));
	const SourceOps *ops = source_of_server(table->serverid);

	explain_subject(ops, table->options, es);
	explain_front(ops, GetForeignServer(table->serverid)->options, es);
}
