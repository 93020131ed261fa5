/*-------------------------------------------------------------------------
 *
 * fdw.h
 *	  The executor's side: what the planner and the executor call.
 *
 * All wrappers share these callbacks; what differs is behind source.h.
 *
 *	handler.c	 the table of callbacks
 *	validator.c	 options, as DDL sets them
 *	plan.c		 size, paths, plan: never touches network or disk
 *	scan.c		 begin, iterate, rescan, end
 *	pushdown.c	 clauses on whole bodies
 *	parallel.c	 what the processes of a parallel scan share
 *	modify.c	 INSERT and COPY FROM
 *	explain.c	 what EXPLAIN shows
 *	check.c		 the SQL function check_server
 *	admin.c		 those that administer topics and streams
 *	import.c	 IMPORT FOREIGN SCHEMA
 *	analyze.c	 ANALYZE
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_FDW_H
#define PINTEREST_FDW_H

#include "postgres.h"

#include "batch.h"
#include "foreign/fdwapi.h"
#include "reader.h"

/*
 * fdw_exprs of a ForeignScan are the clauses that are pushed down; fdw_private
 * has these items.
 */
#define PLAN_ATTNUMS 0			/* integer List: the columns that are wanted */
#define PLAN_BATCH 1			/* Integer: mark of the batch, or 0; see batch.h */

/* A scan in execution. */
typedef struct ParallelScan ParallelScan;	/* parallel.c */

typedef struct FdwScan
{
	Reader	   *reader;			/* NULL under plain EXPLAIN */
	ParallelScan *parallel;		/* NULL unless processes share the scan */
	bool		started;		/* has a row been asked for since the rescan? */
	Batch	   *batch;			/* of a stream that it reads for, or NULL */
} FdwScan;

/* plan.c */
extern void plan_rel_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid,
							  ForeignPath *path, List *tlist,
							  List *clauses, Plan *outer_plan);

/* scan.c */
extern Reader *scan_open_reader(ForeignScanState *node);
extern void scan_begin(ForeignScanState *node, int eflags);
extern TupleTableSlot *scan_iterate(ForeignScanState *node);
extern void scan_rewind(ForeignScanState *node);
extern void scan_end(ForeignScanState *node);

/* modify.c */
extern int	modify_updatable(Relation rel);
extern void modify_begin(ModifyTableState *node, ResultRelInfo *result,
						 List *fdw_private, int subplan_index, int eflags);
extern void modify_end(EState *estate, ResultRelInfo *result);
extern void modify_begin_insert(ModifyTableState *node, ResultRelInfo *result);
extern void modify_end_insert(EState *estate, ResultRelInfo *result);
extern TupleTableSlot *modify_insert(EState *estate, ResultRelInfo *result,
									 TupleTableSlot *slot, TupleTableSlot *plan_slot);
extern void modify_explain(ModifyTableState *node, ResultRelInfo *result,
						   List *fdw_private, int subplan_index,
						   struct ExplainState *es);

/* explain.c */
extern void explain_scan(ForeignScanState *node, struct ExplainState *es);

/* What is read or written: the option that names it. */
extern void explain_subject(const SourceOps *ops, List *table_options,
							struct ExplainState *es);

/* What is written through, if there is something: the server's option for it. */
extern void explain_front(const SourceOps *ops, List *server_options,
						  struct ExplainState *es);

/* analyze.c */
extern bool analyze_table(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages);

/* import.c */
extern List *import_schema(ImportForeignSchemaStmt *stmt, Oid serverid);

#endif							/* PINTEREST_FDW_H */
