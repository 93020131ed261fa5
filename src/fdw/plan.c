/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Size, paths and plan of a foreign scan.
 *
 * Planning never touches the network or the disk: what is not in the catalogs
 * is assumed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "fdw/fdw.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "pg_compat.h"
#include "utils/rel.h"

/* A table nobody has analysed is taken to have this many rows. */
#define DEFAULT_ROWS 10000

/*
 * Costs of a record in units of cpu_tuple_cost: reading one takes as long as
 * several tuples of a heap, and each value as long as an operator or two.
 */
#define RECORD_COST 3.0
#define VALUE_COST 0.2

/* Opening a source: less than any index, more than nothing. */
#define STARTUP_COST 10.0

void
plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	if (rel->tuples <= 0)
		rel->tuples = DEFAULT_ROWS;
	set_baserel_size_estimates(root, rel);
}

/* The columns a scan has to fill, as an integer List. */
static List *
wanted_columns(RelOptInfo *rel, Oid relid)
{
	Bitmapset  *attrs = NULL;
	List	   *attnums = NIL;
	ListCell   *lc;
	Relation	relation;
	bool		whole_row;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attrs);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, rel->relid, &attrs);

	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
	relation = table_open(relid, NoLock);
	for (int attnum = 1; attnum <= RelationGetNumberOfAttributes(relation); attnum++)
	{
		if (TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attisdropped)
			continue;
		if (whole_row || bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs))
			attnums = lappend_int(attnums, attnum);
	}
	table_close(relation, NoLock);
	return attnums;
}

void
plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	int			nvalues = list_length(wanted_columns(rel, relid));
	Cost		per_record = cpu_tuple_cost * (RECORD_COST + VALUE_COST * nvalues) +
		rel->baserestrictcost.per_tuple;
	Cost		startup = STARTUP_COST + rel->baserestrictcost.startup;

	add_path(rel, (Path *)
			 plain_foreign_path(root, rel, rel->rows, startup,
								startup + per_record * rel->tuples));
}

ForeignScan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
		  List *tlist, List *clauses, Plan *outer_plan)
{
	return make_foreignscan(tlist,
							extract_actual_clauses(clauses, false),
							rel->relid,
							NIL,	/* no run-time values */
							list_make1(wanted_columns(rel, relid)),
							NIL,	/* no special target list */
							NIL,	/* nothing is checked by the source */
							outer_plan);
}
