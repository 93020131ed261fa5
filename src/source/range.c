/*-------------------------------------------------------------------------
 *
 * range.c
 *	  Sets of values of an ordered metadata item: offsets, times, numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "source/range.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

bool
can_range(Oid type)
{
	return type == INT8OID || type == TIMESTAMPTZOID || type == NUMERICOID;
}

static int
compare_values(Oid type, Datum a, Datum b)
{
	int64		x;
	int64		y;

	if (type == NUMERICOID)
		return DatumGetInt32(DirectFunctionCall2(numeric_cmp, a, b));

	/* a timestamptz is a whole number as well */
	x = DatumGetInt64(a);
	y = DatumGetInt64(b);
	return (x > y) - (x < y);
}

/* Which of two lower bounds lets more values in?  Below zero: a. */
static int
compare_lows(Oid type, const RangeBound *a, const RangeBound *b)
{
	int			order;

	if (a->infinite || b->infinite)
		return (int) b->infinite - (int) a->infinite;
	order = compare_values(type, a->value, b->value);
	return order != 0 ? order : (int) b->inclusive - (int) a->inclusive;
}

/* Which of two upper bounds lets more values in?  Above zero: a. */
static int
compare_highs(Oid type, const RangeBound *a, const RangeBound *b)
{
	int			order;

	if (a->infinite || b->infinite)
		return (int) a->infinite - (int) b->infinite;
	order = compare_values(type, a->value, b->value);
	return order != 0 ? order : (int) a->inclusive - (int) b->inclusive;
}

/* Is there no value below high and above low? */
static bool
is_empty(Oid type, const RangeBound *low, const RangeBound *high)
{
	int			order;

	if (low->infinite || high->infinite)
		return false;
	order = compare_values(type, low->value, high->value);
	return order > 0 || (order == 0 && !(low->inclusive && high->inclusive));
}

/* Is every value between them in the range that ends at high, or the one that begins at low? */
static bool
overlap_or_touch(Oid type, const RangeBound *high, const RangeBound *low)
{
	int			order;

	if (low->infinite || high->infinite)
		return true;
	order = compare_values(type, low->value, high->value);
	return order < 0 || (order == 0 && (low->inclusive || high->inclusive));
}

static SourceRange *
make_range(RangeBound low, RangeBound high)
{
	SourceRange *range = palloc(sizeof(SourceRange));

	range->low = low;
	range->high = high;
	return range;
}

static const RangeBound infinite = {true, false, (Datum) 0};

List *
ranges_all(void)
{
	return list_make1(make_range(infinite, infinite));
}

List *
ranges_compare(Oid type, StrategyNumber strategy, Datum value)
{
	RangeBound	including = {false, true, value};
	RangeBound	excluding = {false, false, value};

	Assert(can_range(type));
	switch (strategy)
	{
		case BTLessStrategyNumber:
			return list_make1(make_range(infinite, excluding));
		case BTLessEqualStrategyNumber:
			return list_make1(make_range(infinite, including));
		case BTEqualStrategyNumber:
			return list_make1(make_range(including, including));
		case BTGreaterEqualStrategyNumber:
			return list_make1(make_range(including, infinite));
		case BTGreaterStrategyNumber:
			return list_make1(make_range(excluding, infinite));
		default:
			return ranges_all();
	}
}

/* The lists of two sets as one, ascending by lower bound. */
static List *
merge(Oid type, List *a, List *b)
{
	List	   *merged = NIL;
	int			i = 0;
	int			j = 0;

	while (i < list_length(a) || j < list_length(b))
	{
		SourceRange *x = i < list_length(a) ? list_nth(a, i) : NULL;
		SourceRange *y = j < list_length(b) ? list_nth(b, j) : NULL;

		if (y == NULL || (x != NULL && compare_lows(type, &x->low, &y->low) <= 0))
		{
			merged = lappend(merged, x);
			i++;
		}
		else
		{
			merged = lappend(merged, y);
			j++;
		}
	}
	return merged;
}

List *
ranges_union(Oid type, List *a, List *b)
{
	List	   *united = NIL;
	SourceRange *last = NULL;
	ListCell   *lc;

	foreach(lc, merge(type, a, b))
	{
		SourceRange *range = lfirst(lc);

		if (last == NULL || !overlap_or_touch(type, &last->high, &range->low))
		{
			last = make_range(range->low, range->high);
			united = lappend(united, last);
		}
		else if (compare_highs(type, &range->high, &last->high) > 0)
			last->high = range->high;
	}
	return united;
}

List *
ranges_intersect(Oid type, List *a, List *b)
{
	List	   *common = NIL;
	int			i = 0;
	int			j = 0;

	while (i < list_length(a) && j < list_length(b))
	{
		SourceRange *x = list_nth(a, i);
		SourceRange *y = list_nth(b, j);
		RangeBound	low = compare_lows(type, &x->low, &y->low) >= 0 ? x->low : y->low;
		bool		x_ends_first = compare_highs(type, &x->high, &y->high) <= 0;
		RangeBound	high = x_ends_first ? x->high : y->high;

		if (!is_empty(type, &low, &high))
			common = lappend(common, make_range(low, high));
		if (x_ends_first)
			i++;
		else
			j++;
	}
	return common;
}

void
range_int64(const SourceRange *range, int64 *first, int64 *end)
{
	*first = PG_INT64_MIN;
	*end = PG_INT64_MAX;
	if (!range->low.infinite)
	{
		*first = DatumGetInt64(range->low.value);
		if (!range->low.inclusive && *first < PG_INT64_MAX)
			(*first)++;
	}
	if (!range->high.infinite)
	{
		*end = DatumGetInt64(range->high.value);
		if (range->high.inclusive && *end < PG_INT64_MAX)
			(*end)++;
	}
}
