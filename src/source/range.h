/*-------------------------------------------------------------------------
 *
 * range.h
 *	  Sets of values of an ordered metadata item: offsets, times, numbers.
 *
 * A set is a List of ranges, ascending, that neither overlap nor touch; NIL is
 * the empty set.  Sets are made in the current memory context and never
 * change.  The types are those that can_range() names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_RANGE_H
#define PINTEREST_RANGE_H

#include "postgres.h"

#include "access/stratnum.h"
#include "nodes/pg_list.h"

/* One end of a range. */
typedef struct RangeBound
{
	bool		infinite;		/* then the rest means nothing */
	bool		inclusive;
	Datum		value;
} RangeBound;

typedef struct SourceRange
{
	RangeBound	low;
	RangeBound	high;
} SourceRange;

/* Are there sets of this type?  bigint, timestamptz and numeric. */
extern bool can_range(Oid type);

/* The set of all values. */
extern List *ranges_all(void);

/* The values v for which "v OPERATOR value" is true, the operator of a btree. */
extern List *ranges_compare(Oid type, StrategyNumber strategy, Datum value);

extern List *ranges_union(Oid type, List *a, List *b);
extern List *ranges_intersect(Oid type, List *a, List *b);

/*
 * A range of bigint or timestamptz as whole numbers: *first <= v < *end, within
 * PG_INT64_MIN and PG_INT64_MAX.
 */
extern void range_int64(const SourceRange *range, int64 *first, int64 *end);

#endif							/* PINTEREST_RANGE_H */
