/*-------------------------------------------------------------------------
 *
 * split_filter.c
 *	  Which splits are wanted: the executor's filter in the source's words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "row.h"
#include "source/range.h"
#include "split_filter.h"
#include "utils/memutils.h"

typedef struct SplitFilter
{
	SourceFilter source_filter; /* what the source holds */
	const ReaderFilter *filter;
	Source	   *source;
	RowMaker   *rows;			/* fills in the filter's columns */
	MemoryContext context;		/* of their values for one split */
	bool		split_is_bad;	/* they have no values for the last split */
} SplitFilter;

/* Of SourceFilter: fills in the columns of the split, and asks. */
static bool
split_is_wanted(void *arg)
{
	SplitFilter *split = arg;
	const ReaderFilter *filter = split->filter;
	MemoryContext old;
	bool		wanted;

	MemoryContextReset(split->context);
	old = MemoryContextSwitchTo(split->context);
	split->split_is_bad = row_make_split(split->rows, split->source,
										 filter->values, filter->nulls) != NULL;
	wanted = split->split_is_bad || filter->wants(filter->arg);
	MemoryContextSwitchTo(old);
	return wanted;
}

/* Of SourceFilter. */
static List *
ranges_of_split(void *arg, int item)
{
	SplitFilter *split = arg;
	const SourceMetadata *metadata = split->source->ops->metadata;

	while (metadata->item != item)
		metadata++;
	if (split->split_is_bad)
		return ranges_all();
	return split->filter->ranges(split->filter->arg, metadata);
}

/* Of SourceFilter. */
static bool
filter_looks_at(void *arg, int item)
{
	SplitFilter *split = arg;
	ListCell   *lc;

	foreach(lc, split->filter->columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_METADATA && column->metadata->item == item)
			return true;
	}
	return false;
}

/*
 * Does the column show the item (or, with a hive_key, the path element) as it
 * is, so that a value of the column is one of the item?
 */
static bool
shows(const Column *column, int item, const char *hive_key)
{
	if (hive_key != NULL)
		return column->kind == COLUMN_HIVE && strcmp(column->hive_key, hive_key) == 0 &&
			column->typid == TEXTOID;
	return column->kind == COLUMN_METADATA && column->metadata->item == item &&
		column->typid == column->metadata->type;
}

/* Of SourceFilter. */
static bool
values_are_known(void *arg, int item, const char *hive_key, List **values)
{
	SplitFilter *split = arg;
	const ReaderFilter *filter = split->filter;
	ListCell   *lc;

	foreach(lc, filter->columns)
	{
		Column	   *column = lfirst(lc);

		if (shows(column, item, hive_key) && filter->known(filter->arg, column, values))
			return true;
	}
	return false;
}

void
split_filter_install(Source *source, const ReaderFilter *filter)
{
	SplitFilter *split = palloc0(sizeof(SplitFilter));
	JsonNode   *ignored_root;
	int			ignored_slots;

	split->filter = filter;
	split->source = source;
	split->rows = row_maker_create(source->ops, filter->columns, true,
								   &ignored_root, &ignored_slots);
	split->context = AllocSetContextCreate(CurrentMemoryContext, "pinterest filter",
										   ALLOCSET_SMALL_SIZES);
	split->source_filter.wants = split_is_wanted;
	split->source_filter.ranges = ranges_of_split;
	split->source_filter.has_ranges = filter->has_ranges;
	split->source_filter.looks_at = filter_looks_at;
	split->source_filter.known = values_are_known;
	split->source_filter.arg = split;
	source->ops->set_filter(source, &split->source_filter);
}
