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
#include "fdw/pushdown.h"
#include "foreign/foreign.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "option.h"
#include "pg_compat.h"
#include "utils/rel.h"

/*
 * Costs in units of cpu_tuple_cost.  Reading a record takes as long as several
 * tuples of a heap, and each value as long as an operator or two.  Listing
 * costs something for each record, since there may be an object for each.
 */
#define RECORD_COST 3.0
#define VALUE_COST 0.2
#define LISTING_COST 0.5

/* Bytes of a record, for how many processes a scan is worth. */
#define RECORD_SIZE 500

/* Opening a source: less than any index, more than nothing. */
#define STARTUP_COST 10.0

/* What the steps of planning share: rel->fdw_private. */
typedef struct PlanInfo
{
	List	   *attnums;		/* of the columns the scan has to fill */
	List	   *columns;		/* all of the table's, of Column */
} PlanInfo;

/* The columns a scan has to fill, as an integer List. */
static List *
wanted_columns(RelOptInfo *rel, Relation relation)
{
	Bitmapset  *attrs = NULL;
	List	   *attnums = NIL;
	ListCell   *lc;
	bool		whole_row;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &attrs);
	foreach(lc, rel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, lc)->clause, rel->relid, &attrs);

	whole_row = bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
	for (int attnum = 1; attnum <= RelationGetNumberOfAttributes(relation); attnum++)
	{
		if (TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attisdropped)
			continue;
		if (whole_row || bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs))
			attnums = lappend_int(attnums, attnum);
	}
	return attnums;
}

void
plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	PlanInfo   *info = palloc0(sizeof(PlanInfo));
	Relation	relation = table_open(relid, NoLock);
	ForeignTable *table = GetForeignTable(relid);

	info->attnums = wanted_columns(rel, relation);
	info->columns = columns_of(relation, source_of_server(table->serverid),
							   all_attnums(relation));
	table_close(relation, NoLock);
	rel->fdw_private = info;

	/* what ANALYZE found, or, before it has, what the table says */
	if (rel->tuples < 0)
		rel->tuples = option_integer(table->options, "estimated_rows", 0);
	set_baserel_size_estimates(root, rel);
}

/*
 * Adds a path that reads the bodies for which the clauses are true.  required
 * are the other relations whose values they compare with.
 */
static void
add_scan_path(PlannerInfo *root, RelOptInfo *rel, Relids required, double rows,
			  List *clauses)
{
	PlanInfo   *info = rel->fdw_private;
	List	   *pushed = pushdown_clauses(rel, info->columns, clauses);
	double		read = rel->tuples * clauselist_selectivity(root, pushed, rel->relid,
															JOIN_INNER, NULL);
	Cost		per_record = cpu_tuple_cost *
	(RECORD_COST + VALUE_COST * list_length(info->attnums)) +
	rel->baserestrictcost.per_tuple;
	Cost		startup = STARTUP_COST + rel->baserestrictcost.startup;
	Cost		total = startup + cpu_tuple_cost * LISTING_COST * rel->tuples +
		per_record * read;

	add_path(rel, (Path *) plain_foreign_path(root, rel, rows, startup, total, required));
}

/*
 * Adds a path whose processes share the bodies.  Costs are divided as for a
 * parallel sequential scan; the listing is the leader's alone.
 */
static void
add_partial_scan_path(PlannerInfo *root, RelOptInfo *rel)
{
	double		pages = rel->tuples * RECORD_SIZE / BLCKSZ;
	ForeignPath *path;
	ForeignPath *serial = linitial_node(ForeignPath, rel->pathlist);
	double		processes;
	int			workers;
	Cost		listing = cpu_tuple_cost * LISTING_COST * rel->tuples;
	Cost		reading;

	if (!rel->consider_parallel || !bms_is_empty(rel->lateral_relids))
		return;
	workers = compute_parallel_worker(rel, Max(pages, rel->pages), -1,
									  max_parallel_workers_per_gather);
	if (workers <= 0)
		return;

	/* what costsize.c takes for the leader's part in the work */
	processes = workers;
	if (parallel_leader_participation)
		processes += Max(1.0 - 0.3 * workers, 0.0);
	reading = serial->path.total_cost - serial->path.startup_cost - listing;
	path = plain_foreign_path(root, rel, clamp_row_est(rel->rows / processes),
							  serial->path.startup_cost + listing,
							  serial->path.startup_cost + listing + reading / processes,
							  NULL);
	path->path.parallel_aware = true;
	path->path.parallel_workers = workers;
	add_partial_path(rel, (Path *) path);
}

/* Does an equivalence class hold this column?  The column is *arg. */
static bool
is_column(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *ec,
		  EquivalenceMember *em, void *arg)
{
	Var		   *var = (Var *) em->em_expr;

	return IsA(var, Var) && var->varno == rel->relid &&
		var->varattno == *(AttrNumber *) arg;
}

/* Join clauses that compare what the source knows with other relations. */
static List *
known_join_clauses(PlannerInfo *root, RelOptInfo *rel)
{
	PlanInfo   *info = rel->fdw_private;
	List	   *clauses = list_copy(rel->joininfo);
	ListCell   *lc;

	if (!rel->has_eclass_joins)
		return pushdown_clauses(rel, info->columns, clauses);
	foreach(lc, info->columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind != COLUMN_FIELD)
			clauses = list_concat(clauses,
								  generate_implied_equalities_for_column(root, rel, is_column,
																		 &column->attnum,
																		 rel->lateral_referencers));
	}
	return pushdown_clauses(rel, info->columns, clauses);
}

/* Paths for the inside of nested loops, where the outside says which splits. */
static void
add_parameterized_paths(PlannerInfo *root, RelOptInfo *rel)
{
	List	   *done = NIL;		/* of ParamPathInfo */
	ListCell   *lc;

	foreach(lc, known_join_clauses(root, rel))
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, lc);
		Relids		required;
		ParamPathInfo *param;

		if (!join_clause_is_movable_to(clause, rel))
			continue;
		required = bms_union(clause->clause_relids, rel->lateral_relids);
		required = bms_del_member(required, rel->relid);
		if (bms_is_empty(required))
			continue;
		param = get_baserel_parampathinfo(root, rel, required);
		if (list_member_ptr(done, param))
			continue;
		done = lappend(done, param);
		add_scan_path(root, rel, required, param->ppi_rows,
					  list_concat_copy(rel->baserestrictinfo, param->ppi_clauses));
	}
}

void
plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	add_scan_path(root, rel, rel->lateral_relids, rel->rows, rel->baserestrictinfo);
	if (batch_of_plan(relid) != NULL)
		return;					/* one process reads it, and once */
	add_partial_scan_path(root, rel);
	add_parameterized_paths(root, rel);
}

ForeignScan *
plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
		  List *tlist, List *clauses, Plan *outer_plan)
{
	PlanInfo   *info = rel->fdw_private;
	List	   *pushed = pushdown_clauses(rel, info->columns, clauses);
	Batch	   *batch = batch_of_plan(relid);

	if (batch != NULL)
		batch->planned = true;
	return make_foreignscan(tlist,
							extract_actual_clauses(clauses, false),
							rel->relid,
							extract_actual_clauses(pushed, false),
							list_make2(info->attnums, makeInteger(batch == NULL ? 0 : batch->mark)),
							NIL,	/* no special target list */
							NIL,	/* nothing is checked by the source alone */
							outer_plan);
}
