/*-------------------------------------------------------------------------
 *
 * kinesis_headway.c
 *	  How far a shard is, and at what pace: too slow, too fast, too late.
 *
 * Kinesis API, "GetRecords": a shard gives 5 answers and 2 MB a second, to all
 * its readers together; an answer of 10 MB is paid for in the seconds after
 * it.  Who asks sooner is refused, as are readers that others have outrun.
 *
 * What has passed the stream's retention is removed, and the service does not
 * tell a reader that it has come too late: reading just goes on behind the gap.
 * So the time up to which a shard has been read is compared with the trim
 * horizon, before what comes next is believed to come next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/jitter.h"
#include "source/kinesis/kinesis.h"

#define READ_INTERVAL 200000	/* us */
#define READ_BYTES 2097152		/* a second */

/* The least a shard rests that has been asked for too much, and the most (us). */
#define THROTTLE_MIN 500000
#define THROTTLE_MAX 10000000

/* The longest rest after an answer that broke off, twice as long each time (us). */
#define BREAK_MIN 50000

/* ms that the horizon may move on until reading from there has begun */
#define HORIZON_MARGIN 60000

/* Waits without headway count up to this much at a time (us): the query may rest. */
#define MAX_FRUITLESS_STEP 10000000

void
kinesis_begin_headway(Shard *shard, const ShardMap *map)
{
	int64		oldest = Max(map->taken_at - map->retention, map->created);

	shard->reached = Max(oldest + HORIZON_MARGIN, shard->time_first);
	if (shard->read_until >= 0)
		shard->reached = shard->read_until;
}

void
kinesis_follow_headway(Shard *child, const Shard *parent)
{
	child->reached = Max(child->reached, parent->reached + HORIZON_MARGIN);
}

/* What of the shard has been removed before it was read? */
static void
report_gap(const Shard *shard, const ShardMap *map, int64 horizon)
{
	char	   *from = kinesis_time_text(shard->reached);

	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("records of shard %s may have been removed before they were read",
					shard->subject),
			 shard->last_sequence[0] != '\0' ?
			 errdetail("The stream keeps records for %lld hours. Those behind sequence number %s, which arrived from %s to %s, are older.",
					   (long long) (map->retention / 3600000), shard->last_sequence,
					   from, kinesis_time_text(horizon)) :
			 errdetail("The stream keeps records for %lld hours. Those that arrived from %s to %s are older.",
					   (long long) (map->retention / 3600000),
					   from, kinesis_time_text(horizon)),
			 errhint("Run the query again, with a condition on the time of arrival that leaves out what is about to be removed, or raise the stream's retention.")));
}

/* Has the trim horizon overtaken the shard since its last answer? */
void
kinesis_check_horizon(const Shard *shard, const ShardMap *map, int64 answered)
{
	int64		horizon = answered - map->retention;

	if (answered >= 0 && map->taken_at >= 0 && map->retention > 0 &&
		horizon > shard->reached)
		report_gap(shard, map, horizon);
}

/* Does the shard take no headway for too long? */
static void
count_fruitless(Shard *shard, bool headway)
{
	int64		now = monotonic_us();

	if (headway || shard->answered_at == 0)
		shard->fruitless = 0;
	else
		shard->fruitless += Min(now - shard->answered_at, MAX_FRUITLESS_STEP);
	shard->answered_at = now;
	if (shard->fruitless <= (int64) pinterest_shard_timeout * 1000)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("shard %s returned no records for too long", shard->subject),
			 shard->throttled > 0 ?
			 errdetail("The service has refused to give more %d times in a row.",
					   shard->throttled) :
			 errdetail("By the service's last answer it is read to %lld ms before its end.",
					   (long long) shard->behind),
			 errhint("Raise the setting \"pinterest.shard_timeout\", now %d ms. Other readers of the stream take their part of what a shard gives.",
					 pinterest_shard_timeout)));
}

/*
 * When the shard may be asked again after an answer of so many bytes: counted
 * from when it came, as the request before may have taken longer to get there
 * than the next one, which would then come too early.
 */
static void
pace(Shard *shard, int64 came_at, int64 bytes)
{
	if (pinterest_kinesis_pacing)
		shard->next_at = came_at + Max(READ_INTERVAL, bytes * 1000000 / READ_BYTES);
}

/* A rest of random length, longer each time. */
static void
rest(Shard *shard, int64 least, int64 ceiling)
{
	shard->next_at = monotonic_us() + least + jitter(ceiling);
}

void
kinesis_note_refusal(Shard *shard)
{
	int64		ceiling = Min((int64) THROTTLE_MIN << Min(shard->throttled, 5), THROTTLE_MAX);

	shard->throttled++;
	count_fruitless(shard, false);
	rest(shard, THROTTLE_MIN, ceiling);
}

void
kinesis_note_break(Shard *shard)
{
	rest(shard, 0, (int64) BREAK_MIN << Min(shard->broken, 8));
	shard->broken++;
}

/* The place behind the last record that came is none any more. */
void
kinesis_report_lost_place(const Shard *shard)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not go on reading shard %s", shard->subject),
			 errdetail("The service does not know sequence number %s any more, up to which it has been read: what lay behind it has been removed, or the stream was deleted and created anew.",
					   shard->last_sequence),
			 shard->taken[0] == '\0' ? errhint("Run the query again.") :
			 errhint("Run it again. If the error persists, say with pinterest.reset_stream() where to go on.")));
	pg_unreachable();
}

void
kinesis_note_records(Shard *shard, const KinesisReply *reply, int64 last_arrival)
{
	const ReplyValue *last = &reply->records[reply->nrecords - 1].sequence;

	kinesis_move_to(shard, last->text, last->len);
	shard->reached = Max(shard->reached, last_arrival);
	shard->broken = 0;
	count_fruitless(shard, true);
}

/* The service has told how far behind its end the shard is; with records? */
static void
note_behind(Shard *shard, const KinesisReply *reply, bool records, int64 answered)
{
	bool		headway = records || !shard->begun ||
	(reply->behind >= 0 && reply->behind < shard->behind);

	if (!records && reply->behind >= 0 && answered >= 0)
		shard->reached = Max(shard->reached, answered - reply->behind);
	shard->behind = reply->behind;
	shard->begun = true;
	shard->throttled = 0;
	shard->broken = 0;
	count_fruitless(shard, headway);
}

void
kinesis_note_event(Shard *shard, const KinesisReply *reply, int64 answered)
{
	note_behind(shard, reply, reply->nrecords > 0, answered);
}

void
kinesis_note_answer(Shard *shard, const KinesisReply *reply, int64 came_at,
					int64 answered)
{
	note_behind(shard, reply, reply->all_records > 0, answered);
	pace(shard, came_at, reply->data_len);
}

void
kinesis_note_fruitless(Shard *shard)
{
	count_fruitless(shard, false);
}
