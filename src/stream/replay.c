/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  A run of a stream over its dead letters.
 *
 * The same statement runs as over the source, whose place the letters take.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "stream/catalog.h"
#include "stream/execute.h"
#include "stream/letter_source.h"
#include "stream/refuse.h"
#include "stream/replay.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* A letter that is still dead. */
typedef struct Failure
{
	int64		id;
	char	   *error;
} Failure;

typedef struct Replay
{
	LetterSource source;
	int64	   *ids;			/* of the letters */
	int			nids;
	int			done;			/* of them: these have been dealt with */
	int			next;			/* to be read, up to end */
	int			end;
	int			settled;		/* failures of those that are done */
	int			skipped;		/* of those: these are behind */
	MemoryContext context;
	List	   *failures;
} Replay;

/*
 * The source
 */

/* LetterSource.next */
static bool
next_letter(void *arg, Letter *letter)
{
	Replay	   *replay = arg;
	MemoryContext context = CurrentMemoryContext;
	CatalogValue value;
	HeapTuple	tuple;
	TupleDesc	desc;
	MemoryContext old;
	bool		isnull;
	Datum		bytes;

	while (replay->skipped < replay->settled && replay->next < replay->end &&
		   ((Failure *) list_nth(replay->failures, replay->skipped))->id == replay->ids[replay->next])
	{
		replay->skipped++;
		replay->next++;
	}
	if (replay->next == replay->end)
		return false;
	letter->id = replay->ids[replay->next++];
	value = (CatalogValue) {Int64GetDatum(letter->id), INT8OID, false};
	SPI_connect();
	catalog_execute("SELECT split, position, metadata, bytes FROM pinterest._dead_letter WHERE id = $1",
					&value, 1);
	if (SPI_processed != 1)
		elog(ERROR, "dead letter %lld is gone", (long long) letter->id);
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	old = MemoryContextSwitchTo(context);
	letter->split = SPI_getvalue(tuple, desc, 1);
	letter->position = SPI_getvalue(tuple, desc, 2);
	letter->metadata = SPI_getvalue(tuple, desc, 3);
	bytes = SPI_getbinval(tuple, desc, 4, &isnull);
	letter->bytes = isnull ? NULL : DatumGetByteaPCopy(bytes);
	MemoryContextSwitchTo(old);
	SPI_finish();
	return true;
}

/* ReaderBatch.open */
static Source *
open_letters(void *arg, const SourceOps *ops)
{
	return letter_source_open(&((Replay *) arg)->source, ops);
}

static void
add_failure(Replay *replay, int64 id, const char *error)
{
	MemoryContext old = MemoryContextSwitchTo(replay->context);
	Failure    *failure = palloc(sizeof(Failure));

	failure->id = id;
	failure->error = pstrdup(error);
	replay->failures = lappend(replay->failures, failure);
	MemoryContextSwitchTo(old);
}

/* ReaderBatch.reject */
static void
reject_letter(void *arg, Source *source, const JsonRecord *record,
			  const RecordPlace *place, const char *message)
{
	Replay	   *replay = arg;

	add_failure(replay, replay->ids[replay->next - 1], message);
}

/* Refusable.begin */
static void
begin_letters(void *arg, int64 n)
{
	Replay	   *replay = arg;

	replay->next = replay->done;
	replay->end = replay->done + n;
	replay->skipped = replay->settled;
	/* those of a try that came to nothing */
	replay->failures = list_truncate(replay->failures, replay->settled);
}

/* Refusable.begin_rest */
static void
begin_rest(void *arg)
{
	Replay	   *replay = arg;

	replay->next = 0;
	replay->end = replay->nids;
	replay->skipped = 0;
}

/* Refusable.pass */
static void
pass_letters(void *arg, int64 n)
{
	Replay	   *replay = arg;

	replay->done += n;
	replay->settled = list_length(replay->failures);
}

/* Refusable.refuse */
static void
refuse_letter(void *arg, const char *reason)
{
	Replay	   *replay = arg;

	add_failure(replay, replay->ids[replay->done], reason);
	pass_letters(arg, 1);
}

/*
 * The run
 */

static void
find_letters(Replay *replay, const Stream *stream)
{
	CatalogValue name = catalog_text(stream->name);
	bool		isnull;

	catalog_execute("SELECT id FROM pinterest._dead_letter WHERE stream = $1 ORDER BY id FOR UPDATE",
					&name, 1);
	replay->nids = SPI_processed;
	replay->ids = palloc(sizeof(int64) * Max(replay->nids, 1));
	for (int i = 0; i < replay->nids; i++)
		replay->ids[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i],
													 SPI_tuptable->tupdesc, 1, &isnull));
}

/* How many rows the target was given. */
static int64
execute(Replay *replay, const Stream *stream)
{
	Refusable	letters = {
		.left = replay->nids,
		.begin = begin_letters,
		.pass = pass_letters,
		.refuse = refuse_letter,
		.begin_rest = begin_rest,
		.reading = {
			.open = open_letters,
			.max_records = PG_INT64_MAX,
			.reject = reject_letter,
			.arg = replay
		},
		.arg = replay
	};
	Batch		batch = {.reading = letters.reading};
	BatchResult result = {0};
	ErrorData  *error;

	begin_letters(replay, replay->nids);
	error = refuse_try(stream, &batch, &result,
					   AllocSetContextCreate(CurrentMemoryContext, "pinterest batch",
											 ALLOCSET_DEFAULT_SIZES));
	if (error == NULL)
		return result.rows;
	refuse_check(stream, &batch, error, &letters);
	return refuse_sift(stream, &letters);
}

/* Drops the letters that are dead no more, and says of the others why they are. */
static void
settle_letters(Replay *replay)
{
	ListCell   *failed = list_head(replay->failures);

	for (int i = 0; i < replay->nids; i++)
	{
		const Failure *failure = failed == NULL ? NULL : lfirst(failed);
		CatalogValue values[2] = {{Int64GetDatum(replay->ids[i]), INT8OID, false}};

		if (failure == NULL || failure->id != replay->ids[i])
		{
			catalog_execute("DELETE FROM pinterest._dead_letter WHERE id = $1", values, 1);
			continue;
		}
		values[1] = catalog_text(failure->error);
		catalog_execute("UPDATE pinterest._dead_letter SET error = $2 WHERE id = $1 AND error <> $2",
						values, 2);
		failed = lnext(replay->failures, failed);
	}
}

int64
replay_run(const Stream *stream)
{
	Replay		replay = {.source = {.next = next_letter}, .context = CurrentMemoryContext};
	int64		rows;

	replay.source.arg = &replay;
	find_letters(&replay, stream);
	if (replay.nids == 0)
		return 0;
	rows = execute(&replay, stream);
	settle_letters(&replay);
	return rows;
}
