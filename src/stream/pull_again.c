/*-------------------------------------------------------------------------
 *
 * pull_again.c
 *	  A run of a stream once more, when a record of its batch was refused.
 *
 * The source is read a second time, since it is not known what of it the first run
 * has seen, and what has come since.  Its good records are kept with all that the
 * source knows of them, so that they can be tried, in batches of any size and again
 * and again, without asking the source for them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "miscadmin.h"
#include "stream/identity.h"
#include "stream/letters.h"
#include "stream/pull_again.h"
#include "stream/refuse.h"
#include "utils/memutils.h"

typedef struct Again
{
	Letters    *records;		/* the good ones */
	int64		nrecords;
	int64		done;			/* of them, that have been dealt with */
	int64		next;			/* number of the one to be read, up to end */
	int64		end;
	LetterSource source;
	const ReaderBatch *run;
	MemoryContext context;
	int64	   *refused;		/* their numbers, ascending */
	int64		nrefused;
	int64		room;			/* for so many of them */
	int64		skipped;		/* of those: these are behind */
} Again;

/* Keeps the good records that a reader gives; the bad ones are rejected there. */
static void
keep_rows(Again *again, Reader *reader, int natts)
{
	Datum	   *values = palloc(sizeof(Datum) * natts);
	bool	   *nulls = palloc(sizeof(bool) * natts);
	MemoryContext row = AllocSetContextCreate(CurrentMemoryContext, "pinterest kept row",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row);

	while (reader_next(reader, values, nulls))
	{
		const JsonRecord *record;
		const RecordPlace *place;
		Source	   *source = reader_record(reader, &record, &place);

		letters_reject(again->records, source, record, place, NULL);
		again->nrecords++;
		MemoryContextReset(row);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(row);
}

/* Reads the source, as the scan of the batch has done. */
static void
keep_records(Again *again, const Stream *stream, const Batch *batch, BatchResult *result)
{
	Identity	identity;
	Relation	source;
	Reader	   *reader;

	identity_assume(&identity, stream->ownerid);
	source = table_open(batch->source, AccessShareLock);
	reader = reader_open(source, batch->userid, batch->attnums, &batch->reading);
	keep_rows(again, reader, RelationGetNumberOfAttributes(source));
	execute_finish(reader, result);
	reader_close(reader);
	table_close(source, NoLock);
	identity_restore(&identity);
}

/* LetterSource.next */
static bool
next_record(void *arg, Letter *letter)
{
	Again	   *again = arg;

	while (again->next < again->end && letters_next(again->records, letter))
	{
		int64		number = again->next++;

		if (again->skipped == again->nrefused || again->refused[again->skipped] != number)
			return true;
		again->skipped++;
	}
	return false;
}

/* ReaderBatch.open */
static Source *
open_records(void *arg, const SourceOps *ops)
{
	return letter_source_open(&((Again *) arg)->source, ops);
}

/* Refusable.begin */
static void
begin_records(void *arg, int64 n)
{
	Again	   *again = arg;

	letters_begin(again->records);
	again->next = again->done;
	again->end = again->done + n;
	again->skipped = again->nrefused;
}

/* Refusable.begin_rest */
static void
begin_rest(void *arg)
{
	Again	   *again = arg;

	letters_rewind(again->records);
	again->next = 0;
	again->end = again->nrecords;
	again->skipped = 0;
}

/* Refusable.pass */
static void
pass_records(void *arg, int64 n)
{
	Again	   *again = arg;

	letters_mark(again->records);
	again->done += n;
}

static void
note_refused(Again *again, int64 number)
{
	MemoryContext old = MemoryContextSwitchTo(again->context);

	if (again->nrefused == again->room)
	{
		again->room = Max(again->room * 2, 64);
		again->refused = again->refused == NULL ? palloc(again->room * sizeof(int64)) :
			repalloc_huge(again->refused, again->room * sizeof(int64));
	}
	again->refused[again->nrefused++] = number;
	MemoryContextSwitchTo(old);
}

/* Refusable.refuse */
static void
refuse_record(void *arg, const char *reason)
{
	Again	   *again = arg;
	Source	   *source = &again->source.base;
	RecordPlace place = {0};
	JsonRecord	record = {0};
	char	   *spare;

	/* what has been tried went with the batch's memory */
	begin_records(again, 1);
	again->source.context = AllocSetContextCreate(CurrentMemoryContext, "pinterest refused record",
												  ALLOCSET_DEFAULT_SIZES);
	(void) source->ops->next(source);
	record.data = source->ops->message(source, &record.len, &spare);
	if (again->run->reject != NULL)
		again->run->reject(again->run->arg, source, &record, &place, reason);
	note_refused(again, again->done);
	pass_records(again, 1);
}

void
pull_again(const Stream *stream, const Batch *batch, ErrorData *error, BatchResult *result)
{
	Again		again = {
		.records = letters_create(),
		.source = {.next = next_record},
		.run = &batch->reading,
		.context = CurrentMemoryContext
	};
	Refusable	records = {
		.begin = begin_records,
		.pass = pass_records,
		.refuse = refuse_record,
		.begin_rest = begin_rest,
		.reading = {.open = open_records, .max_records = PG_INT64_MAX, .stops = true, .arg = &again},
		.arg = &again
	};

	refuse_check(stream, batch, error, &records);
	keep_records(&again, stream, batch, result);
	if (again.nrecords == 0)
		ReThrowError(error);
	again.source.arg = &again;
	records.left = again.nrecords;
	result->rows = refuse_sift(stream, &records);
	result->rejected += again.nrefused;
	letters_end(again.records);
}
