/*-------------------------------------------------------------------------
 *
 * kafka_reading.c
 *	  The messages of splits, and where each split ends.
 *
 * A range ends when a message at its end or behind has come, or when the broker
 * says that the partition ends there; never because nothing came.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/topics.h"
#include "source/kafka/kafka_reading.h"
#include "utils/memutils.h"

/* Partitions that are read at a time. */
#define MAX_RUNNING 64

/* A gap of so many offsets between two ranges is read and passed over. */
#define SMALL_GAP 1000

/*
 * A query may want no more than its first rows: until so many messages have
 * come, partitions are begun only while they have fewer offsets than these.
 */
#define FEW_MESSAGES 1000

struct KafkaReading
{
	MemoryContext context;
	KafkaClient *client;
	KafkaConsumer *consumer;	/* has the client */

	List	   *splits;			/* of KafkaSplit */
	int			next_split;		/* the first that has not been begun */
	List	   *running;		/* of those, the ones messages come of */
	int64		begun_offsets;	/* since kafka_reading_begin */
	int64		begun_messages;
	const KafkaEvent *event;	/* the last one given out, or NULL */

	/* in place of splits */
	const SourceSupply *supply;
	MemoryContext share_context;
	bool		supply_is_empty;
	KafkaSplit *next_share;		/* has been taken, but not begun; or NULL */

	int64		messages;
	int64		begun;			/* splits or shares */
};

/*
 * Beginning and end
 */

KafkaReading *
kafka_reading_create(KafkaClient *client)
{
	KafkaReading *reading = palloc0(sizeof(KafkaReading));

	reading->context = CurrentMemoryContext;
	reading->share_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest kafka shares",
												   ALLOCSET_SMALL_SIZES);
	reading->client = client;
	reading->consumer = kafka_consumer_create(client);
	return reading;
}

void
kafka_reading_end(KafkaReading *reading)
{
	kafka_consumer_end(reading->consumer);
}

int64
kafka_reading_messages(const KafkaReading *reading)
{
	return reading->messages;
}

int64
kafka_reading_splits(const KafkaReading *reading)
{
	return reading->begun;
}

/*
 * Ranges
 */

static void
stop_split(KafkaReading *reading, KafkaSplit *split)
{
	if (!split->running)
		return;
	kafka_consumer_stop(reading->consumer, split->topic, split->partition, split);
	split->running = false;
	reading->running = list_delete_ptr(reading->running, split);
}

static void
start_split(KafkaReading *reading, KafkaSplit *split)
{
	MemoryContext before = MemoryContextSwitchTo(reading->context);

	reading->running = lappend(reading->running, split);
	MemoryContextSwitchTo(before);
	split->running = true;
	kafka_consumer_start(reading->consumer, split->topic, split->partition,
						 split->ranges[split->at].first, split);
}

/* The next share, which is taken from the supply unless it has been; or NULL. */
static KafkaSplit *
look_at_share(KafkaReading *reading)
{
	StringInfoData packed;
	MemoryContext before;

	if (reading->next_share != NULL || reading->supply_is_empty)
		return reading->next_share;
	before = MemoryContextSwitchTo(reading->share_context);
	initStringInfo(&packed);
	reading->supply_is_empty = !reading->supply->take(reading->supply->arg, &packed);
	if (!reading->supply_is_empty)
		reading->next_share = kafka_unpack_share(&packed);
	pfree(packed.data);
	MemoryContextSwitchTo(before);
	return reading->next_share;
}

static KafkaSplit *
take_share(KafkaReading *reading)
{
	KafkaSplit *share = look_at_share(reading);

	reading->next_share = NULL;
	return share;
}

/* A split that has been read goes on with the next share, if that comes behind it. */
static void
extend_split(KafkaReading *reading, KafkaSplit *split)
{
	KafkaSplit *share = reading->supply == NULL ? NULL : look_at_share(reading);

	if (share == NULL || !kafka_is_behind(share, split))
		return;
	split->ranges = take_share(reading)->ranges;
	split->at = 0;
	reading->begun++;
}

/*
 * The current range has been read: goes on with the next.  False if what has
 * been fetched is of no use for it, since it comes again, or there is none.
 */
static bool
end_range(KafkaReading *reading, KafkaSplit *split)
{
	int64		end = split->ranges[split->at++].end;

	if (split->at == split->nranges)
		extend_split(reading, split);
	if (split->at < split->nranges && split->ranges[split->at].first - end <= SMALL_GAP)
		return true;
	stop_split(reading, split);
	if (split->at < split->nranges)
		start_split(reading, split);
	return false;
}

