/*-------------------------------------------------------------------------
 *
 * replay.c
 *	  A run of a stream over its dead letters.
 *
 * The same statement runs as over the source, whose place a source of letters
 * takes: their bytes are its bodies, and what the real source knew of them it
 * reads from where letters.c wrote it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "source/s3/location.h"
#include "stream/catalog.h"
#include "stream/execute.h"
#include "stream/replay.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A letter that is still dead. */
typedef struct Failure
{
	int64		id;
	char	   *error;
} Failure;

typedef struct Replay
{
	Source		base;
	SourceOps	ops;
	int64	   *ids;			/* of the letters */
	int			nids;
	int			next;

	/* the one at hand */
	MemoryContext context;
	char	   *split;
	char	   *position;
	Jsonb	   *metadata;
	bytea	   *bytes;			/* or NULL */

	MemoryContext run_context;
	List	   *failures;
} Replay;

/*
 * The source
 */

/* Fetches the letter of that id. */
static void
fetch_letter(Replay *replay, int64 id)
{
	CatalogValue value = {Int64GetDatum(id), INT8OID, false};
	MemoryContext old;
	HeapTuple	tuple;
	TupleDesc	desc;
	bool		isnull;
	Datum		datum;

	MemoryContextReset(replay->context);
	SPI_connect();
	catalog_execute("SELECT split, position, metadata, bytes FROM pinterest._dead_letter WHERE id = $1",
					&value, 1);
	if (SPI_processed != 1)
		elog(ERROR, "dead letter %lld is gone", (long long) id);
	tuple = SPI_tuptable->vals[0];
	desc = SPI_tuptable->tupdesc;
	old = MemoryContextSwitchTo(replay->context);
	replay->split = SPI_getvalue(tuple, desc, 1);
	replay->position = SPI_getvalue(tuple, desc, 2);
	replay->metadata = DatumGetJsonbPCopy(SPI_getbinval(tuple, desc, 3, &isnull));
	datum = SPI_getbinval(tuple, desc, 4, &isnull);
	replay->bytes = isnull ? NULL : DatumGetByteaPCopy(datum);
	MemoryContextSwitchTo(old);
	SPI_finish();
}

static bool
replay_next(Source *source)
{
	Replay	   *replay = (Replay *) source;

	if (replay->next == replay->nids)
		return false;
	fetch_letter(replay, replay->ids[replay->next++]);
	return true;
}

static const char *
replay_message(Source *source, size_t *len)
{
	bytea	   *bytes = ((Replay *) source)->bytes;

	*len = bytes == NULL ? 0 : VARSIZE_ANY_EXHDR(bytes);
	return bytes == NULL ? NULL : VARDATA_ANY(bytes);
}

static int64
replay_consumed(Source *source)
{
	size_t		len = 0;

	if (((Replay *) source)->metadata != NULL)
		(void) replay_message(source, &len);
	return len;
}

static Datum
replay_metadata_value(Source *source, int number, const RecordPlace *place, bool *isnull)
{
	Replay	   *replay = (Replay *) source;
	const SourceMetadata *item = source->ops->metadata;
	JsonbValue *found;
	Oid			function;
	Oid			typioparam;

	while (item->item != number)
		item++;
	found = getKeyJsonValueFromContainer(&replay->metadata->root, item->name,
										 strlen(item->name), NULL);
	*isnull = found == NULL || found->type != jbvString;
	if (*isnull)
		return (Datum) 0;
	getTypeInputInfo(item->type, &function, &typioparam);
	return OidInputFunctionCall(function,
								pnstrdup(found->val.string.val, found->val.string.len),
								typioparam, -1);
}

/* Of the object that the record was in. */
static char *
replay_hive_value(Source *source, const char *name)
{
	JsonbContainer *metadata = &((Replay *) source)->metadata->root;
	JsonbValue *path = getKeyJsonValueFromContainer(metadata, "path", strlen("path"), NULL);

	if (path == NULL || path->type != jbvString)
		return NULL;
	return hive_value(pnstrdup(path->val.string.val, path->val.string.len), name);
}

static char *
replay_place(Source *source)
{
	Replay	   *replay = (Replay *) source;

	if (replay->metadata == NULL)
		return NULL;
	return psprintf("dead letter %lld (split \"%s\", position %s)",
					(long long) replay->ids[replay->next - 1], replay->split, replay->position);
}

static void
replay_close(Source *source)
{
}

static int
replay_counters(Source *source, SourceCounter *counters)
{
	return 0;
}

/* ReaderBatch.open */
static Source *
replay_open(void *arg, const SourceOps *ops)
{
	Replay	   *replay = arg;

	replay->ops = (SourceOps) {
		.wrapper = ops->wrapper,
		.metadata = ops->metadata,
		.next = replay_next,
		.message = replay_message,
		.consumed = replay_consumed,
		.metadata_value = replay_metadata_value,
		.hive_value = replay_hive_value,
		.place = replay_place,
		.close = replay_close,
		.counters = replay_counters,
		.subject = ops->subject,
	};
	replay->base.ops = &replay->ops;
	return &replay->base;
}

/* ReaderBatch.reject */
static void
replay_reject(void *arg, Source *source, const JsonRecord *record,
			  const RecordPlace *place, const char *message)
{
	Replay	   *replay = arg;
	MemoryContext old = MemoryContextSwitchTo(replay->run_context);
	Failure    *failure = palloc(sizeof(Failure));

	failure->id = replay->ids[replay->next - 1];
	failure->error = pstrdup(message);
	replay->failures = lappend(replay->failures, failure);
	MemoryContextSwitchTo(old);
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
	replay->context = AllocSetContextCreate(CurrentMemoryContext, "pinterest dead letter",
											ALLOCSET_DEFAULT_SIZES);
	replay->run_context = CurrentMemoryContext;
}

static void
execute(Replay *replay, const Stream *stream, BatchResult *result)
{
	Batch		batch = {
		.reading = {
			.open = replay_open,
			.max_records = PG_INT64_MAX,
			.reject = replay_reject,
			.arg = replay
		}
	};

	execute_batch(stream, &batch, result);
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
	Replay		replay = {0};
	BatchResult result = {0};

	find_letters(&replay, stream);
	if (replay.nids == 0)
		return 0;
	execute(&replay, stream, &result);
	settle_letters(&replay);
	return result.rows;
}
