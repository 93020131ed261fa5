/*-------------------------------------------------------------------------
 *
 * ranges.h
 *	  What WHERE says of ordered metadata: offsets, times, sequence numbers.
 *
 * A clause such as (partition = 0 AND "offset" >= 10) OR "offset" < 5 confines
 * the offsets of a partition, once it is known which partition that is.  What
 * part of a clause says nothing of that kind confines nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_RANGES_H
#define PINTEREST_RANGES_H

#include "postgres.h"

#include "nodes/execnodes.h"
#include "source/source.h"

/* Does a clause look at columns of the split, and at no others? */
extern bool clause_is_of_split(Node *clause, Index relid, List *columns);

typedef struct RangeClause RangeClause;

/*
 * Takes a clause on the relation relid, whose columns (a List of Column) these
 * are, apart, in the current memory context; NULL if it confines no splits.
 */
extern RangeClause *range_clause_of(Node *clause, Index relid, List *columns);

/* Before the first range_clause_values: the expressions are those of a node. */
extern void range_clause_init(RangeClause *clause, PlanState *parent);

/*
 * The values of a metadata item for which the clause can be true, a set of
 * range.h in the current memory context.  The context's scan tuple has the
 * columns of the split.
 */
extern List *range_clause_values(RangeClause *clause, const SourceMetadata *metadata,
								 ExprContext *context);

#endif							/* PINTEREST_RANGES_H */
