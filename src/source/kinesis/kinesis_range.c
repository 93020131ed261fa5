/*-------------------------------------------------------------------------
 *
 * kinesis_range.c
 *	  What of a shard is wanted: by sequence number, and by time of arrival.
 *
 * Sequence numbers ascend within a shard, and have more digits than any integer
 * of the machine: they are compared as digits.  Times of arrival ascend only
 * more or less, so that their bounds are taken with a margin.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "source/kinesis/kinesis.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * ms by which times of arrival may be out of order, and by which services
 * may round the time that is asked for
 */
#define TIME_MARGIN 2000

/* "0" to "9" and more digits, none of them leading zeros */
static int
compare_digits(const char *a, size_t a_len, const char *b)
{
	size_t		b_len = strlen(b);

	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(a, b, a_len);
}

/*
 * A bound as digits, NULL for none; false if nothing lies on its inner side.
 * One that is not whole lies between two numbers: it becomes the lower of them.
 */
static bool
take_bound(const RangeBound *bound, bool is_low, char **digits, bool *inclusive)
{
	char	   *text;
	char	   *point;
	bool		below;			/* all sequence numbers, or else above them */

	*digits = NULL;
	*inclusive = bound->inclusive;
	if (bound->infinite)
		return true;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, bound->value));
	below = text[0] == '-';
	if (below || text[0] < '0' || text[0] > '9')	/* or NaN, or Infinity */
		return below == is_low;
	point = strchr(text, '.');
	if (point != NULL)
	{
		if (strspn(point + 1, "0") != strlen(point + 1))
			*inclusive = !is_low;
		*point = '\0';
	}
	*digits = text;
	return true;
}

/*
 * Leaves out ranges in which no number of the shard can lie.  There are services
 * that say 2^63 - 1 where a closed shard ends: that is not believed.
 */
static bool
meets_shard(const SequenceRange *range, const KinesisShard *shard)
{
	const char *start = shard->start_sequence;
	const char *end = shard->end_sequence;

	if (range->high != NULL && compare_digits(range->high, strlen(range->high), start) < 0)
		return false;
	return range->low == NULL || end == NULL ||
		compare_digits(end, strlen(end), start) < 0 ||
		compare_digits(range->low, strlen(range->low), end) <= 0;
}

/* False if no sequence number is wanted. */
static bool
confine_sequences(Shard *shard, List *ranges)
{
	ListCell   *lc;

	shard->sequences = palloc(sizeof(SequenceRange) * Max(list_length(ranges), 1));
	shard->nsequences = 0;
	shard->sequence_at = 0;
	foreach(lc, ranges)
	{
		const SourceRange *from = lfirst(lc);
		SequenceRange *range = &shard->sequences[shard->nsequences];

		if (take_bound(&from->low, true, &range->low, &range->low_inclusive) &&
			take_bound(&from->high, false, &range->high, &range->high_inclusive) &&
			meets_shard(range, &shard->listed))
			shard->nsequences++;
	}
	return shard->nsequences > 0;
}

int64
kinesis_unix_ms(int64 timestamp)
{
	const int64 shift = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000;

	return (timestamp < 0 ? timestamp - 999 : timestamp) / 1000 + shift;
}

/* False if no time is wanted. */
static bool
confine_times(Shard *shard, List *ranges)
{
	int64		first;
	int64		end;
	int64		ignored;

	if (ranges == NIL)
		return false;
	range_int64(linitial(ranges), &first, &ignored);
	range_int64(llast(ranges), &ignored, &end);
	shard->time_first = first == PG_INT64_MIN ? 0 : Max(kinesis_unix_ms(first) - TIME_MARGIN, 0);
	shard->time_end = end == PG_INT64_MAX ? PG_INT64_MAX : kinesis_unix_ms(end) + TIME_MARGIN;
	return shard->time_end > 0;
}

void
kinesis_confine(Shard *shard, const SourceFilter *filter)
{
	shard->wanted = filter->wants(filter->arg) &&
		confine_sequences(shard, filter->ranges(filter->arg, KINESIS_ITEM_SEQUENCE)) &&
		confine_times(shard, filter->ranges(filter->arg, KINESIS_ITEM_ARRIVAL));
}

