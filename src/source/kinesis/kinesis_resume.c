/*-------------------------------------------------------------------------
 *
 * kinesis_resume.c
 *	  Where a scan goes on that another has begun.
 *
 * A split is a shard.  Its position is the sequence number of the last record
 * read, or one of two words: TRIM_HORIZON where none has been read, SHARD_END
 * where nothing is left.  The mark holds two times in ms: when the stream was
 * made, by which one of the same name that was made anew is told; and until when
 * what arrived has been read.
 *
 * The service does not say what it has removed, only for how long it keeps
 * records.  So a shard that was last read to its end longer ago than that may
 * have lost some, and counts as a gap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "source/kinesis/kinesis.h"

#define TRIM_HORIZON "TRIM_HORIZON"
#define SHARD_END "SHARD_END"

/* SourcePosition.mark */
typedef struct Mark
{
	long long	created;		/* -1: there is no mark */
	long long	until;			/* -1: unknown */
} Mark;

static Mark
read_mark(const SourcePosition *position)
{
	Mark		mark = {-1, -1};

	if (position->mark == NULL ||
		sscanf(position->mark, "%lld %lld", &mark.created, &mark.until) != 2)
		mark = (Mark) {-1, -1};
	return mark;
}

static bool
is_at_end(const SourcePosition *position)
{
	return strcmp(position->position, SHARD_END) == 0;
}

static bool
is_sequence(const char *position)
{
	return *position >= '1' && *position <= '9' &&
		strspn(position, "0123456789") == strlen(position) &&
		strlen(position) < sizeof(((Shard *) 0)->taken);
}

void
kinesis_check_position(const SourcePosition *position)
{
	if (*position->split == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid split \"%s\"", position->split),
				 errhint("It is the ID of a shard.")));
	if (is_sequence(position->position) || is_at_end(position) ||
		strcmp(position->position, TRIM_HORIZON) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid position \"%s\" of split \"%s\"", position->position,
					position->split),
			 errhint("It is the sequence number of the last record read, or %s, or %s.",
					 TRIM_HORIZON, SHARD_END)));
}

/*
 * Gaps
 */

static void
report_gap(const SourceResume *resume, const SourcePosition *position, const char *reason)
{
	SourceGap	gap = {
		.split = position->split,
		.first = position->position,
		.reason = reason,
	};

	resume->gap(resume->arg, &gap);
}

/* Does the position belong to a stream that was deleted since? */
static bool
is_stale(const ShardMap *map, const SourceResume *resume, const SourcePosition *position)
{
	long long	created = read_mark(position).created;

	return created >= 0 && created != map->created &&
		resume->wants(resume->arg, position->split);
}

/* Do any? */
static bool
was_made_anew(const ShardMap *map, const SourceResume *resume)
{
	bool		anew = false;
	ListCell   *lc;

	foreach(lc, resume->positions)
	{
		if (!is_stale(map, resume, lfirst(lc)))
			continue;
		anew = true;
		report_gap(resume, lfirst(lc), "The stream was deleted and created again.");
	}
	return anew;
}

/* May something of a shard have been removed that was read until then? */
static bool
has_gap(const ShardMap *map, int64 until)
{
	return until >= 0 && map->taken_at >= 0 && map->retention > 0 &&
		map->taken_at - map->retention > until;
}

/* What of the shard may have been removed; then it is read from where it begins. */
static void
check_gap(const ShardMap *map, Shard *shard, const SourceResume *resume,
		  const char *position)
{
	SourcePosition at = {shard->listed.id, position, NULL};

	if (!has_gap(map, shard->read_until))
		return;
	report_gap(resume, &at,
			   psprintf("The stream keeps records for %lld hours; those that arrived from %s to %s may have been removed.",
						(long long) (map->retention / 3600000),
						kinesis_time_text(shard->read_until),
						kinesis_time_text(map->taken_at - map->retention)));
	shard->read_until = -1;
	shard->last_sequence[0] = '\0';
}

static bool
is_listed(const ShardMap *map, const char *id)
{
	for (int i = 0; i < map->nshards; i++)
		if (strcmp(map->shards[i].listed.id, id) == 0)
			return true;
	return false;
}

/* Is it a shard that was not read to its end, and is there no more? */
static bool
is_lost(const ShardMap *map, const SourceResume *resume, const SourcePosition *position)
{
	return !is_at_end(position) && resume->wants(resume->arg, position->split) &&
		!is_listed(map, position->split);
}

/*
 * Going on
 */

