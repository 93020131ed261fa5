/*-------------------------------------------------------------------------
 *
 * kafka_snapshot.c
 *	  What there is to be read when a scan begins: partitions, and ranges of
 *	  their offsets.
 *
 * Once asked for, the offsets of a partition stay what they are for the scan,
 * also when it is rewound: a join that reads it again and again sees one state.
 * The beginnings are asked for before the ends, so that a range never begins
 * behind its end.
 *
 * Kafka finds the first record at a time or later.  All records before it are
 * older, but some behind it may be so too: producers set times as they like,
 * and where the broker sets them now they may have done so before or may do so
 * later.  So a lower bound of the time narrows the offsets, and an upper one
 * does not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "kafka/topics.h"
#include "source/kafka/kafka.h"

/* A partition, and the offsets it has for this scan. */
typedef struct Partition
{
	const char *topic;
	int			number;
	bool		known;			/* are begin and end? */
	int64		begin;
	int64		end;
} Partition;

struct KafkaSnapshot
{
	int			npartitions;
	Partition  *partitions;		/* of all topics */
};

/* A partition that is wanted. */
typedef struct Candidate
{
	Partition  *partition;
	KafkaSplit *split;
	List	   *offsets;		/* sets of range.h */
	List	   *times;
} Candidate;

/* Seconds from 1970 to 2000 */
#define EPOCH_DISTANCE \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

TimestampTz
kafka_time_to_timestamp(int64 ms)
{
	int64		since_2000 = ms - EPOCH_DISTANCE * 1000;

	if (ms < 0 || since_2000 < MIN_TIMESTAMP / 1000)
		return ms < 0 ? DT_NOBEGIN : (TimestampTz) since_2000 * 1000;
	if (since_2000 >= END_TIMESTAMP / 1000)
		return DT_NOEND;
	return (TimestampTz) since_2000 * 1000;
}

/* Rounded down; those that ms cannot express are as early or late as can be. */
int64
kafka_time_of_timestamp(TimestampTz timestamp)
{
	int64		ms;

	if (TIMESTAMP_IS_NOBEGIN(timestamp))
		return 0;
	if (TIMESTAMP_IS_NOEND(timestamp))
		return PG_INT64_MAX;
	ms = timestamp / 1000 - (timestamp % 1000 < 0 ? 1 : 0);
	return Max(ms + EPOCH_DISTANCE * 1000, 0);
}

int64
kafka_split_size(const KafkaSplit *split)
{
	int64		size = 0;

	for (int i = 0; i < split->nranges; i++)
		size += split->ranges[i].end - split->ranges[i].first;
	return size;
}

KafkaSnapshot *
kafka_take_snapshot(KafkaClient *client, const char *topic)
{
	List	   *topics = kafka_topics(client, topic);
	KafkaSnapshot *snapshot = palloc0(sizeof(KafkaSnapshot));
	Partition  *partition;
	ListCell   *lc;

	if (topics == NIL)
		ereport(NOTICE, (errmsg("no topic matches \"%s\"", topic)));
	foreach(lc, topics)
		snapshot->npartitions += ((KafkaTopic *) lfirst(lc))->partitions;
	partition = snapshot->partitions = palloc0(sizeof(Partition) * Max(snapshot->npartitions, 1));
	foreach(lc, topics)
	{
		const KafkaTopic *found = lfirst(lc);

		for (int number = 0; number < found->partitions; number++, partition++)
		{
			partition->topic = found->name;
			partition->number = number;
		}
	}
	return snapshot;
}

static Candidate *
make_candidate(Partition *partition)
{
	Candidate  *candidate = palloc0(sizeof(Candidate));

	candidate->partition = partition;
	candidate->split = palloc0(sizeof(KafkaSplit));
	candidate->split->topic = partition->topic;
	candidate->split->partition = partition->number;
	candidate->offsets = ranges_all();
	candidate->times = ranges_all();
	return candidate;
}

/* The partitions that the filter wants something of. */
static List *
find_candidates(KafkaSnapshot *snapshot, const SourceFilter *filter, KafkaAsked *asked)
{
	List	   *candidates = NIL;

	for (int i = 0; i < snapshot->npartitions; i++)
	{
		Candidate  *candidate = make_candidate(&snapshot->partitions[i]);

		if (filter != NULL)
		{
			asked->topic = candidate->split->topic;
			asked->partition = candidate->split->partition;
			if (!filter->wants(filter->arg))
				continue;
			candidate->offsets = filter->ranges(filter->arg, KAFKA_ITEM_OFFSET);
			candidate->times = filter->ranges(filter->arg, KAFKA_ITEM_TIMESTAMP);
		}
		if (candidate->offsets != NIL && candidate->times != NIL)
			candidates = lappend(candidates, candidate);
	}
	return candidates;
}

