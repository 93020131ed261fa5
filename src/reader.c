/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  The pipe: source -> record -> row.
 *
 * The source delivers bodies, record.c takes the records out of them, row.c
 * makes rows of them.  What is left to do here is to deal with bad
 * records, and to say where an error happened.
 *
 * Three lifetimes: the reader's own context lives as long as the scan, a body
 * as long as the source says, and the row context until the next row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "column.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "option.h"
#include "progress.h"
#include "reader.h"
#include "record.h"
#include "row.h"
#include "utils/memutils.h"

/* Progress is told each time after this many records: a power of two. */
#define TELL_RECORDS 256

/* Option on_error */
typedef enum OnError
{
	ON_ERROR_STOP,
	ON_ERROR_IGNORE,
	ON_ERROR_SET_NULL
} OnError;

/* Option log_verbosity */
typedef enum Verbosity
{
	VERBOSITY_DEFAULT,
	VERBOSITY_VERBOSE,
	VERBOSITY_SILENT
} Verbosity;

struct Reader
{
	char	   *table;			/* its name, for messages */
	const SourceOps *ops;
	Source	   *source;
	Records    *records;
	RowMaker   *rows;
	MemoryContext row_context;

	const ReaderFilter *filter; /* NULL: all splits are wanted */
	RowMaker   *filter_rows;	/* fills in the filter's columns */
	MemoryContext filter_context;	/* of their values for one split */
	bool		split_is_bad;	/* they have no values for the last split */
	SourceFilter source_filter;

	Oid			relid;
	char	   *server;
	MemoryContext context;
	Progress   *progress;		/* NULL: not shown */
	bool		started;		/* has a record been asked for? */

	OnError		on_error;
	Verbosity	verbosity;
	int64		reject_limit;

	const JsonRecord *record;	/* the one at hand, NULL between records */
	RecordPlace place;
	int64		nrecords;
	int			whole_bodies;	/* columns that count records from a body's start */
	pg_atomic_uint64 *shared_rejected;	/* by all processes, or NULL */
	bool		is_worker;
	int64		rejected;		/* since the scan last started over */
	int64		rejected_before;	/* in all passes before */
	int64		most_rejected;	/* in one of them */
};

/*
 * Opening
 */

/*
 * Must messages be decoded?  Not to count them, nor for what the source alone
 * knows, unless bad ones have to be found.
 */
static bool
must_decode(Reader *reader, List *columns, List *table_options)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_FIELD ||
			(column->kind == COLUMN_METADATA && column->metadata->item == METADATA_ERROR))
			return true;
	}
	return reader->on_error == ON_ERROR_IGNORE || option_given(table_options, "reject_limit");
}

Reader *
reader_open(Relation rel, Oid userid, List *attnums)
{
	Reader	   *reader = palloc0(sizeof(Reader));
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	ForeignServer *server = GetForeignServer(table->serverid);
	SourceRequest request;
	List	   *columns;
	ListCell   *lc;
	JsonNode   *root;
	int			nslots;

	/* a wrapper may have been made without the validator */
	reader->ops = source_of_server(server->serverid);
	option_validate(reader->ops->wrapper, ForeignServerRelationId, server->options);
	option_validate(reader->ops->wrapper, ForeignTableRelationId, table->options);

	request.serverid = server->serverid;
	request.userid = userid;
	request.server_options = server->options;
	request.table_options = table->options;

	reader->table = pstrdup(RelationGetRelationName(rel));
	reader->relid = RelationGetRelid(rel);
	reader->server = server->servername;
	reader->context = CurrentMemoryContext;
	reader->on_error = option_enum(table->options, "on_error");
	reader->verbosity = option_enum(table->options, "log_verbosity");
	reader->reject_limit = option_integer(table->options, "reject_limit", PG_INT64_MAX);
	reader->row_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest row",
												ALLOCSET_DEFAULT_SIZES);
	columns = columns_of(rel, reader->ops, attnums);
	reader->rows = row_maker_create(reader->ops, columns,
									reader->on_error != ON_ERROR_STOP, &root, &nslots);
	foreach(lc, columns)
		if (column_counts_records(lfirst(lc)))
			reader->whole_bodies++;
	reader->source = reader->ops->open(&request);
	reader->records = records_create(reader->source, table->options, root, nslots,
									 must_decode(reader, columns, table->options));
	return reader;
}

