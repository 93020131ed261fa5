/*-------------------------------------------------------------------------
 *
 * pushdown.h
 *	  What WHERE says of whole bodies, evaluated before they are fetched.
 *
 * A clause that looks at nothing but what the source knows of a body (its
 * path, size, time, partition ...) is true or false for all its records
 * alike.  Such clauses are evaluated, as they stand and by the executor's own
 * expressions, for each body the source lists; one for which they are not
 * true is never fetched.  The executor evaluates them again for each row, so
 * this can save work but never change a result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PUSHDOWN_H
#define PINTEREST_PUSHDOWN_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "reader.h"

typedef struct Pushdown Pushdown;

/*
 * Which of the clauses (RestrictInfos) can be pushed down.  body_columns are
 * the attribute numbers of the columns that bodies determine.
 */
extern List *pushdown_clauses(RelOptInfo *rel, Bitmapset *body_columns, List *clauses);

/* The columns of a table that bodies determine, offset as pull_varattnos does. */
extern Bitmapset *pushdown_columns(Relation relation, const SourceOps *ops);

/*
 * Prepares to evaluate clauses (plain expressions) for a scan, and tells its
 * reader to ask; lives in the current memory context.
 */
extern void pushdown_begin(ForeignScanState *node, Reader *reader, List *clauses);

#endif							/* PINTEREST_PUSHDOWN_H */
