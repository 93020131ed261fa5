/*-------------------------------------------------------------------------
 *
 * kinesis_slot.c
 *	  One request of a shard: asking, and taking what comes.
 *
 * An answer is taken apart while it comes, and its records are read meanwhile.
 * When it breaks off, the shard goes on behind the last of them, with a new
 * iterator.
 *
 * A shard ends by position or by time, never because nothing came: an empty
 * answer is normal anywhere in a shard.  It ends when the service gives no
 * further iterator (it is closed, and all of it has come); when it says that
 * nothing is behind (MillisBehindLatest 0), in an answer with room for more; or
 * when it has reached what arrived after the snapshot was taken, or what WHERE
 * excludes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/clock.h"
#include "source/kinesis/kinesis_fetch.h"
#include "utils/memutils.h"

/*
 * Kinesis API, "GetRecords": most records, and bytes, of an answer.  One that is
 * cut off for its bytes may lack the largest record that streams usually take.
 */
#define FULL_RECORDS 10000
#define FULL_BYTES (9 * 1024 * 1024)

void
kinesis_set_iterator(KinesisFetch *fetch, Shard *shard, const char *iterator)
{
	if (shard->iterator != NULL)
		pfree(shard->iterator);
	shard->iterator = iterator == NULL ? NULL :
		MemoryContextStrdup(fetch->context, iterator);
}

/* ---------- asking ---------- */

static void
ask_for_iterator(KinesisFetch *fetch, Slot *slot, Shard *shard)
{
	KinesisPosition position = kinesis_position(shard);

	kinesis_get_iterator(&slot->request, fetch->stream, shard->listed.id, &position,
						 shard->subject);
	slot->state = SLOT_ITERATOR;
	fetch->counters->control_requests++;
}

static const char *
action_of(const KinesisFetch *fetch)
{
	return fetch->consumer_arn != NULL ? "SubscribeToShard" : "GetRecords";
}

/* Has the call put what comes next behind what is not yet taken apart. */
static void
lend_room(const KinesisFetch *fetch, Slot *slot)
{
	size_t		room;
	char	   *to = kinesis_reply_room(&slot->reply, &room);

	if (to == NULL)
		kinesis_bad_answer(slot->shard->subject, action_of(fetch));
	aws_call_lend(slot->call, to, room);
	slot->lent = true;
}

static void
ask_for_records(KinesisFetch *fetch, Slot *slot, Shard *shard)
{
	if (fetch->consumer_arn != NULL)
		kinesis_subscribe_to_shard(fetch, slot, shard);
	else
		kinesis_get_records(&slot->request, fetch->stream, shard->iterator,
							fetch->buffer_size, shard->subject);
	kinesis_reply_begin(&slot->reply);
	lend_room(fetch, slot);
	slot->state = SLOT_RECORDS;
	slot->answered_at = 0;
	slot->has_events = false;
	slot->complete = false;
	slot->ended = false;
	fetch->counters->get_requests++;
}

void
kinesis_slot_send(KinesisFetch *fetch, Slot *slot, Shard *shard)
{
	slot->shard = shard;
	if (!shard->asked)
		fetch->counters->begun++;
	shard->asked = true;
	if (shard->iterator == NULL && fetch->consumer_arn == NULL)
		ask_for_iterator(fetch, slot, shard);
	else
		ask_for_records(fetch, slot, shard);
	aws_call_begin(slot->call, &slot->request.aws);
}

/* ---------- taking ---------- */

/* Has an answer broken off that may be asked for again, from where it was? */
static bool
broke_off(const Slot *slot)
{
	return slot->answered_at != 0 && aws_failure_retryable(aws_call_failure(slot->call)) &&
		(aws_call_neglected(slot->call) || slot->shard->broken < pinterest_max_retries);
}

/* Is the shard, or the consumer, asked for too much? */
static bool
is_throttled(const KinesisFetch *fetch, const char *code)
{
	return strcmp(code, "ProvisionedThroughputExceededException") == 0 ||
		(fetch->consumer_arn != NULL && kinesis_subscription_is_busy(code));
}

/* The sequence number that the request has named; NULL: none. */
static const char *
sequence_asked_for(const KinesisFetch *fetch, const Slot *slot)
{
	if (fetch->consumer_arn != NULL)
		return kinesis_subscription_position(slot->shard).sequence;
	return slot->state == SLOT_ITERATOR ? kinesis_position(slot->shard).sequence : NULL;
}

