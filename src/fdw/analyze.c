/*-------------------------------------------------------------------------
 *
 * analyze.c
 *	  ANALYZE: how many rows a table has, and a sample of them.
 *
 * The listing tells how many bytes there are, and objects drawn from it at
 * random how many of them a row takes.  So the whole location is listed, but
 * no more than SAMPLE_BYTES of it are fetched.
 *
 * The server first asks for the size, then for the rows.  Listing once more
 * for the second, to find the objects drawn, costs less than what it takes to
 * fetch objects without a listing; where it does not, the objects drawn are
 * asked for by name.
 *
 * Where positions are numbers, as the offsets of a topic, their number is that
 * of the rows at most, and pieces drawn from everywhere tell how many of them
 * hold a record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "column.h"
#include "fdw/fdw.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "pg_compat.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/sampling.h"

/* Bytes to fetch, as stored, in about so many objects. */
#define SAMPLE_BYTES (INT64CONST(256) * 1024 * 1024)
#define MIN_SAMPLE_OBJECTS 30
#define MAX_SAMPLE_OBJECTS 3000

/* Objects that one request lists: those not drawn cost that much less. */
#define OBJECTS_PER_PAGE 1000

/* The filter's columns, by attribute number - 1 */
enum
{
	FILTER_PATH,
	FILTER_SIZE,
	FILTER_COLUMNS
};

typedef struct Sample
{
	Oid			relid;
	MemoryContext context;		/* of everything, this struct included */
	Reader	   *reader;
	ReaderFilter filter;
	Datum		values[FILTER_COLUMNS];
	bool		nulls[FILTER_COLUMNS];
	ReservoirStateData random;

	bool		drawn;			/* has the listing ended, and the drawing? */
	int64		objects;		/* listed */
	int64		bytes;			/* in them */
	int			npaths;
	char	   *paths[MAX_SAMPLE_OBJECTS];	/* of those drawn; sorted at last */
} Sample;

/* The one whose size has been asked for, but not yet its rows. */
static Sample *pending = NULL;

/* Memory context callback */
static void
forget_pending(void *arg)
{
	if (pending == arg)
		pending = NULL;
}

/*
 * Drawing objects
 */

static double
random_fraction(Sample *sample)
{
	return sampler_fraction(&sample->random);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Counts a listed object, and draws it with the chance that all have. */
static void
count_object(Sample *sample)
{
	int64		place = sample->npaths;
	MemoryContext old;

	sample->objects++;
	sample->bytes += DatumGetInt64(sample->values[FILTER_SIZE]);
	if (sample->npaths == MAX_SAMPLE_OBJECTS)
	{
		place = (int64) (sample->objects * random_fraction(sample));
		if (place >= MAX_SAMPLE_OBJECTS)
			return;
		pfree(sample->paths[place]);
	}
	else
		sample->npaths++;
	old = MemoryContextSwitchTo(sample->context);
	sample->paths[place] = TextDatumGetCString(sample->values[FILTER_PATH]);
	MemoryContextSwitchTo(old);
}

/* Of ReaderFilter: nothing while it is listed, then what has been drawn. */
static bool
wants_object(void *arg)
{
	Sample	   *sample = arg;
	char	   *path;

	if (!sample->drawn)
	{
		count_object(sample);
		return false;
	}
	path = TextDatumGetCString(sample->values[FILTER_PATH]);
	return bsearch(&path, sample->paths, sample->npaths, sizeof(char *), compare_paths) != NULL;
}

/* Of ReaderFilter: the paths drawn, if they are few among very many. */
static bool
known_paths(void *arg, const Column *column, List **values)
{
	Sample	   *sample = arg;

	if (!sample->drawn || column->attnum != FILTER_PATH + 1 ||
		sample->objects / OBJECTS_PER_PAGE <= sample->npaths)
		return false;
	*values = NIL;
	for (int i = 0; i < sample->npaths; i++)
		*values = lappend(*values, sample->paths[i]);
	return true;
}

static Column *
filter_column(const SourceOps *ops, int number, const char *name)
{
	Column	   *column = palloc0(sizeof(Column));

	column->attnum = number + 1;
	column->name = name;
	column->kind = COLUMN_METADATA;
	column->metadata = source_metadata(ops, name);
	column->typid = column->metadata->type;
	column->typmod = -1;
	return column;
}

/* Lists what the table reads, as its owner, and draws from it. */
static Sample *
draw_objects(Relation rel, const SourceOps *ops)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest analyze",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Sample	   *sample = palloc0(sizeof(Sample));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = forget_pending;
	callback->arg = sample;
	MemoryContextRegisterResetCallback(context, callback);
	sample->context = context;
	sample->relid = RelationGetRelid(rel);
	reservoir_init_selection_state(&sample->random, MAX_SAMPLE_OBJECTS);
	sample->filter.columns = list_make2(filter_column(ops, FILTER_PATH, "path"),
										filter_column(ops, FILTER_SIZE, "size"));
	sample->filter.values = sample->values;
	sample->filter.nulls = sample->nulls;
	sample->filter.wants = wants_object;
	sample->filter.known = known_paths;
	sample->filter.arg = sample;
	sample->reader = reader_open(rel, rel->rd_rel->relowner, all_attnums(rel), NULL);
	reader_filter(sample->reader, &sample->filter);

	/* no object is wanted, so no row comes */
	if (reader_next(sample->reader, NULL, NULL))
		elog(ERROR, "row in a listing");
	MemoryContextSwitchTo(old);
	return sample;
}

