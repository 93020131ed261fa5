/*-------------------------------------------------------------------------
 *
 * sink.c
 *	  Runs of streams that write objects.
 *
 * An object cannot be rolled back.  So what it will hold is decided, and committed,
 * before it is written:
 *
 *	  1  choose		where does each partition end?  Chooses ranges of offsets, each
 *					to be an object; saves them.  COMMIT
 *	  2  write		INSERT INTO target SELECT ... FROM source, of these ranges.
 *					Saves positions, dead letters, gaps; forgets the ranges.  COMMIT
 *
 * A range is at most as long as an object may have records.  A shorter one is
 * chosen when its first record was seen long enough ago; until then the object
 * waits.
 *
 * Whatever ends a run between the two commits, the next one finds the ranges and
 * begins with step 2.  Objects appear as a whole, and their names tell their
 * offsets, so it is seen which of them are there: their records are read again,
 * for the bad ones among them, and passed over.  All others are written now.  If
 * records of theirs are gone from the source meanwhile, that is a gap.
 *
 * That an object is there proves that a run of this stream has written it, since
 * there was none when the range was chosen.  This is looked at in step 1, once for
 * each partition in a run, for all offsets to come, and again if the stream was
 * moved meanwhile: after that nobody but the run adds any.  Somebody who does so all
 * the same is found out by the upload, which replaces no object.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "stream/identity.h"
#include "stream/sink.h"
#include "stream/sink_object.h"
#include "stream/tables.h"
#include "writer.h"

void
sink_run_begin(SinkRun *run, bool to_end)
{
	memset(run, 0, sizeof(SinkRun));
	run->to_end = to_end;
	run->context = CurrentMemoryContext;
	if (!pg_strong_random(&run->id, sizeof(run->id)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
}

void
sink_find_objects(const Stream *stream, List *targets)
{
	Identity	identity;
	Relation	source;
	Relation	target;

	identity_assume(&identity, stream->ownerid);
	tables_open(stream, &source, &target);
	writer_find_objects(target, stream->ownerid, targets);
	tables_close(source, target);
	identity_restore(&identity);
}

bool
sink_step(const Stream *stream, SinkRun *run)
{
	int64		id;
	List	   *objects = sink_objects(stream, true, &id);

	run->request = NULL;
	if (objects == NIL)
		return sink_choose(stream, run);
	sink_write(stream, run, objects, id == run->id);
	return true;
}