/* Of SourceFilter: fills in the columns of the split, and asks. */
static bool
split_is_wanted(void *arg)
{
	Reader	   *reader = arg;
	const ReaderFilter *filter = reader->filter;
	MemoryContext old;
	bool		wanted;

	MemoryContextReset(reader->filter_context);
	old = MemoryContextSwitchTo(reader->filter_context);
	reader->split_is_bad = row_make_split(reader->filter_rows, reader->source,
										  filter->values, filter->nulls) != NULL;
	wanted = reader->split_is_bad || filter->wants(filter->arg);
	MemoryContextSwitchTo(old);
	return wanted;
}

/* Of SourceFilter. */
static List *
ranges_of_split(void *arg, int item)
{
	Reader	   *reader = arg;
	const SourceMetadata *metadata = reader->ops->metadata;

	while (metadata->item != item)
		metadata++;
	if (reader->split_is_bad)
		return ranges_all();
	return reader->filter->ranges(reader->filter->arg, metadata);
}

/* Of SourceFilter. */
static bool
filter_looks_at(void *arg, int item)
{
	Reader	   *reader = arg;
	ListCell   *lc;

	foreach(lc, reader->filter->columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_METADATA && column->metadata->item == item)
			return true;
	}
	return false;
}

/* Of SourceFilter: a column that shows the item or path element as it is. */
static bool
values_are_known(void *arg, int item, const char *hive_key, List **values)
{
	Reader	   *reader = arg;
	const ReaderFilter *filter = reader->filter;
	ListCell   *lc;

	foreach(lc, filter->columns)
	{
		Column	   *column = lfirst(lc);
		bool		found = hive_key != NULL ?
		column->kind == COLUMN_HIVE && strcmp(column->hive_key, hive_key) == 0 &&
		column->typid == TEXTOID :
		column->kind == COLUMN_METADATA && column->metadata->item == item &&
		column->typid == column->metadata->type;

		if (found && filter->known(filter->arg, column, values))
			return true;
	}
	return false;
}

void
reader_filter(Reader *reader, const ReaderFilter *filter)
{
	JsonNode   *ignored_root;
	int			ignored_slots;

	reader->filter = filter;
	reader->filter_rows = row_maker_create(reader->ops, filter->columns, true,
										   &ignored_root, &ignored_slots);
	reader->filter_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest filter",
												   ALLOCSET_SMALL_SIZES);
	reader->source_filter.wants = split_is_wanted;
	reader->source_filter.ranges = ranges_of_split;
	reader->source_filter.has_ranges = filter->has_ranges;
	reader->source_filter.looks_at = filter_looks_at;
	reader->source_filter.known = values_are_known;
	reader->source_filter.arg = reader;
	reader->ops->set_filter(reader->source, &reader->source_filter);
}

/* A pass over the source has ended: how many records did it reject? */
static void
note_pass(Reader *reader)
{
	int64		rejected = reader->rejected;

	if (reader->shared_rejected != NULL)
		rejected = (int64) pg_atomic_read_u64(reader->shared_rejected);
	reader->most_rejected = Max(reader->most_rejected, rejected);
}

bool
reader_list(Reader *reader, StringInfo body)
{
	return reader->ops->list(reader->source, reader->whole_bodies == 0, body);
}

void
reader_supply(Reader *reader, const SourceSupply *supply)
{
	reader->ops->set_supply(reader->source, supply, reader->whole_bodies == 0);
}

bool
reader_lists_by_turns(const Reader *reader)
{
	return reader->source->lists_by_turns;
}

void
reader_share_rejected(Reader *reader, pg_atomic_uint64 *rejected, bool is_worker)
{
	if (reader->shared_rejected != NULL)
		note_pass(reader);
	reader->shared_rejected = rejected;
	reader->is_worker = is_worker;
}

