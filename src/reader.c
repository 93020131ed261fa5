/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  The pipe: source -> record -> row.
 *
 * The source delivers bodies, record.c takes the records out of them, row.c
 * makes rows of them; split_filter.c says which splits are wanted, rejects.c
 * what becomes of bad records.  What is left to do here is to join them, to tell
 * how far it is, and to say where an error happened.
 *
 * Three lifetimes: the reader's own context lives as long as the scan, a body
 * as long as the source says, and the row context until the next row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "column.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "option.h"
#include "progress.h"
#include "reader.h"
#include "record.h"
#include "rejects.h"
#include "row.h"
#include "split_filter.h"
#include "utils/memutils.h"

/* Progress is told each time after this many records: a power of two. */
#define TELL_RECORDS 256

struct Reader
{
	char	   *table;			/* its name, for messages */
	const SourceOps *ops;
	Source	   *source;
	Records    *records;
	RowMaker   *rows;
	MemoryContext row_context;

	Oid			relid;
	char	   *server;
	MemoryContext context;
	Progress   *progress;		/* NULL: not shown */
	bool		started;		/* has a record been asked for? */

	Rejects		rejects;
	const JsonRecord *record;	/* the one at hand, NULL between records */
	RecordPlace place;
	int64		nrecords;
	int			whole_bodies;	/* columns that count records from a body's start */
	SourceRequest request;
	const ReaderBatch *batch;	/* or NULL */
	bool		ended;			/* is there no next record? */
	int			natts;			/* of the table */
};

/*
 * Opening
 */

/*
 * Must messages be decoded?  Not to count them, nor for what the source alone
 * knows, unless bad ones have to be found.
 */
static bool
must_decode(const Rejects *rejects, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_FIELD ||
			(column->kind == COLUMN_METADATA && column->metadata->item == METADATA_ERROR))
			return true;
	}
	return rejects_must_find(rejects);
}

/* The table's own source, or what a batch reads in its place. */
static Source *
open_source(Reader *reader, const SourceRequest *request)
{
	const ReaderBatch *batch = reader->batch;
	Source	   *source;

	if (batch != NULL && batch->open != NULL)
	{
		source = batch->open(batch->arg, reader->ops);
		reader->ops = source->ops;
		return source;
	}
	source = reader->ops->open(request);
	if (batch != NULL)
		reader->ops->positions->resume(source, batch->resume);
	return source;
}

Reader *
reader_open(Relation rel, Oid userid, List *attnums, const ReaderBatch *batch)
{
	Reader	   *reader = palloc0(sizeof(Reader));
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	ForeignServer *server = GetForeignServer(table->serverid);
	SourceRequest *request = &reader->request;
	List	   *columns;
	ListCell   *lc;
	JsonNode   *root;
	int			nslots;

	/* a wrapper may have been made without the validator */
	reader->ops = source_of_server(server->serverid);
	option_validate(reader->ops->wrapper, ForeignServerRelationId, server->options);
	option_validate(reader->ops->wrapper, ForeignTableRelationId, table->options);

	request->serverid = server->serverid;
	request->userid = userid;
	request->server_options = server->options;
	request->table_options = table->options;

	reader->table = pstrdup(RelationGetRelationName(rel));
	reader->relid = RelationGetRelid(rel);
	reader->server = server->servername;
	reader->context = CurrentMemoryContext;
	reader->batch = batch;
	reader->natts = RelationGetNumberOfAttributes(rel);
	if (batch == NULL)
		rejects_init(&reader->rejects, table->options);
	else
		rejects_init_batch(&reader->rejects, batch->stops);
	reader->row_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest row",
												ALLOCSET_DEFAULT_SIZES);
	reader->source = open_source(reader, request);
	columns = columns_of(rel, reader->ops, attnums);
	reader->rows = row_maker_create(reader->ops, columns,
									reader->rejects.on_error != ON_ERROR_STOP, &root, &nslots);
	foreach(lc, columns)
		if (column_counts_records(lfirst(lc)))
			reader->whole_bodies++;
	reader->records = records_create(reader->source, table->options, root, nslots,
									 must_decode(&reader->rejects, columns) ||
									 (batch != NULL && batch->wants_value));
	if (batch != NULL)
		records_limit(reader->records, batch->max_records);
	return reader;
}

