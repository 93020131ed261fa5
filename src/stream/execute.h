/*-------------------------------------------------------------------------
 *
 * execute.h
 *	  Executes the statement of a batch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_EXECUTE_H
#define PINTEREST_EXECUTE_H

#include "postgres.h"

#include "batch.h"

/* What a batch has come to. */
typedef struct BatchResult
{
	int64		rows;			/* inserted or updated */
	int64		records;		/* read, good and bad */
	int64		rejected;
	List	   *positions;		/* of SourcePosition */
} BatchResult;

/*
 * Plans the INSERT as the current user, and no more: an error if it cannot be
 * executed.  Touches neither network nor data.
 */
extern void execute_dry(Batch *batch, const char *statement);

/* Executes it.  Blocks; every wait can be cancelled. */
extern void execute_batch(Batch *batch, const char *statement, BatchResult *result);

#endif							/* PINTEREST_EXECUTE_H */
