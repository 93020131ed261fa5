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
static const PlannedStmt *started_plan = NULL;	/* NULL: scans are known by marks */

void
batch_plan(Batch *batch)
{
	static int	last_mark = 0;

	last_mark = last_mark == INT_MAX ? 1 : last_mark + 1;
	batch->mark = last_mark;
	batch->context = CurrentMemoryContext;
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
batch_run(Batch *batch)
{
	batch->distributed = batch->scans == 0;
	if (!batch->distributed)
	{
		batch_clear();
		return;
	}
	planned = batch;
	started_plan = NULL;
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
batch_of_scan(const PlannedStmt *plan, int mark, Oid relid)
{
	if (started == NULL || started->source != relid)
		return NULL;
	if (started_plan == NULL)
		return mark == started->mark ? started : NULL;
	return plan == started_plan ? started : NULL;
}

Batch *
batch_of_target(const PlannedStmt *plan, Oid relid)
{
	return started != NULL && started_plan == plan && started->target == relid ? started : NULL;
}
