/*-------------------------------------------------------------------------
 *
 * kafka_position.c
 *	  Positions of streams in topics.
 *
 * Offsets alone do not tell a topic from one of the same name that was made after
 * it was deleted.  So reading begins with the last record read before, if it is
 * still there, and that must be the same as then.
 *
 * A partition that appears when others of its topic have been read was added
 * since: its records count from offset 0, so that none is missed by a stream that
 * looks again only after the first have been deleted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/topics.h"
#include "port/pg_crc32c.h"
#include "source/kafka/kafka_position.h"
#include "utils/timestamp.h"

/* How often, and after how many ms, an end is looked at again that is too early. */
#define END_LOOKS 6
#define END_PAUSE 500

/* What the resumption of all splits shares. */
typedef struct Resumption
{
	const SourceResume *resume;
	KafkaClient *client;
	List	   *fresh;			/* of KafkaSplit: they begin at a time */
} Resumption;

static char *
name_split(const KafkaSplit *split)
{
	return psprintf("%s/%d", split->topic, split->partition);
}

/*
 * Marks
 */

static KafkaMark
mark_message(const KafkaEvent *event)
{
	KafkaMark	mark = {.offset = event->offset, .time = event->time};
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, event->key, event->key_len);
	COMP_CRC32C(crc, event->value, event->len);
	FIN_CRC32C(crc);
	mark.checksum = crc;
	return mark;
}

static char *
write_mark(const KafkaMark *mark)
{
	if (mark->offset < 0)
		return NULL;
	return psprintf("%lld %lld %08x", (long long) mark->offset, (long long) mark->time,
					mark->checksum);
}

static KafkaMark
read_mark(const char *text)
{
	long long	offset;
	long long	time;
	KafkaMark	mark = {.offset = -1};

	if (text != NULL && sscanf(text, "%lld %lld %x", &offset, &time, &mark.checksum) == 3)
	{
		mark.offset = offset;
		mark.time = time;
	}
	return mark;
}

/*
 * Resuming
 */

static int64
read_offset(const SourcePosition *position)
{
	const char *text = position->position;
	char	   *end;
	int64		offset;

	errno = 0;
	offset = strtoll(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid position \"%s\" of split \"%s\"", text, position->split),
				 errhint("It is the offset of the record that comes next.")));
	return offset;
}

void
kafka_check_position(const SourcePosition *position)
{
	const char *slash = strrchr(position->split, '/');

	if (slash == NULL || slash == position->split || slash[1] == '\0' ||
		strspn(slash + 1, "0123456789") != strlen(slash + 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid split \"%s\"", position->split),
				 errhint("It is the name of a topic and the number of a partition, such as \"orders/0\".")));
	(void) read_offset(position);
}

static void
report_gap(const SourceResume *resume, const KafkaSplit *split, int64 first,
		   int64 last, char *reason)
{
	SourceGap	gap = {
		.split = name_split(split),
		.first = psprintf("%lld", (long long) first),
		.last = last < 0 ? NULL : psprintf("%lld", (long long) last),
		.reason = reason,
	};

	resume->gap(resume->arg, &gap);
}

/*
 * Does the partition end before the offset, and not only because its leader has
 * just become one and does not know yet how far others were?
 */
static bool
ends_before(KafkaClient *client, KafkaSplit *split, int64 offset)
{
	KafkaPosition end = {split->topic, split->partition, KAFKA_END};

	for (int look = 0; look < END_LOOKS && split->end < offset; look++)
	{
		kafka_pause(END_PAUSE);
		end.offset = KAFKA_END;
		kafka_find_positions(client, &end, 1);
		split->end = end.offset;
	}
	return split->end < offset;
}

/* Where a split goes on that has been read up to an offset. */
static void
resume_split(Resumption *resumption, KafkaSplit *split, const SourcePosition *position)
{
	const SourceResume *resume = resumption->resume;
	int64		next = read_offset(position);

	if (next < split->begin)
		report_gap(resume, split, next, split->begin - 1,
				   psprintf("The partition begins at offset %lld now: older records were deleted.",
							(long long) split->begin));
	else if (ends_before(resumption->client, split, next))
		report_gap(resume, split, next, -1,
				   psprintf("The partition ends at offset %lld now: the topic was deleted and made anew, or brokers have lost records.",
							(long long) split->end));
	else
	{
		split->next = next;
		split->mark = read_mark(position->mark);
	}
}

/* Has any partition of the topic been read? */
static bool
topic_is_known(const SourceResume *resume, const char *topic)
{
	size_t		len = strlen(topic);
	ListCell   *lc;

	foreach(lc, resume->positions)
	{
		const char *split = ((const SourcePosition *) lfirst(lc))->split;

		if (strncmp(split, topic, len) == 0 && strrchr(split, '/') == split + len)
			return true;
	}
	return false;
}

/* Where a split begins that has not been read before. */
static void
begin_split(Resumption *resumption, KafkaSplit *split)
{
	const SourceResume *resume = resumption->resume;

	if (topic_is_known(resume, split->topic))
	{
		if (split->begin > 0)
			report_gap(resume, split, 0, split->begin - 1,
					   "The partition was added to the topic, and its first records were deleted before they were read.");
	}
	else if (!TIMESTAMP_IS_NOBEGIN(resume->since))
		resumption->fresh = lappend(resumption->fresh, split);
}

