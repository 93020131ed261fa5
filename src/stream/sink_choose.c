/*-------------------------------------------------------------------------
 *
 * sink_choose.c
 *	  The first step of a run that writes objects: deciding on them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "option.h"
#include "reader.h"
#include "stream/catalog.h"
#include "stream/execute.h"
#include "stream/identity.h"
#include "stream/pull.h"
#include "stream/sink.h"
#include "stream/sink_object.h"
#include "stream/tables.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A step chooses no more when it has so many offsets, or objects. */
#define MAX_OFFSETS 100000
#define MAX_OBJECTS 1000

/* A split, and how far objects have been chosen. */
typedef struct Growth
{
	const SourceBacklog *backlog;
	int64		at;
	TimestampTz since;			/* when what is there was seen first */
} Growth;

typedef struct Choice
{
	const Stream *stream;
	SinkRun    *run;
	int64		size;			/* of an object that is full */
	TimestampTz now;
	List	   *growths;
	List	   *chosen;			/* of SinkObject */
	int64		offsets;		/* that these have */
} Choice;

/*
 * What there is
 */

/* What there is to be read, a List of SourceBacklog; and how much an object has. */
static List *
look_at_source(Pull *pull, Choice *choice)
{
	const Stream *stream = pull->stream;
	ReaderBatch batch = {.resume = &pull->resume};
	Identity	identity;
	Relation	source;
	Relation	target;
	Reader	   *reader;
	List	   *backlogs;

	identity_assume(&identity, stream->ownerid);
	tables_open(stream, &source, &target);
	reader = reader_open(source, stream->ownerid, NIL, &batch);
	backlogs = reader_backlog(reader);
	reader_close(reader);
	choice->run->request = reader_request(reader);
	choice->size = option_integer(GetForeignTable(RelationGetRelid(target))->options,
								  "rows_per_object", 0);
	tables_close(source, target);
	identity_restore(&identity);
	return backlogs;
}

static SourceBacklog *
find_backlog(List *backlogs, const char *split)
{
	ListCell   *lc;

	foreach(lc, backlogs)
		if (strcmp(((SourceBacklog *) lfirst(lc))->split, split) == 0)
			return lfirst(lc);
	return NULL;
}

/*
 * A run to the present end reads no more than was there when it began; it would
 * not end otherwise where records keep coming.
 */
static void
hold_ends(SinkRun *run, List *backlogs)
{
	MemoryContext old = MemoryContextSwitchTo(run->context);
	ListCell   *lc;

	foreach(lc, backlogs)
	{
		SourceBacklog *backlog = lfirst(lc);
		SourceBacklog *end = find_backlog(run->ends, backlog->split);

		if (!run->began)
		{
			end = palloc(sizeof(SourceBacklog));
			*end = *backlog;
			end->split = pstrdup(backlog->split);
			run->ends = lappend(run->ends, end);
		}
		backlog->end = end == NULL ? backlog->next : Min(backlog->end, end->end);
	}
	run->began = true;
	MemoryContextSwitchTo(old);
}

/*
 * Positions of splits that have none yet, or that have moved over a gap; and how
 * far from the end those are that have got records.
 */
static void
save_positions(const Pull *pull, List *backlogs)
{
	List	   *positions = NIL;
	ListCell   *lc;

	foreach(lc, backlogs)
	{
		const SourceBacklog *backlog = lfirst(lc);
		const SourcePosition *known = resume_position(&pull->resume, backlog->split);
		SourcePosition *position = palloc0(sizeof(SourcePosition));
		bool		moved;

		position->split = backlog->split;
		position->position = psprintf("%lld", (long long) backlog->next);
		position->ends = psprintf("%lld", (long long) backlog->end);
		position->lag = backlog->end - backlog->next;
		position->lag_ms = backlog->lag_ms;
		moved = known == NULL || strcmp(known->position, position->position) != 0;
		if (!moved)
			position->mark = known->mark;
		if (moved || known->ends == NULL || strcmp(known->ends, position->ends) != 0)
			positions = lappend(positions, position);
	}
	catalog_save_positions(pull->stream, positions);
	pull_save_gaps(pull);
}

/*
 * Objects
 */

/* Begins with what has waited. */
static void
begin_growths(Choice *choice, List *backlogs, List *waiting)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, backlogs)
	{
		Growth	   *growth = palloc(sizeof(Growth));

		growth->backlog = lfirst(lc);
		growth->at = growth->backlog->next;
		growth->since = choice->now;
		foreach(lc2, waiting)
		{
			const SinkObject *object = lfirst(lc2);

			/* a time to come: the clock was put back since */
			if (object->first == growth->at && strcmp(object->split, growth->backlog->split) == 0)
				growth->since = Min(object->since, choice->now);
		}
		choice->growths = lappend(choice->growths, growth);
	}
}

/* The sum of time and interval could be out of range, the difference of times is not. */
static bool
has_waited(const Choice *choice, const Growth *growth)
{
	Datum		age = DirectFunctionCall2(timestamp_mi, TimestampTzGetDatum(choice->now),
										  TimestampTzGetDatum(growth->since));

	return DatumGetBool(DirectFunctionCall2(interval_ge, age,
											IntervalPGetDatum(choice->stream->rotate_interval)));
}