const SourceOps *
reader_ops(const Reader *reader)
{
	return reader->ops;
}

/*
 * Messages
 */

/* The table and the place in it, as far as it is known; to be freed. */
static char *
describe_place(Reader *reader)
{
	char	   *place = records_place(reader->records, reader->record);
	char	   *description;

	if (place == NULL)
		return psprintf("%s table \"%s\"", reader->ops->wrapper, reader->table);
	description = psprintf("%s table \"%s\", %s", reader->ops->wrapper, reader->table, place);
	pfree(place);
	return description;
}

/*
 * Error context callback: names source, split, position and column.  It runs
 * in ErrorContext, which a notice does not reset: nothing may stay behind.
 */
static void
add_place(void *arg)
{
	Reader	   *reader = arg;
	const Column *column = row_maker_column(reader->rows);
	char	   *place = describe_place(reader);

	if (reader->record != NULL && column != NULL)
		errcontext("%s, column \"%s\"", place, column->name);
	else
		errcontext("%s", place);
	pfree(place);
}

static int
record_sqlstate(JsonError error)
{
	switch (error)
	{
		case JSON_ERROR_UTF8:
			return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
		case JSON_ERROR_ZERO:
			return ERRCODE_UNTRANSLATABLE_CHARACTER;
		case JSON_ERROR_DEPTH:
		case JSON_ERROR_TOO_LARGE:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		default:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
	}
}

static int
record_hint(JsonError error)
{
	if (error == JSON_ERROR_TOO_LARGE)
		return errhint("Raise the setting \"pinterest.max_record_size\", now %d kB.",
					   pinterest_max_record_size);
	return errhint("To read past bad records, set option \"on_error\" of the table to \"ignore\" or \"set_null\".");
}

/* Where in a record it went wrong. */
static char *
describe_error_place(Reader *reader)
{
	const JsonRecord *record = reader->record;
	long long	at = record->error_at + 1;

	if (records_are_messages(reader->records))
		return psprintf("It is byte %lld of the record.", at);
	return psprintf("It is byte %lld of the record, which begins at byte %lld.",
					at, (long long) record->offset + 1);
}

static void
raise_bad_record(Reader *reader)
{
	JsonError	error = reader->record->error;

	ereport(ERROR,
			(errcode(record_sqlstate(error)),
			 errmsg("invalid JSON record"),
			 errdetail("%s %s", json_error_detail(error), describe_error_place(reader)),
			 record_hint(error)));
}

/*
 * Bad records
 */

/*
 * Deals with a bad record.  True if it makes a row.  message is what is wrong
 * with one of its values; NULL if the record itself is no good.
 */
static bool
reject_record(Reader *reader, const char *message, Datum *values, bool *nulls)
{
	int64		rejected;		/* in this pass, by all processes */

	reader->rejected++;
	if (reader->shared_rejected != NULL)
		rejected = pg_atomic_add_fetch_u64(reader->shared_rejected, 1);
	else
		rejected = reader->rejected;
	if (message == NULL)
	{
		if (reader->on_error == ON_ERROR_STOP)
			raise_bad_record(reader);
		message = json_error_detail(reader->record->error);
	}
	if (rejected > reader->reject_limit)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("more bad records than option \"reject_limit\" allows (%lld)",
						(long long) reader->reject_limit),
				 errdetail("The last one: %s", message)));
	if (reader->verbosity == VERBOSITY_VERBOSE)
		ereport(NOTICE,
				(errmsg("bad record: %s", message)));
	if (reader->on_error == ON_ERROR_IGNORE)
		return false;

	row_make_bad(reader->rows, reader->source, reader->record, &reader->place,
				 message, values, nulls);
	return true;
}

/* Makes a row of the record at hand; false if it makes none. */
static bool
make_row(Reader *reader, Datum *values, bool *nulls)
{
	char	   *message = NULL;

	if (likely(reader->record->error == JSON_ERROR_NONE))
	{
		message = row_make(reader->rows, reader->source, reader->record,
						   &reader->place, values, nulls);
		if (likely(message == NULL))
			return true;
	}
	return reject_record(reader, message, values, nulls);
}