/* The request has failed for good; some failures are the way of the service. */
static Taken
take_failure(KinesisFetch *fetch, Slot *slot)
{
	Shard	   *shard = slot->shard;
	const char *code = aws_call_failure(slot->call)->code;
	const char *asked_for = sequence_asked_for(fetch, slot);
	bool		no_place = asked_for != NULL && strcmp(code, "InvalidArgumentException") == 0;
	bool		goes_on = asked_for != NULL &&
	(asked_for == shard->last_sequence || asked_for == shard->iterator);

	if (is_throttled(fetch, code))
	{
		fetch->counters->throttled++;
		kinesis_note_refusal(shard);
	}
	else if (slot->state == SLOT_RECORDS && strcmp(code, "ExpiredIteratorException") == 0)
	{
		kinesis_note_fruitless(shard);
		kinesis_set_iterator(fetch, shard, NULL);
	}
	else if (broke_off(slot))
	{
		fetch->broken++;
		kinesis_note_break(shard);
		if (fetch->consumer_arn == NULL)
			kinesis_set_iterator(fetch, shard, NULL);
	}
	else if (no_place && goes_on)
		kinesis_report_lost_place(shard);
	else if (asked_for != NULL && !goes_on &&
			 (no_place || strcmp(code, "ResourceNotFoundException") == 0))

		/* a number that WHERE names: begin elsewhere, if there is anything */
		shard->no_such_sequence = true;
	else
		aws_call_check(slot->call);
	return TAKEN_ALL;
}

static Taken
take_iterator(KinesisFetch *fetch, Slot *slot)
{
	Shard	   *shard = slot->shard;
	char	   *iterator = kinesis_iterator(aws_call_body(slot->call), shard->subject);

	kinesis_set_iterator(fetch, shard, iterator);
	pfree(iterator);
	return TAKEN_ALL;
}

bool
kinesis_is_full(int records, int64 bytes)
{
	return records >= FULL_RECORDS || bytes >= FULL_BYTES;
}

/*
 * All of the answer has come.  What it says to be behind is compared with
 * nothing: services differ in whether that is from the newest record or from now.
 */
static void
end_answer(KinesisFetch *fetch, Slot *slot, int64 answered)
{
	Shard	   *shard = slot->shard;
	const KinesisReply *reply = &slot->reply;

	kinesis_note_answer(shard, reply, slot->answered_at, answered);
	slot->complete = true;
	shard->closed = reply->next_iterator == NULL && shard->listed.end_sequence != NULL;
	if (reply->next_iterator == NULL || (reply->behind == 0 && !kinesis_is_full(reply->all_records, reply->data_len)))
		slot->ended = true;
	kinesis_set_iterator(fetch, shard, kinesis_in_gap(shard) ? NULL : reply->next_iterator);
}

void
kinesis_slot_note_records(KinesisFetch *fetch, Slot *slot)
{
	Shard	   *shard = slot->shard;
	const KinesisReply *reply = &slot->reply;
	int64		arrival = reply_time(&reply->records[reply->nrecords - 1].arrival);

	kinesis_note_records(shard, reply, arrival);
	if (arrival > Min(fetch->limit, shard->time_end) || kinesis_sequences_done(shard))
	{
		slot->ended = true;
		slot->complete = true;
	}
}

/* A part of an answer to GetRecords. */
static void
take_part(KinesisFetch *fetch, Slot *slot, size_t n, int64 answered, bool last)
{
	kinesis_check_horizon(slot->shard, fetch->map, answered);
	if (!kinesis_reply_take(&slot->reply, n, last))
		kinesis_bad_answer(slot->shard->subject, action_of(fetch));
	if (slot->reply.nrecords > 0)
		kinesis_slot_note_records(fetch, slot);
	if (last)
		end_answer(fetch, slot, answered);
}

/* Takes n bytes more apart; are they the last ones of the answer? */
static void
take_piece(KinesisFetch *fetch, Slot *slot, size_t n, bool last)
{
	KinesisReply *reply = &slot->reply;
	int64		answered = kinesis_answer_time(slot->call);
	int64		before = reply->data_len;

	if (slot->answered_at == 0)
		slot->answered_at = monotonic_us();
	if (fetch->consumer_arn != NULL)
	{
		reply->len += n;
		kinesis_take_events(fetch, slot, answered, last);
	}
	else
		take_part(fetch, slot, n, answered, last);
	fetch->counters->bytes += reply->data_len - before;
	if (slot->complete && !last)
		aws_call_abort(slot->call);
}

static Taken
take_records(KinesisFetch *fetch, Slot *slot, bool done)
{
	size_t		n = 0;

	slot->reply.nrecords = 0;
	if (!slot->complete)
	{
		if (slot->lent)
			n = aws_call_take_back(slot->call);
		if (n > 0 || done)
			take_piece(fetch, slot, n, done);
		if (n > 0)
			slot->lent = false;
	}
	if (slot->reply.nrecords > 0)
		return TAKEN_RECORDS;
	if (slot->complete)
		return slot->ended ? TAKEN_END : TAKEN_ALL;
	if (!slot->lent)
		lend_room(fetch, slot);
	return TAKEN_NOTHING;
}

Taken
kinesis_slot_take(KinesisFetch *fetch, Slot *slot)
{
	AwsCallState state = aws_call_look(slot->call);

	if (state == AWS_FAILED)
		return take_failure(fetch, slot);
	if (slot->state == SLOT_RECORDS)
		return take_records(fetch, slot, state == AWS_DONE);
	return state == AWS_DONE ? take_iterator(fetch, slot) : TAKEN_NOTHING;
}