List *
reader_backlog(Reader *reader)
{
	return reader->ops->positions->backlog(reader->source);
}

void
reader_filter(Reader *reader, const ReaderFilter *filter)
{
	split_filter_install(reader->source, filter);
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
	rejects_share(&reader->rejects, rejected, is_worker);
}

const SourceRequest *
reader_request(const Reader *reader)
{
	return &reader->request;
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
					rejects_total(&reader->rejects));
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

/*
 * Deals with a bad record.  True if it makes a row.  message is what is wrong
 * with one of its values; NULL if the record itself is no good.
 */
static bool
reject_record(Reader *reader, const char *message, Datum *values, bool *nulls)
{
	bool		makes_row = rejects_add(&reader->rejects, reader->record,
										records_are_messages(reader->records), &message);

	if (reader->batch != NULL && reader->batch->reject != NULL)
		reader->batch->reject(reader->batch->arg, reader->source, reader->record,
							  &reader->place, message);
	if (!makes_row)
		return false;
	row_make_bad(reader->rows, reader->source, reader->record, &reader->place,
				 message, values, nulls);
	return true;
}

/* The same for a record without a value, where one is wanted. */
static bool
reject_missing(Reader *reader, Datum *values, bool *nulls)
{
	if (reader->batch->stops)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a record has no value")));
	return reject_record(reader, "The record has no value.", values, nulls);
}

/* Makes a row of the record at hand; false if it makes none. */
static bool
make_row(Reader *reader, Datum *values, bool *nulls)
{
	char	   *message = NULL;

	if (likely(reader->record->error == JSON_ERROR_NONE))
	{
		if (unlikely(reader->record->data == NULL) && reader->batch != NULL &&
			reader->batch->wants_value)
			return reject_missing(reader, values, nulls);
		message = row_make(reader->rows, reader->source, reader->record,
						   &reader->place, values, nulls);
		if (likely(message == NULL))
			return true;
	}
	return reject_record(reader, message, values, nulls);
}

/* Moves to the next record; false behind the last. */
static bool
next_record(Reader *reader)
{
	reader->record = NULL;		/* for messages, while it is looked for */
	reader->record = records_next(reader->records, &reader->place);
	if (reader->record == NULL)
	{
		reader->ended = true;
		return false;
	}
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

Source *
reader_record(const Reader *reader, const JsonRecord **record, const RecordPlace **place)
{
	*record = reader->record;
	*place = &reader->place;
	return reader->source;
}

List *
reader_finish_batch(Reader *reader)
{
	Datum	   *values = palloc(sizeof(Datum) * reader->natts);
	bool	   *nulls = palloc(sizeof(bool) * reader->natts);

	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "pinterest unread row",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	while (!reader->ended)
	{
		(void) reader_next(reader, values, nulls);
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
	return reader->batch->open != NULL ? NIL : reader->ops->positions->reached(reader->source);
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
	reader->ended = false;
	rejects_rewind(&reader->rejects);
	reader->ops->rewind(reader->source);
}

void
reader_close(Reader *reader)
{
	reader->record = NULL;
	progress_end(reader->progress);
	reader->progress = NULL;
	reader->ops->close(reader->source);
	rejects_tell(&reader->rejects, reader->ops->wrapper, reader->table);
}

void
reader_report(Reader *reader, const ReaderCounters *totals)
{
	if (reader->ops->report != NULL && !reader->rejects.is_worker)
		reader->ops->report(reader->source, reader->table, totals->source);
}

void
reader_counters(Reader *reader, ReaderCounters *counters)
{
	counters->records = reader->nrecords;
	counters->rejected = rejects_total(&reader->rejects);
	counters->nsource = reader->ops->counters(reader->source, counters->source);
}