/* Moves beginnings up to the first record of the time or later. */
static void
begin_at_time(Resumption *resumption)
{
	int			n = list_length(resumption->fresh);
	KafkaPosition *positions = palloc(sizeof(KafkaPosition) * Max(n, 1));
	int64		time = kafka_time_of_timestamp(resumption->resume->since);

	for (int i = 0; i < n; i++)
	{
		const KafkaSplit *split = list_nth(resumption->fresh, i);

		positions[i] = (KafkaPosition) {split->topic, split->partition, time};
	}
	kafka_find_positions(resumption->client, positions, n);
	for (int i = 0; i < n; i++)
	{
		KafkaSplit *split = list_nth(resumption->fresh, i);

		split->next = positions[i].offset == KAFKA_END ? split->end :
			Max(split->begin, Min(positions[i].offset, split->end));
	}
}

/*
 * What is to be read: the last record again, if it is there, and all behind, as
 * far as it is wanted.
 */
static void
set_range(KafkaSplit *split, const SourceResume *resume)
{
	int64		first = split->next;
	int64		end = split->end;

	if (split->mark.offset >= split->begin && split->mark.offset < first)
		first = split->mark.offset;
	if (resume->upto != NULL)
		end = Min(end, resume->upto(resume->arg, name_split(split)));
	split->ranges[0] = (KafkaRange) {first, end};
	split->nranges = split->next < end ? 1 : 0;
}

List *
kafka_resume(KafkaClient *client, KafkaSnapshot *snapshot, const SourceResume *resume)
{
	Resumption	resumption = {.resume = resume, .client = client};
	List	   *splits = NIL;
	ListCell   *lc;

	foreach(lc, kafka_all_splits(client, snapshot))
	{
		KafkaSplit *split = lfirst(lc);
		char	   *name = name_split(split);
		const SourcePosition *position = resume_position(resume, name);

		if (!resume->wants(resume->arg, name))
			continue;
		split->ranges = palloc(sizeof(KafkaRange));
		split->next = split->begin;
		split->mark.offset = -1;
		if (position != NULL)
			resume_split(&resumption, split, position);
		else
			begin_split(&resumption, split);
		splits = lappend(splits, split);
	}
	begin_at_time(&resumption);
	foreach(lc, splits)
		set_range(lfirst(lc), resume);
	return splits;
}

/*
 * Reading
 */

KafkaTake
kafka_take(KafkaSplit *split, const KafkaEvent *event, const SourceResume *resume)
{
	KafkaMark	mark = mark_message(event);

	if (event->offset >= split->next)
	{
		split->next = event->offset + 1;
		split->mark = mark;
		return KAFKA_TAKE;
	}
	if (mark.offset != split->mark.offset ||
		(mark.time == split->mark.time && mark.checksum == split->mark.checksum))
		return KAFKA_PASS;
	report_gap(resume, split, split->next, -1,
			   psprintf("The record at offset %lld is not the one that was read there: the topic was deleted and made anew.",
						(long long) mark.offset));
	split->next = split->begin;
	split->mark.offset = -1;
	set_range(split, resume);
	return KAFKA_RESTART;
}

/* How far the last record read is from now, where there is one behind it. */
static int64
lag_ms(const KafkaSplit *split, int64 next)
{
	if (next >= split->end)
		return 0;
	if (split->mark.offset < 0 || split->mark.time < 0)
		return -1;
	return Max(kafka_time_of_timestamp(GetCurrentTimestamp()) - split->mark.time, 0);
}

List *
kafka_reached(List *splits)
{
	List	   *positions = NIL;
	ListCell   *lc;

	foreach(lc, splits)
	{
		const KafkaSplit *split = lfirst(lc);
		SourcePosition *position = palloc0(sizeof(SourcePosition));
		int64		next = split->next;

		/* what comes behind the last record is no record: of a transaction, say */
		if (split->nranges > 0 && split->at == split->nranges)
			next = Max(next, split->ranges[0].end);
		position->split = name_split(split);
		position->position = psprintf("%lld", (long long) next);
		position->mark = write_mark(&split->mark);
		position->ends = psprintf("%lld", (long long) split->end);
		position->lag = Max(split->end - next, 0);
		position->lag_ms = lag_ms(split, next);
		positions = lappend(positions, position);
	}
	return positions;
}

List *
kafka_backlog(List *splits)
{
	List	   *backlogs = NIL;
	ListCell   *lc;

	foreach(lc, splits)
	{
		const KafkaSplit *split = lfirst(lc);
		SourceBacklog *backlog = palloc(sizeof(SourceBacklog));

		backlog->split = name_split(split);
		backlog->next = split->next;
		backlog->end = split->end;
		backlog->lag_ms = lag_ms(split, split->next);
		backlogs = lappend(backlogs, backlog);
	}
	return backlogs;
}

void
kafka_locate(const KafkaEvent *event, SourcePosition *position)
{
	position->split = name_split(event->split);
	position->position = psprintf("%lld", (long long) event->offset);
	position->mark = NULL;
}
