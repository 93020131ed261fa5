/*-------------------------------------------------------------------------
 *
 * pull.c
 *	  A run of a stream, from its positions on.
 *
 *	  pinterest._stream ──── lock, positions            as the tables' owner
 *	        │
 *	  INSERT INTO target SELECT ... FROM source         as the stream's owner
 *	        │        execute.c; its scan of the source is the batch's (batch.h):
 *	        │        the source resumes at the positions (source/position.h)
 *	        │        good records ── rows of the query ── target, with triggers,
 *	        │                        defaults, row security, partitions
 *	        │        bad records ─── letters.c
 *	        │        refused by the query or the target: undone, then pull_again.c
 *	        │
 *	  pinterest._stream_position, _dead_letter, _stream_gap, _stream
 *	        │                                           as the tables' owner
 *	     COMMIT, of whoever has begun the transaction
 *
 * All of it is one transaction, so each record counts once: whatever undoes the
 * rows (an error, ROLLBACK, a crash) undoes the positions with them, and the next
 * run reads the same records again.  The lock of the stream's row lasts as long as
 * the transaction, so that no other run begins at positions that may not stay.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/source.h"
#include "stream/catalog.h"
#include "stream/execute.h"
#include "stream/letters.h"
#include "stream/pull.h"
#include "stream/pull_again.h"
#include "stream/refuse.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* SourceResume.wants */
static bool
wants(void *arg, const char *split)
{
	return share_has(&((Pull *) arg)->share, split);
}

/* SourceResume.upto */
static int64
upto(void *arg, const char *split)
{
	ListCell   *lc;

	foreach(lc, ((Pull *) arg)->ends)
	{
		const SourcePosition *position = lfirst(lc);

		if (strcmp(position->split, split) == 0)
			return strtoll(position->ends, NULL, 10);
	}
	return 0;
}

static char *
copy_text(const char *text)
{
	return text == NULL ? NULL : pstrdup(text);
}

/* An error, or a warning if the stream skips gaps. */
static void
tell_gap(const Stream *stream, const SourceGap *gap)
{
	char	   *range = gap->last == NULL ? psprintf("Records from position %s on are gone.", gap->first) :
	psprintf("Positions %s to %s are gone.", gap->first, gap->last);

	ereport(stream->skips_gaps ? WARNING : ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("records of split \"%s\" are gone before stream \"%s\" has read them",
					gap->split, stream->name),
			 errdetail("%s %s", range, gap->reason),
			 stream->skips_gaps ? 0 :
			 errhint("Say with pinterest.reset_stream() where to go on; a stream with on_gap 'skip' goes on with what is there.")));
}

void
pull_meet_gap(void *arg, const SourceGap *gap)
{
	Pull	   *pull = arg;
	SourceGap  *copy;
	MemoryContext old;

	if (!pull->stream->skips_gaps)
		tell_gap(pull->stream, gap);
	old = MemoryContextSwitchTo(pull->context);
	copy = palloc(sizeof(SourceGap));
	copy->split = pstrdup(gap->split);
	copy->first = pstrdup(gap->first);
	copy->last = copy_text(gap->last);
	copy->reason = pstrdup(gap->reason);
	pull->gaps = lappend(pull->gaps, copy);
	MemoryContextSwitchTo(old);
}

void
pull_save_gaps(const Pull *pull)
{
	ListCell   *lc;

	foreach(lc, pull->gaps)
		tell_gap(pull->stream, lfirst(lc));
	catalog_save_gaps(pull->stream, pull->gaps);
}

/*
 * Looking
 */

/* SourceResume.gap */
static void
see_gap(void *arg, const SourceGap *gap)
{
	((Pull *) arg)->sees_gap = true;
}

/* Source.on_wait: reading the catalogs has taken a snapshot. */
static void
drop_snapshot(void *arg)
{
	InvalidateCatalogSnapshotConditionally();
}

bool
pull_look(const Stream *stream, List *positions, const SourceRequest *request)
{
	Pull		pull = {.stream = stream};
	Source	   *source = source_of_server(request->serverid)->open(request);
	bool		found;

	share_read(&pull.share, stream->splits);
	pull.resume = (SourceResume) {
		.positions = positions, .since = stream->since, .wants = wants, .gap = see_gap,
		.arg = &pull
	};
	source->on_wait = drop_snapshot;
	source->ops->positions->resume(source, &pull.resume);
	found = source->ops->next(source);
	source->ops->close(source);
	return found || pull.sees_gap;
}

/*
 * Runs
 */

void
pull_try(const Stream *stream)
{
	Share		share;

	share_read(&share, stream->splits);
	execute_dry(stream);
}

static void
execute(Pull *pull, Letters *letters, int64 max_records, List *objects, BatchResult *result)
{
	const Stream *stream = pull->stream;
	Batch		batch = {
		.reading = {
			.resume = &pull->resume,
			.max_records = max_records,
			.wants_value = objects != NIL,
			.stops = stream->on_error == STREAM_STOP,
			.reject = stream->on_error == STREAM_DEAD_LETTER ? letters_reject : NULL,
			.arg = letters
		},
		.objects = objects
	};
	ErrorData  *error;

	/* what has been written of objects cannot be undone to try less of it */
	if (stream->on_error == STREAM_STOP || objects != NIL)
	{
		execute_batch(stream, &batch, result);
		return;
	}
	error = refuse_try(stream, &batch, result,
					   AllocSetContextCreate(CurrentMemoryContext, "pinterest batch",
											 ALLOCSET_DEFAULT_SIZES));
	if (error == NULL)
		return;
	pull->gaps = NIL;
	letters_clear(letters);
	pull_again(stream, &batch, error, result);
}

static void
tell_rejected(const Stream *stream, int64 rejected)
{
	if (rejected == 0)
		return;
	ereport(NOTICE,
			(errmsg_plural("%lld bad record of stream \"%s\"", "%lld bad records of stream \"%s\"",
						   (unsigned long) rejected, (long long) rejected, stream->name),
			 stream->on_error == STREAM_IGNORE ?
			 errdetail_plural("It was skipped.", "They were skipped.", (unsigned long) rejected) :
			 errdetail_plural("It is in pinterest.dead_letter.", "They are in pinterest.dead_letter.",
							  (unsigned long) rejected)));
}

void
pull_begin(Pull *pull, const Stream *stream)
{
	pull->stream = stream;
	pull->context = CurrentMemoryContext;
	share_read(&pull->share, stream->splits);
	pull->resume.positions = catalog_positions(stream);
	pull->resume.since = stream->since;
	pull->resume.wants = wants;
	pull->resume.gap = pull_meet_gap;
	pull->resume.arg = pull;
}

void
pull_execute(Pull *pull, int64 max_records, List *objects, BatchResult *result)
{
	const Stream *stream = pull->stream;
	Letters    *letters = letters_create();

	execute(pull, letters, max_records, objects, result);
	catalog_save_positions(stream, result->positions);
	pull_save_gaps(pull);
	letters_save(letters, stream);
	letters_end(letters);
	catalog_count_run(stream, result);
	tell_rejected(stream, result->rejected);
}

void
pull_run(const Stream *stream, int64 max_records, List *ends, BatchResult *result)
{
	Pull		pull = {.ends = ends};

	pull_begin(&pull, stream);
	if (ends != NIL)
		pull.resume.upto = upto;
	pull_execute(&pull, max_records, NIL, result);
}
