/*-------------------------------------------------------------------------
 *
 * refuse.h
 *	  Records that a stream's query or its target refuse.
 *
 * A value that cannot be computed, a constraint, a trigger that raises an error, a
 * partition that is missing: such errors are a record's fault, and it alone should
 * not be used.  A batch that they end is undone, and its records are tried again in
 * smaller and smaller batches until the guilty ones are found.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_REFUSE_H
#define PINTEREST_REFUSE_H

#include "postgres.h"

#include "stream/execute.h"

/*
 * Executes a batch.  If one of its records is refused, nothing of it has happened,
 * and the error is returned in the current memory context; otherwise NULL.  What
 * the batch has allocated stays in context; after an error, it is reset.
 */
extern ErrorData *refuse_try(const Stream *stream, Batch *batch, BatchResult *result,
							 MemoryContext context);

/* Records that are kept, to be tried. */
typedef struct Refusable
{
	int64		left;			/* those that have not been dealt with */
	bool		sorted;			/* set by refuse_check, as is returns */
	bool		returns;		/* Batch.returns */

	/* The batch's source now gives out so many of them, from the first on. */
	void		(*begin) (void *arg, int64 n);

	/* The first n are done, as the batch has read them. */
	void		(*pass) (void *arg, int64 n);

	/* The first is refused, for that reason, and done as well. */
	void		(*refuse) (void *arg, const char *reason);

	/* All are done.  The batch's source now gives out those that are not refused. */
	void		(*begin_rest) (void *arg);
	ReaderBatch reading;
	void	   *arg;
} Refusable;

/*
 * Raises the error of a batch after all, if it cannot be told whose fault it is:
 * the scan had not begun, or rows do not come from one record each.
 */
extern void refuse_check(const Stream *stream, const Batch *batch, ErrorData *error,
						 Refusable *records);

/*
 * Uses all of them but those that are refused.  One is at least, or so it seems.
 * Returns how many rows the target was given.  Blocks; every wait can be cancelled.
 */
extern int64 refuse_sift(const Stream *stream, Refusable *records);

#endif							/* PINTEREST_REFUSE_H */
