/*-------------------------------------------------------------------------
 *
 * batch.c
 *	  Which foreign scan of this backend reads a batch of a stream.
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

Batch *
batch_of_scan(const PlannedStmt *plan, Oid relid)
{
	return started != NULL && started_plan == plan && started->source == relid ? started : NULL;
}