/* Keeps so many of the objects drawn that not too much is fetched. */
static void
limit_objects(Sample *sample)
{
	double		average = (double) sample->bytes / Max(sample->objects, 1);
	int			wanted = (int) Min(SAMPLE_BYTES / Max(average, 1), MAX_SAMPLE_OBJECTS);

	wanted = Min(Max(wanted, MIN_SAMPLE_OBJECTS), sample->npaths);
	for (int i = 0; i < wanted && wanted < sample->npaths; i++)
	{
		int			other = i + (int) ((sample->npaths - i) * random_fraction(sample));
		char	   *path = sample->paths[other];

		sample->paths[other] = sample->paths[i];
		sample->paths[i] = path;
	}
	sample->npaths = wanted;
	qsort(sample->paths, wanted, sizeof(char *), compare_paths);
	sample->drawn = true;
}

/*
 * Drawing rows
 */

/* Vitter's algorithm: which of the rows drawn goes for another one. */
typedef struct RowDraw
{
	ReservoirStateData state;
	HeapTuple  *rows;
	int			target;
	int			nrows;			/* drawn so far */
	double		seen;
	double		skip;			/* rows to leave out next; < 0: not yet known */
} RowDraw;

static void
draw_row(RowDraw *draw, TupleDesc desc, Datum *values, bool *nulls)
{
	if (draw->nrows < draw->target)
		draw->rows[draw->nrows++] = heap_form_tuple(desc, values, nulls);
	else
	{
		if (draw->skip < 0)
			draw->skip = reservoir_get_next_S(&draw->state, draw->seen, draw->target);
		if (draw->skip <= 0)
		{
			int			k = (int) (draw->target * sampler_fraction(&draw->state));

			heap_freetuple(draw->rows[k]);
			draw->rows[k] = heap_form_tuple(desc, values, nulls);
		}
		draw->skip -= 1;
	}
	draw->seen += 1;
}

/* Reads the objects drawn, large ones from their beginning only. */
static void
draw_rows(Sample *sample, Relation rel, RowDraw *draw)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc0(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));
	int64		limit = SAMPLE_BYTES / Max(sample->npaths, 1);

	memset(nulls, true, desc->natts * sizeof(bool));
	reader_rewind(sample->reader);
	while (reader_next(sample->reader, values, nulls))
	{
		draw_row(draw, desc, values, nulls);
		if (reader_body_bytes(sample->reader) > limit)
			reader_skip_body(sample->reader);
	}
}

/*
 * Tables whose records are drawn by position
 */

/* Reads what the reader has been told to; false if that was too many bytes. */
static bool
draw_all_rows(Reader *reader, Relation rel, RowDraw *draw)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc0(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));

	memset(nulls, true, desc->natts * sizeof(bool));
	while (reader_next(reader, values, nulls))
	{
		draw_row(draw, desc, values, nulls);
		if (reader_bytes(reader) > SAMPLE_BYTES)
			return false;
	}
	return true;
}

