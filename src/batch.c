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

void
batch_plan(Batch *batch)
{
	planned = batch;
}

void
batch_start(Batch *batch)
{
	planned = NULL;
	started = batch;
}

void
batch_clear(void)
{
	planned = NULL;
	started = NULL;
}

Batch *
batch_of_plan(Oid relid)
{
	return planned != NULL && planned->source == relid ? planned : NULL;
}

Batch *
batch_of_scan(Oid relid)
{
	return started != NULL && started->source == relid ? started : NULL;
}