/* Chooses the next object of a split; false if there is none yet. */
static bool
choose_object(Choice *choice, Growth *growth)
{
	int64		size = Min(growth->backlog->end - growth->at, choice->size);
	SinkObject *object;

	if (size <= 0 ||
		(size < choice->size && !choice->run->to_end && !has_waited(choice, growth)))
		return false;
	object = palloc(sizeof(SinkObject));
	object->split = growth->backlog->split;
	object->first = growth->at;
	object->last = growth->at + size - 1;
	object->since = growth->since;
	choice->chosen = lappend(choice->chosen, object);
	choice->offsets += size;
	growth->at += size;
	growth->since = choice->now;
	return true;
}

/* One of each split, another one of each, ... so that all splits advance. */
static void
choose_objects(Choice *choice)
{
	bool		any = true;
	ListCell   *lc;

	while (any && choice->offsets < MAX_OFFSETS && list_length(choice->chosen) < MAX_OBJECTS)
	{
		any = false;
		foreach(lc, choice->growths)
			any |= choose_object(choice, lfirst(lc));
	}
}

/* What is left of each split, as an object that waits. */
static List *
left_waiting(const Choice *choice)
{
	List	   *waiting = NIL;
	ListCell   *lc;

	foreach(lc, choice->growths)
	{
		const Growth *growth = lfirst(lc);
		SinkObject *object;

		if (growth->at >= growth->backlog->end)
			continue;
		object = palloc(sizeof(SinkObject));
		object->split = growth->backlog->split;
		object->first = growth->at;
		object->last = -1;
		object->since = growth->since;
		waiting = lappend(waiting, object);
	}
	return waiting;
}

static int
compare_objects(const ListCell *a, const ListCell *b)
{
	const SinkObject *left = lfirst(a);
	const SinkObject *right = lfirst(b);
	int			order = strcmp(left->split, right->split);

	if (order != 0)
		return order;
	return left->first < right->first ? -1 : left->first > right->first;
}

/*
 * The step
 */

/* The last object that this run has chosen of a split; NULL if it has chosen none. */
static SinkObject *
find_last(const SinkRun *run, const char *split)
{
	ListCell   *lc;

	foreach(lc, run->last)
		if (strcmp(((SinkObject *) lfirst(lc))->split, split) == 0)
			return lfirst(lc);
	return NULL;
}

/*
 * The splits that nothing is known of, each from its first object on: the run has
 * not been there, or the stream was moved since.
 */
static List *
unknown_splits(const Choice *choice)
{
	List	   *splits = NIL;
	const char *at = NULL;
	ListCell   *lc;

	foreach(lc, choice->chosen)
	{
		SinkObject *object = lfirst(lc);
		const SinkObject *last;

		if (at != NULL && strcmp(at, object->split) == 0)
			continue;
		at = object->split;
		last = find_last(choice->run, at);
		if (last == NULL || last->last + 1 != object->first)
			splits = lappend(splits, object);
	}
	return splits;
}

static void
note_last(const Choice *choice)
{
	SinkRun    *run = choice->run;
	MemoryContext old = MemoryContextSwitchTo(run->context);
	ListCell   *lc;

	foreach(lc, choice->chosen)
	{
		const SinkObject *object = lfirst(lc);
		SinkObject *last = find_last(run, object->split);

		if (last == NULL)
		{
			last = palloc(sizeof(SinkObject));
			*last = *object;
			last->split = pstrdup(object->split);
			run->last = lappend(run->last, last);
		}
		last->last = object->last;
	}
	MemoryContextSwitchTo(old);
}

/* Nobody else has written what this run will write. */
static void
check_target(Choice *choice)
{
	List	   *splits = unknown_splits(choice);
	List	   *targets = sink_targets(splits);
	ListCell   *lc;

	if (splits == NIL)
		return;
	foreach(lc, targets)
		((TargetObject *) lfirst(lc))->last = PG_INT64_MAX;
	sink_find_objects(choice->stream, targets);
	foreach(lc, targets)
	{
		const TargetObject *target = lfirst(lc);

		if (target->exists)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the target of stream \"%s\" already has an object for partition %d of topic \"%s\" from offset %lld on",
							choice->stream->name, target->partition, target->topic,
							(long long) target->first),
					 errdetail("This stream has not written it, or has done so before it was reset, or before the topic was made anew."),
					 errhint("Say with pinterest.reset_stream() where to go on, remove the objects, or write into another folder.")));
	}
}

static bool
same_objects(List *a, List *b)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (list_length(a) != list_length(b))
		return false;
	forboth(lc, a, lc2, b)
		if (compare_objects(lc, lc2) != 0 ||
			((SinkObject *) lfirst(lc))->since != ((SinkObject *) lfirst(lc2))->since)
			return false;
	return true;
}

bool
sink_choose(const Stream *stream, SinkRun *run)
{
	Pull		pull = {0};
	Choice		choice = {.stream = stream, .run = run, .now = GetCurrentTimestamp()};
	int64		unused;
	List	   *backlogs;
	List	   *waiting = sink_objects(stream, false, &unused);
	List	   *left;

	execute_dry(stream);
	pull_begin(&pull, stream);
	backlogs = look_at_source(&pull, &choice);
	save_positions(&pull, backlogs);
	if (run->to_end)
		hold_ends(run, backlogs);
	begin_growths(&choice, backlogs, waiting);
	choose_objects(&choice);
	list_sort(choice.chosen, compare_objects);
	check_target(&choice);
	note_last(&choice);
	left = left_waiting(&choice);
	list_sort(left, compare_objects);
	if (choice.chosen != NIL || !same_objects(waiting, left))
		sink_save_objects(stream, left, choice.chosen, run->id);
	return choice.chosen != NIL;
}
