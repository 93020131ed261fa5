/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Which foreign scan of this backend reads a batch of a stream, and what it
 *	  is written to.
 *
 * A stream has PostgreSQL run an INSERT ... SELECT; the scan of its source, and
 * no other one, reads what the batch is made of.  The stream's side says when
 * such a statement is planned, started and run, the executor's side asks.  A scan
 * is known by its table and by the plan it is a part of: functions that are called
 * while the executor starts, to prune partitions, may scan the same table.
 *
 * Citus runs a SELECT whose rows go to other nodes, or are joined with rows from
 * there, by plans of its own, which it makes together with the statement's or only
 * while that runs.  If the statement's plan has no scan of the source, the scan is
 * therefore known by the mark that it got when it was planned.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BATCH_H
#define PINTEREST_BATCH_H

#include "postgres.h"

#include "nodes/plannodes.h"
#include "reader.h"

typedef struct Batch
{
	Oid			source;			/* the foreign table */
	Oid			target;			/* the table that is inserted into */
	ReaderBatch reading;		/* what its reader has to do */
	List	   *objects;		/* of TargetObject: what its writer writes, if the
								 * target is a foreign table */

	/* When the scan ends: reads what is left, and fills in the result. */
	void		(*finish) (struct Batch *batch, Reader *reader);
	struct BatchResult *result;

	/* Are rows returned?  Nobody wants them, but see statement_make. */
	bool		returns;

	int			mark;			/* no other batch of this backend has it */
	bool		planned;		/* has a scan of the table been planned? */
	int			scans;			/* of the table, that have begun */
	bool		distributed;	/* once it runs: by Citus? */

	MemoryContext context;		/* the current one when it is planned */
	bool		has_begun;		/* has a scan begun, not under EXPLAIN?  Then: */
	List	   *attnums;		/* the columns that it wants; in the context */
	Oid			userid;			/* as whom it reads */
} Batch;

/*
 * The stream's side.  From batch_plan on the batch is the one whose statement is
 * being planned, from batch_start on the one whose plan is being started; batch_run,
 * if a scan is yet to begin, goes on with both.  batch_clear ends all of this, after
 * an error as well.
 */
extern void batch_plan(Batch *batch);
extern void batch_start(Batch *batch, const PlannedStmt *plan);
extern void batch_run(Batch *batch);
extern void batch_clear(void);

/*
 * The executor's side: the batch that a scan of this table belongs to, or NULL.  The
 * mark is that of the batch for which the scan was planned, or 0.
 */
extern Batch *batch_of_plan(Oid relid);
extern Batch *batch_of_scan(const PlannedStmt *plan, int mark, Oid relid);

/* The same for the table that a plan inserts into. */
extern Batch *batch_of_target(const PlannedStmt *plan, Oid relid);

#endif							/* PINTEREST_BATCH_H */
