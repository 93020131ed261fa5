/*-------------------------------------------------------------------------
 *
 * batch.h
 *	  Which foreign scan of this backend reads a batch of a stream, and what it
 *	  is written to.
 *
 * A stream has PostgreSQL run an INSERT ... SELECT; the scan of its source, and
 * no other one, reads what the batch is made of.  The stream's side says when
 * such a statement is planned and started, the executor's side asks.  A scan is
 * known by its table and by the plan it is a part of: functions that are called
 * while the executor starts, to prune partitions, may scan the same table.
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
	int			scans;			/* of the table, that have begun */
	List	   *attnums;		/* the columns that it wants, once it has begun */
	Oid			userid;			/* as whom it reads */
	Reader	   *reader;			/* NULL before, and under EXPLAIN */
} Batch;

/*
 * The stream's side.  From batch_plan on the batch is the one whose statement is
 * being planned, from batch_start on the one whose plan is being started; batch_clear
 * ends either, after an error as well.
 */
extern void batch_plan(Batch *batch);
extern void batch_start(Batch *batch, const PlannedStmt *plan);
extern void batch_clear(void);

/* The executor's side: the batch that a scan of this table belongs to, or NULL. */
extern Batch *batch_of_plan(Oid relid);
extern Batch *batch_of_scan(const PlannedStmt *plan, Oid relid);

/* The same for the table that a plan inserts into. */
extern Batch *batch_of_target(const PlannedStmt *plan, Oid relid);

#endif							/* PINTEREST_BATCH_H */
