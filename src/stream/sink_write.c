/*-------------------------------------------------------------------------
 *
 * sink_write.c
 *	  The second step of a run that writes objects: writing them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "stream/pull.h"
#include "stream/sink.h"
#include "stream/sink_object.h"

typedef struct SinkWrite
{
	Pull		pull;
	List	   *objects;		/* of SinkObject */
	List	   *targets;		/* of TargetObject: the same */
	List	   *lost;			/* of char *: splits that have become others */
} SinkWrite;

/* SourceResume.wants */
static bool
wants(void *arg, const char *split)
{
	ListCell   *lc;

	foreach(lc, ((SinkWrite *) arg)->objects)
		if (strcmp(((SinkObject *) lfirst(lc))->split, split) == 0)
			return true;
	return false;
}

/* SourceResume.upto */
static int64
upto(void *arg, const char *split)
{
	const SinkWrite *write = arg;
	int64		upto = 0;
	ListCell   *lc;

	if (has_name(write->lost, split))
		return 0;
	foreach(lc, write->objects)
	{
		const SinkObject *object = lfirst(lc);

		if (strcmp(object->split, split) == 0)
			upto = Max(upto, object->last + 1);
	}
	return upto;
}

static void
tell_gap(SinkWrite *write, const SourceGap *gap, int64 first, int64 last)
{
	SourceGap	part = *gap;

	if (first > last)
		return;
	part.first = psprintf("%lld", (long long) first);
	part.last = psprintf("%lld", (long long) last);
	pull_meet_gap(write, &part);
}

/*
 * SourceResume.gap.  What an object has, that is there already, is not lost.  In a
 * topic that was made anew, the ranges mean nothing: it is for the next step 1 to
 * choose others.
 */
static void
meet_gap(void *arg, const SourceGap *gap)
{
	SinkWrite  *write = arg;
	int64		first;
	int64		last;
	ListCell   *lc;
	ListCell   *lc2;

	if (gap->last == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(write->pull.context);

		pull_meet_gap(write, gap);
		write->lost = lappend(write->lost, pstrdup(gap->split));
		MemoryContextSwitchTo(old);
		return;
	}
	first = strtoll(gap->first, NULL, 10);
	last = strtoll(gap->last, NULL, 10);
	forboth(lc, write->objects, lc2, write->targets)
	{
		const SinkObject *object = lfirst(lc);

		if (!((TargetObject *) lfirst(lc2))->exists || strcmp(object->split, gap->split) != 0 ||
			object->last < first || object->first > last)
			continue;
		tell_gap(write, gap, first, object->first - 1);
		first = object->last + 1;
	}
	tell_gap(write, gap, first, last);
}

void
sink_write(const Stream *stream, SinkRun *run, List *objects, bool is_first_try)
{
	SinkWrite	write = {.objects = objects, .targets = sink_targets(objects)};
	BatchResult result;

	if (!is_first_try)
		sink_find_objects(stream, write.targets);
	pull_begin(&write.pull, stream);
	write.pull.resume.wants = wants;
	write.pull.resume.upto = upto;
	write.pull.resume.gap = meet_gap;
	write.pull.resume.arg = &write;
	pull_execute(&write.pull, PG_INT64_MAX, write.targets, &result);
	run->rows += result.rows;
	if (write.lost != NIL)
		run->last = NIL;
	sink_forget_chosen(stream);
}