/* May a split be begun beside those that run? */
static bool
may_begin(const KafkaReading *reading)
{
	if (reading->running == NIL)
		return true;

	/* one share after the other, so that each process takes what it can read */
	if (reading->supply != NULL)
		return false;
	return list_length(reading->running) < MAX_RUNNING &&
		(reading->begun_offsets < FEW_MESSAGES || reading->begun_messages >= FEW_MESSAGES);
}

/* The next split to be begun; NULL if there is none, or not yet. */
static KafkaSplit *
next_split(KafkaReading *reading)
{
	if (!may_begin(reading))
		return NULL;
	if (reading->supply != NULL)
		return take_share(reading);
	if (reading->next_split == list_length(reading->splits))
		return NULL;
	return list_nth(reading->splits, reading->next_split++);
}

static void
start_splits(KafkaReading *reading)
{
	KafkaSplit *split;

	while ((split = next_split(reading)) != NULL)
	{
		reading->begun_offsets += kafka_split_size(split);
		reading->begun++;
		start_split(reading, split);
	}
}

/*
 * Ends
 */

/* Where the partition begins, or ends, now. */
static int64
look_up(KafkaReading *reading, const KafkaSplit *split, int64 what)
{
	KafkaPosition position = {split->topic, split->partition, what};

	kafka_find_positions(reading->client, &position, 1);
	return position.offset;
}

/* An offset of the snapshot does not exist any more. */
pg_noreturn static void
raise_gone(KafkaReading *reading, const KafkaSplit *split, int64 offset)
{
	int64		begin = look_up(reading, split, KAFKA_BEGINNING);
	int64		end = look_up(reading, split, KAFKA_END);

	if (begin > offset)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("records of partition %d of topic \"%s\" are gone", split->partition,
						split->topic),
				 errdetail("Offsets %lld to %lld were deleted after the scan had begun.",
						   (long long) offset, (long long) begin - 1),
				 errhint("Run the query again: it will begin with what is there then.")));
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("records of partition %d of topic \"%s\" are gone", split->partition,
					split->topic),
			 errdetail("The partition ended at offset %lld when the scan began, and ends at offset %lld now.",
					   (long long) split->end, (long long) end),
			 errhint("The topic was deleted and made anew, or brokers have lost records. Run the query again.")));
	pg_unreachable();
}

/* The broker says that the partition ends at an offset. */
static void
reach_end(KafkaReading *reading, KafkaSplit *split, int64 offset)
{
	while (split->ranges[split->at].end <= offset)
		if (!end_range(reading, split))
			return;

	/* a leader that has just become one may not know the end yet; look again */
	if (look_up(reading, split, KAFKA_END) < split->ranges[split->at].end)
		raise_gone(reading, split, offset);
}

/*
 * Messages
 */

/* Is this message one of those that are wanted?  Ends ranges that it is behind. */
static bool
take_message(KafkaReading *reading, KafkaSplit *split, const KafkaEvent *event)
{
	reading->messages++;
	reading->begun_messages++;
	while (event->offset >= split->ranges[split->at].end)
		if (!end_range(reading, split))
			return false;
	return event->offset >= split->ranges[split->at].first;
}

/* The message before was the last of its range: no need to wait for another. */
static void
finish_message(KafkaReading *reading)
{
	const KafkaEvent *event = reading->event;
	KafkaSplit *split;

	reading->event = NULL;
	if (event == NULL)
		return;
	split = event->split;
	if (split->running && event->offset + 1 >= split->ranges[split->at].end)
		(void) end_range(reading, split);
}

void
kafka_reading_begin(KafkaReading *reading, List *splits, const SourceSupply *supply)
{
	reading->splits = splits;
	reading->supply = supply;
}

void
kafka_reading_restart(KafkaReading *reading, KafkaSplit *split)
{
	reading->event = NULL;
	stop_split(reading, split);
	split->at = 0;
	if (split->nranges > 0)
		start_split(reading, split);
}

const KafkaEvent *
kafka_reading_next(KafkaReading *reading)
{
	finish_message(reading);
	for (;;)
	{
		const KafkaEvent *event;
		KafkaSplit *split;

		start_splits(reading);
		if (reading->running == NIL)
			return NULL;
		event = kafka_consumer_next(reading->consumer);
		split = event->split;
		if (event->kind == KAFKA_GONE)
			raise_gone(reading, split, event->offset);
		if (event->kind == KAFKA_AT_END)
			reach_end(reading, split, event->offset);
		else if (take_message(reading, split, event))
			return reading->event = event;
	}
}

void
kafka_reading_stop(KafkaReading *reading)
{
	while (reading->running != NIL)
		stop_split(reading, linitial(reading->running));
	MemoryContextReset(reading->share_context);
	reading->splits = NIL;
	reading->next_split = 0;
	reading->begun_offsets = 0;
	reading->begun_messages = 0;
	reading->event = NULL;
	reading->supply = NULL;
	reading->supply_is_empty = false;
	reading->next_share = NULL;
}