/* An AcquireSampleRowsFunc. */
static int
acquire_positions(Relation rel, int elevel, HeapTuple *rows, int target,
				  double *total_rows, double *total_dead_rows)
{
	RowDraw		draw = {.rows = rows, .target = target, .skip = -1};
	Reader	   *reader = reader_open(rel, rel->rd_rel->relowner, all_attnums(rel), NULL);
	int64		drawn;
	int64		total = reader_sample(reader, target, &drawn);

	reservoir_init_selection_state(&draw.state, target);
	*total_dead_rows = 0;
	if (draw_all_rows(reader, rel, &draw) && drawn > 0)
		*total_rows = rint(draw.seen * ((double) total / drawn));
	else
		*total_rows = total;
	ereport(elevel,
			(errmsg("\"%s\": read %lld of %lld positions, with %.0f rows; %d rows in sample, %.0f estimated total rows",
					RelationGetRelationName(rel), (long long) drawn, (long long) total,
					draw.seen, draw.nrows, *total_rows)));
	reader_close(reader);
	return draw.nrows;
}

/* Pages that a table of such rows would have, one at least if there are any. */
static BlockNumber
pages_of_positions(Relation rel)
{
	Reader	   *reader = reader_open(rel, rel->rd_rel->relowner, all_attnums(rel), NULL);
	int64		drawn;
	double		total = reader_sample(reader, 1, &drawn);

	reader_close(reader);
	return (BlockNumber) Min(ceil(total * get_rel_data_width(rel, NULL) / BLCKSZ),
							 MaxBlockNumber);
}

/*
 * Tables of messages whose number nobody can tell: they are read
 */

/* An AcquireSampleRowsFunc. */
static int
acquire_by_reading(Relation rel, int elevel, HeapTuple *rows, int target,
				   double *total_rows, double *total_dead_rows)
{
	RowDraw		draw = {.rows = rows, .target = target, .skip = -1};
	Reader	   *reader = reader_open(rel, rel->rd_rel->relowner, all_attnums(rel), NULL);
	bool		all;

	reservoir_init_selection_state(&draw.state, target);
	all = draw_all_rows(reader, rel, &draw);
	*total_dead_rows = 0;
	*total_rows = draw.seen;
	ereport(elevel,
			(errmsg("\"%s\": read %lld bytes, %s, with %.0f rows; %d rows in sample",
					RelationGetRelationName(rel), (long long) reader_bytes(reader),
					all ? "all there are" : "more than which are not read",
					draw.seen, draw.nrows)));
	reader_close(reader);
	return draw.nrows;
}

/*
 * Tables whose objects are drawn
 */

/* An AcquireSampleRowsFunc. */
static int
acquire_rows(Relation rel, int elevel, HeapTuple *rows, int target,
			 double *total_rows, double *total_dead_rows)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	Sample	   *sample = pending;
	RowDraw		draw = {.rows = rows, .target = target, .skip = -1};
	int64		bytes;

	/* inheritance: the sizes of several tables are asked for in a row */
	if (sample == NULL || sample->relid != RelationGetRelid(rel))
		sample = draw_objects(rel, source_of_server(table->serverid));
	limit_objects(sample);
	reservoir_init_selection_state(&draw.state, target);
	if (sample->npaths > 0)
		draw_rows(sample, rel, &draw);

	bytes = reader_bytes(sample->reader);
	*total_dead_rows = 0;
	*total_rows = bytes == 0 ? 0 : rint(draw.seen * ((double) sample->bytes / bytes));
	ereport(elevel,
			(errmsg("\"%s\": read %lld of %lld bytes in %d of %lld objects, with %.0f rows; %d rows in sample, %.0f estimated total rows",
					RelationGetRelationName(rel), (long long) bytes, (long long) sample->bytes,
					sample->npaths, (long long) sample->objects, draw.seen,
					draw.nrows, *total_rows)));
	reader_close(sample->reader);
	MemoryContextDelete(sample->context);
	return draw.nrows;
}

bool
analyze_table(Relation rel, AcquireSampleRowsFunc *func, BlockNumber *pages)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	const SourceOps *ops = source_of_server(table->serverid);

	if (ops->sample != NULL)
	{
		*pages = pages_of_positions(rel);
		*func = acquire_positions;
		return true;
	}
	if (ops->message != NULL)
	{
		*pages = 1;
		*func = acquire_by_reading;
		return true;
	}
	if (source_metadata(ops, "path") == NULL || source_metadata(ops, "size") == NULL)
		return false;
	pending = draw_objects(rel, ops);
	*pages = (BlockNumber) Min((pending->bytes + BLCKSZ - 1) / BLCKSZ, MaxBlockNumber);
	*func = acquire_rows;
	return true;
}