TimestampTz
kinesis_timestamp(int64 ms)
{
	return (ms - kinesis_unix_ms(0)) * 1000;
}

char *
kinesis_time_text(int64 ms)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out,
											   TimestampTzGetDatum(kinesis_timestamp(ms))));
}

KinesisPosition
kinesis_position(const Shard *shard)
{
	KinesisPosition position = {KINESIS_TRIM_HORIZON, NULL, 0};
	const SequenceRange *range = shard->nsequences == 0 ? NULL :
		&shard->sequences[shard->sequence_at];

	if (shard->last_sequence[0] != '\0' && !kinesis_in_gap(shard))
	{
		position.kind = KINESIS_AFTER_SEQUENCE;
		position.sequence = shard->last_sequence;
	}
	else if (range != NULL && range->low != NULL && !shard->no_such_sequence &&
			 compare_digits(range->low, strlen(range->low), shard->listed.start_sequence) >= 0)
	{
		position.kind = range->low_inclusive ? KINESIS_AT_SEQUENCE : KINESIS_AFTER_SEQUENCE;
		position.sequence = range->low;
	}
	else if (shard->last_sequence[0] != '\0')
	{
		position.kind = KINESIS_AFTER_SEQUENCE;
		position.sequence = shard->last_sequence;
	}
	else if (shard->time_first > 0)
	{
		position.kind = KINESIS_AT_TIME;
		position.time = shard->time_first;
	}
	return position;
}

/* Is the number before the range, in it, or behind it? */
static int
compare_range(const char *sequence, size_t len, const SequenceRange *range)
{
	int			low = range->low == NULL ? 1 : compare_digits(sequence, len, range->low);
	int			high = range->high == NULL ? -1 : compare_digits(sequence, len, range->high);

	if (low < 0 || (low == 0 && !range->low_inclusive))
		return -1;
	return high > 0 || (high == 0 && !range->high_inclusive) ? 1 : 0;
}

/* The range that is not behind this number, from *at on: is it in that? */
static bool
seek(const Shard *shard, int *at, const char *sequence, size_t len)
{
	while (*at < shard->nsequences)
	{
		int			side = compare_range(sequence, len, &shard->sequences[*at]);

		if (side <= 0)
			return side == 0;
		(*at)++;
	}
	return shard->nsequences == 0;
}

bool
kinesis_wants_sequence(Shard *shard, const char *sequence, size_t len)
{
	return seek(shard, &shard->handed_at, sequence, len);
}

bool
kinesis_take_next(Shard *shard, const ReplyRecord *record)
{
	const ReplyValue *sequence = &record->sequence;

	if (shard->taken[0] != '\0' &&
		compare_digits(sequence->text, sequence->len, shard->taken) <= 0)
		return false;
	memcpy(shard->taken, sequence->text, sequence->len);
	shard->taken[sequence->len] = '\0';
	shard->taken_arrival = reply_time(&record->arrival);
	return true;
}

void
kinesis_move_to(Shard *shard, const char *sequence, size_t len)
{
	memcpy(shard->last_sequence, sequence, len);
	shard->last_sequence[len] = '\0';
	while (shard->sequence_at < shard->nsequences)
	{
		const char *high = shard->sequences[shard->sequence_at].high;

		if (high == NULL || compare_digits(sequence, len, high) < 0)
			break;
		shard->sequence_at++;
	}
}

bool
kinesis_sequences_done(const Shard *shard)
{
	return shard->nsequences > 0 && shard->sequence_at == shard->nsequences;
}

bool
kinesis_in_gap(const Shard *shard)
{
	return shard->nsequences > 0 && shard->sequence_at < shard->nsequences &&
		shard->last_sequence[0] != '\0' &&
		compare_range(shard->last_sequence, strlen(shard->last_sequence),
					  &shard->sequences[shard->sequence_at]) < 0;
}