/*
 * Progress
 */

/* Called by the source too, around its waits. */
static void
tell_progress(void *arg)
{
	Reader	   *reader = arg;
	SourceProgress done = {0};

	if (reader->progress == NULL)
		return;
	reader->ops->progress(reader->source, &done);
	progress_update(reader->progress, &done, reader->nrecords,
					reader->rejected_before + reader->rejected);
}

/* A scan is one from its first row on: EXPLAIN and unused plans are none. */
static void
begin_progress(Reader *reader)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	reader->started = true;
	if (reader->ops->progress != NULL)
		reader->progress = progress_begin(reader->ops->wrapper, reader->server,
										  reader->relid, reader->table);
	MemoryContextSwitchTo(old);
	if (reader->progress == NULL)
		return;
	reader->source->on_wait = tell_progress;
	reader->source->on_wait_arg = reader;
}

/*
 * Reading
 */

int64
reader_body_bytes(const Reader *reader)
{
	return records_body_bytes(reader->records);
}

int64
reader_bytes(const Reader *reader)
{
	return records_bytes(reader->records);
}

void
reader_skip_body(Reader *reader)
{
	records_skip_body(reader->records);
}

/* Moves to the next record; false behind the last. */
static bool
next_record(Reader *reader)
{
	reader->record = NULL;		/* for messages, while it is looked for */
	reader->record = records_next(reader->records, &reader->place);
	if (reader->record == NULL)
		return false;
	if (unlikely(++reader->nrecords % TELL_RECORDS == 0))
		tell_progress(reader);
	return true;
}

bool
reader_next(Reader *reader, Datum *values, bool *nulls)
{
	ErrorContextCallback callback;
	MemoryContext old = CurrentMemoryContext;
	bool		found = false;

	if (unlikely(!reader->started))
		begin_progress(reader);
	callback.callback = add_place;
	callback.arg = reader;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	while (!found && next_record(reader))
	{
		MemoryContextReset(reader->row_context);
		MemoryContextSwitchTo(reader->row_context);
		found = make_row(reader, values, nulls);
		MemoryContextSwitchTo(old);
	}

	error_context_stack = callback.previous;
	return found;
}

int64
reader_sample(Reader *reader, int64 rows, int64 *drawn)
{
	return reader->ops->sample(reader->source, rows, false, drawn);
}

void
reader_rewind(Reader *reader)
{
	records_skip_body(reader->records);
	reader->record = NULL;
	note_pass(reader);
	reader->rejected_before += reader->rejected;
	reader->rejected = 0;
	reader->ops->rewind(reader->source);
}

void
reader_close(Reader *reader)
{
	int64		rejected;

	note_pass(reader);
	rejected = reader->most_rejected;
	reader->record = NULL;
	progress_end(reader->progress);
	reader->progress = NULL;
	reader->ops->close(reader->source);
	if (rejected > 0 && reader->verbosity != VERBOSITY_SILENT && !reader->is_worker)
		ereport(NOTICE,
				(errmsg_plural("%lld bad record in %s table \"%s\"",
							   "%lld bad records in %s table \"%s\"",
							   (unsigned long) rejected, (long long) rejected,
							   reader->ops->wrapper, reader->table),
				 reader->on_error == ON_ERROR_IGNORE ?
				 errdetail_plural("It was skipped.", "They were skipped.",
								  (unsigned long) rejected) :
				 errdetail_plural("It is a row of NULLs.", "They are rows of NULLs.",
								  (unsigned long) rejected)));
}

void
reader_report(Reader *reader, const ReaderCounters *totals)
{
	if (reader->ops->report != NULL && !reader->is_worker)
		reader->ops->report(reader->source, reader->table, totals->source);
}

void
reader_counters(Reader *reader, ReaderCounters *counters)
{
	counters->records = reader->nrecords;
	counters->rejected = reader->rejected_before + reader->rejected;
	counters->nsource = reader->ops->counters(reader->source, counters->source);
}
