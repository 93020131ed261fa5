/*-------------------------------------------------------------------------
 *
 * pushdown.c
 *	  What WHERE says of whole bodies, evaluated before they are fetched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "column.h"
#include "executor/executor.h"
#include "fdw/pushdown.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

struct Pushdown
{
	ExprState  *clauses;
	ExprContext *context;
	TupleTableSlot *slot;		/* the columns the clauses look at */
};

Bitmapset *
pushdown_columns(Relation relation, const SourceOps *ops)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, columns_of(relation, ops, all_attnums(relation)))
	{
		Column	   *column = lfirst(lc);

		if (column_of_body(column))
			columns = bms_add_member(columns,
									 column->attnum - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/*
 * A clause that may be evaluated early, and for bodies that hold no record: it
 * has no side effects worth the name, and reveals nothing that a security
 * barrier is to hide.
 */
static bool
can_push_down(RelOptInfo *rel, Bitmapset *body_columns, RestrictInfo *info)
{
	Bitmapset  *used = NULL;

	if (info->pseudoconstant || contain_volatile_functions((Node *) info->clause) ||
		contain_subplans((Node *) info->clause))
		return false;
	if (info->security_level > rel->baserestrict_min_security && !info->leakproof)
		return false;
	pull_varattnos((Node *) info->clause, rel->relid, &used);
	return used != NULL && bms_is_subset(used, body_columns);
}

List *
pushdown_clauses(RelOptInfo *rel, Bitmapset *body_columns, List *clauses)
{
	List	   *pushed = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);

		if (can_push_down(rel, body_columns, info))
			pushed = lappend(pushed, info);
	}
	return pushed;
}

/* Is the body whose columns have been filled in wanted?  A ReaderFilter. */
static bool
body_is_wanted(void *arg)
{
	Pushdown   *pushdown = arg;
	bool		wanted;

	ExecClearTuple(pushdown->slot);
	ExecStoreVirtualTuple(pushdown->slot);
	pushdown->context->ecxt_scantuple = pushdown->slot;
	wanted = ExecQual(pushdown->clauses, pushdown->context);
	ResetExprContext(pushdown->context);
	return wanted;
}

void
pushdown_begin(ForeignScanState *node, Reader *reader, List *clauses)
{
	Pushdown   *pushdown = palloc0(sizeof(Pushdown));
	Relation	relation = node->ss.ss_currentRelation;
	Index		relid = ((Scan *) node->ss.ps.plan)->scanrelid;
	TupleTableSlot *slot;
	Bitmapset  *used = NULL;
	List	   *attnums = NIL;
	int			member = -1;

	pushdown->clauses = ExecInitQual(clauses, &node->ss.ps);
	pushdown->context = CreateExprContext(node->ss.ps.state);
	slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)),
									&TTSOpsVirtual);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	pushdown->slot = slot;

	pull_varattnos((Node *) clauses, relid, &used);
	while ((member = bms_next_member(used, member)) >= 0)
		attnums = lappend_int(attnums, member + FirstLowInvalidHeapAttributeNumber);
	reader_filter(reader, columns_of(relation, reader_ops(reader), attnums),
				  body_is_wanted, pushdown, slot->tts_values, slot->tts_isnull);
}
