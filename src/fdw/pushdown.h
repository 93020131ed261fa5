/*-------------------------------------------------------------------------
 *
 * pushdown.h
 *	  What WHERE says of whole splits, and of ranges of them.
 *
 * A clause that looks at nothing but what the source knows of a split (its
 * path, size, time, partition ...) is true or false for all its records alike.
 * Such clauses are evaluated, as they stand and by the executor's own
 * expressions, for each split the source lists; one for which they are not
 * true is never fetched.  Of a split that is wanted, other clauses (ranges.h)
 * may confine what is fetched.  The executor evaluates all of them again for
 * each row, so this can save work but never change a result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PUSHDOWN_H
#define PINTEREST_PUSHDOWN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "reader.h"

/*
 * Which of the clauses (RestrictInfos) can be pushed down.  columns are all
 * those of the table, a List of Column.
 */
extern List *pushdown_clauses(RelOptInfo *rel, List *columns, List *clauses);

/*
 * Prepares to evaluate clauses (plain expressions) for a scan, and tells its
 * reader to ask; lives in the current memory context.
 */
extern void pushdown_begin(ForeignScanState *node, Reader *reader, List *clauses);

#endif							/* PINTEREST_PUSHDOWN_H */
