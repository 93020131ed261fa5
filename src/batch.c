/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Which foreign scan of this backend reads a batch of a stream, and what it
 *	  is written to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "batch.h"

static Batch *planned = NULL;
static Batch *started = NULL;
static const PlannedStmt *started_plan = NULL;

void
batch_plan(Batch *batch)
{
	planned = batch;
}

void
batch_start(Batch *batch, const PlannedStmt *plan)
{
	planned = NULL;
	started = batch;
	started_plan = plan;
}

void
batch_clear(void)
{
	planned = NULL;
	started = NULL;
	started_plan = NULL;
}

Batch *
batch_of_plan(Oid relid)
{
	return planned != NULL && planned->source == relid ? planned : NULL;
}

static Batch *
batch_of(const PlannedStmt *plan)
{
	return started != NULL && started_plan == plan ? started : NULL;
}

Batch *
batch_of_scan(const PlannedStmt *plan, Oid relid)
{
	Batch	   *batch = batch_of(plan);

	return batch != NULL && batch->source == relid ? batch : NULL;
}

Batch *
batch_of_target(const PlannedStmt *plan, Oid relid)
{
	Batch	   *batch = batch_of(plan);

	return batch != NULL && batch->target == relid ? batch : NULL;
}