/* Looks up a position for each partition. */
static KafkaPosition *
find_positions(KafkaClient *client, List *partitions, int64 what)
{
	int			n = list_length(partitions);
	KafkaPosition *positions = palloc(sizeof(KafkaPosition) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		const Partition *partition = list_nth(partitions, i);

		positions[i] = (KafkaPosition) {partition->topic, partition->number, what};
	}
	kafka_find_positions(client, positions, n);
	return positions;
}

/* Sets what the candidates' partitions hold, asking about those not asked about before. */
static void
set_offsets(KafkaClient *client, List *candidates)
{
	List	   *unknown = NIL;
	KafkaPosition *begins;
	KafkaPosition *ends;
	ListCell   *lc;

	foreach(lc, candidates)
		if (!((Candidate *) lfirst(lc))->partition->known)
			unknown = lappend(unknown, ((Candidate *) lfirst(lc))->partition);
	begins = find_positions(client, unknown, KAFKA_BEGINNING);
	ends = find_positions(client, unknown, KAFKA_END);
	foreach(lc, unknown)
	{
		Partition  *partition = lfirst(lc);

		partition->begin = begins[foreach_current_index(lc)].offset;
		partition->end = Max(partition->begin, ends[foreach_current_index(lc)].offset);
		partition->known = true;
	}
	foreach(lc, candidates)
	{
		Candidate  *candidate = lfirst(lc);

		candidate->split->begin = candidate->partition->begin;
		candidate->split->end = candidate->partition->end;
	}
}

/* The first ms of times that begin somewhere; false for others. */
static bool
has_first_time(const Candidate *candidate, int64 *ms)
{
	int64		first;
	int64		end;

	range_int64(linitial(candidate->times), &first, &end);
	*ms = first == PG_INT64_MIN ? 0 : kafka_time_of_timestamp(first);
	return *ms > 0;
}

/* Moves beginnings up to where the times that are wanted begin. */
static void
narrow_by_time(KafkaClient *client, List *candidates)
{
	int			n = 0;
	KafkaPosition *positions = palloc(sizeof(KafkaPosition) * Max(list_length(candidates), 1));
	KafkaSplit **splits = palloc(sizeof(KafkaSplit *) * Max(list_length(candidates), 1));
	ListCell   *lc;

	foreach(lc, candidates)
	{
		Candidate  *candidate = lfirst(lc);
		KafkaSplit *split = candidate->split;

		if (!has_first_time(candidate, &positions[n].offset) || split->begin == split->end)
			continue;
		positions[n].topic = split->topic;
		positions[n].partition = split->partition;
		splits[n++] = split;
	}
	kafka_find_positions(client, positions, n);
	for (int i = 0; i < n; i++)
		splits[i]->begin = positions[i].offset == KAFKA_END ? splits[i]->end :
			Max(splits[i]->begin, positions[i].offset);
}

/* What is wanted of the offsets that there are; false if nothing. */
static bool
set_ranges(Candidate *candidate)
{
	KafkaSplit *split = candidate->split;
	ListCell   *lc;

	split->ranges = palloc(sizeof(KafkaRange) * list_length(candidate->offsets));
	foreach(lc, candidate->offsets)
	{
		KafkaRange	range;

		range_int64(lfirst(lc), &range.first, &range.end);
		range.first = Max(range.first, split->begin);
		range.end = Min(range.end, split->end);
		if (range.first < range.end)
			split->ranges[split->nranges++] = range;
	}
	return split->nranges > 0;
}

List *
kafka_choose_splits(KafkaClient *client, KafkaSnapshot *snapshot,
					const SourceFilter *filter, KafkaAsked *asked)
{
	List	   *candidates = find_candidates(snapshot, filter, asked);
	List	   *splits = NIL;
	ListCell   *lc;

	set_offsets(client, candidates);
	narrow_by_time(client, candidates);
	foreach(lc, candidates)
		if (set_ranges(lfirst(lc)))
			splits = lappend(splits, ((Candidate *) lfirst(lc))->split);
	return splits;
}

List *
kafka_all_splits(KafkaClient *client, KafkaSnapshot *snapshot)
{
	List	   *candidates = find_candidates(snapshot, NULL, NULL);
	List	   *splits = NIL;
	ListCell   *lc;

	set_offsets(client, candidates);
	foreach(lc, candidates)
		splits = lappend(splits, ((Candidate *) lfirst(lc))->split);
	return splits;
}