static void
resume_shard(const ShardMap *map, Shard *shard, const SourceResume *resume,
			 const SourcePosition *position)
{
	kinesis_check_position(position);
	shard->read_before = is_at_end(position);
	shard->wanted = !shard->read_before;
	if (is_sequence(position->position))
	{
		kinesis_move_to(shard, position->position, strlen(position->position));
		strlcpy(shard->taken, position->position, sizeof(shard->taken));
	}
	shard->read_until = read_mark(position).until;
	if (shard->wanted)
		check_gap(map, shard, resume, position->position);
	shard->taken_arrival = shard->read_until;
}

/* A shard that has not been read: a child's records follow those of its parents. */
static void
begin_shard(const ShardMap *map, Shard *shard, const SourceResume *resume)
{
	for (int i = 0; i < lengthof(shard->listed.parents); i++)
	{
		const char *parent = shard->listed.parents[i];
		const SourcePosition *position = parent == NULL ? NULL :
			resume_position(resume, parent);

		if (position != NULL)
			shard->read_until = Max(shard->read_until, read_mark(position).until);
	}
	check_gap(map, shard, resume, TRIM_HORIZON);
	shard->taken_arrival = shard->read_until;
	if (!TIMESTAMP_IS_NOBEGIN(resume->since))
		shard->time_first = kinesis_unix_ms(resume->since);
}

void
kinesis_resume(ShardMap *map, const SourceResume *resume)
{
	bool		anew = was_made_anew(map, resume);
	ListCell   *lc;

	foreach(lc, resume->positions)
		if (!anew && is_lost(map, resume, lfirst(lc)))
			report_gap(resume, lfirst(lc),
					   "The shard does not exist any more.");
	for (int i = 0; i < map->nshards; i++)
	{
		Shard	   *shard = &map->shards[i];
		const SourcePosition *position = anew ? NULL :
			resume_position(resume, shard->listed.id);

		shard->not_ours = !resume->wants(resume->arg, shard->listed.id);
		if (shard->not_ours)
			shard->wanted = false;
		else if (position != NULL)
			resume_shard(map, shard, resume, position);
		else if (!anew)
			begin_shard(map, shard, resume);
	}
}

/*
 * What was reached
 */

static SourcePosition *
make_position(const ShardMap *map, const char *split, const char *position, int64 until)
{
	SourcePosition *made = palloc0(sizeof(SourcePosition));

	made->split = pstrdup(split);
	made->position = pstrdup(position);
	made->mark = psprintf("%lld %lld", (long long) map->created, (long long) until);
	made->lag_ms = -1;
	if (strcmp(position, SHARD_END) == 0)
		made->lag_ms = 0;
	else if (until >= 0 && map->taken_at >= 0)
		made->lag_ms = Max(map->taken_at - until, 0);
	return made;
}

/* NULL if nothing of the shard has been read. */
static SourcePosition *
reached_shard(const ShardMap *map, const Shard *shard)
{
	bool		all = shard->last_sequence[0] == '\0' ||
	strcmp(shard->taken, shard->last_sequence) == 0;	/* that came */

	if (shard->not_ours || shard->read_before ||
		(!shard->begun && shard->taken[0] == '\0'))
		return NULL;
	if (shard->closed && all)
		return make_position(map, shard->listed.id, SHARD_END, shard->reached);
	return make_position(map, shard->listed.id,
						 shard->taken[0] == '\0' ? TRIM_HORIZON : shard->taken,
						 all ? shard->reached : shard->taken_arrival);
}

/*
 * What takes the place of a position that was a gap, unless its shard has been
 * read; NULL for others.  Otherwise the gap would be met again.
 */
static SourcePosition *
replaced_position(const ShardMap *map, const SourceResume *resume,
				  const SourcePosition *position)
{
	if (is_stale(map, resume, position) && is_listed(map, position->split))
		return make_position(map, position->split, TRIM_HORIZON, -1);
	if (is_stale(map, resume, position) || is_lost(map, resume, position))
		return make_position(map, position->split, SHARD_END, -1);
	return NULL;
}

static bool
has_position(List *positions, const char *split)
{
	SourceResume reached = {.positions = positions};

	return resume_position(&reached, split) != NULL;
}

List *
kinesis_reached(const ShardMap *map, const SourceResume *resume)
{
	List	   *positions = NIL;
	ListCell   *lc;

	for (int i = 0; i < map->nshards; i++)
	{
		SourcePosition *position = reached_shard(map, &map->shards[i]);

		if (position != NULL)
			positions = lappend(positions, position);
	}

	foreach(lc, resume->positions)
	{
		const SourcePosition *before = lfirst(lc);
		SourcePosition *position = replaced_position(map, resume, before);

		if (position != NULL && !has_position(positions, before->split))
			positions = lappend(positions, position);
	}
	return positions;
}
