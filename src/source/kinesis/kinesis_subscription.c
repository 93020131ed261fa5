/*-------------------------------------------------------------------------
 *
 * kinesis_subscription.c
 *	  Enhanced fan-out: a consumer is sent the records of a shard as events.
 *
 * Kinesis API, SubscribeToShard.  The answer goes on for five minutes, then the
 * shard is subscribed to again, from where the last event says.  Each event is
 * like an answer to GetRecords, with a sequence number in the place of the
 * iterator.  A consumer has one subscription of a shard at a time: another one
 * takes its place, or is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/event_stream.h"
#include "net/clock.h"
#include "source/kinesis/kinesis_fetch.h"

/* A shard may be subscribed to once a second (us). */
#define SUBSCRIBE_INTERVAL 1000000

/* ms between looks at a consumer that is being registered */
#define LOOK_INTERVAL 500

/* ---------- the consumer ---------- */

/* NULL: there is none of that name. */
static KinesisConsumer *
describe_consumer(AwsService *service, AwsCall *call, KinesisRequest *request,
				  const char *stream_arn, const char *name, const char *stream)
{
	kinesis_describe_consumer(request, stream_arn, name, stream);
	if (!kinesis_ask_unless(service, call, request, "ResourceNotFoundException"))
		return NULL;
	return kinesis_consumer(aws_call_body(call), stream);
}

const char *
kinesis_consumer_arn(AwsService *service, const char *stream, const ShardMap *map,
					 const char *consumer, int64 *requests)
{
	const char *stream_arn = kinesis_is_arn(stream) ? stream : map->arn;
	int64		deadline = monotonic_us() + (int64) pinterest_shard_timeout * 1000;
	AwsCall    *call;
	KinesisRequest request;

	if (kinesis_is_arn(consumer))
		return consumer;
	if (stream_arn == NULL)
		kinesis_bad_answer(stream, "DescribeStreamSummary");
	call = kinesis_call(service);
	kinesis_request_init(&request);
	while (monotonic_us() < deadline)
	{
		KinesisConsumer *found = describe_consumer(service, call, &request, stream_arn,
												   consumer, stream);

		(*requests)++;
		if (found != NULL && strcmp(found->status, "ACTIVE") == 0)
			return found->arn;
		if (found == NULL)
		{
			/* another session may be quicker */
			kinesis_register_consumer(&request, stream_arn, consumer, stream);
			(void) kinesis_ask_unless(service, call, &request, "ResourceInUseException");
			(*requests)++;
		}
		kinesis_rest(service, LOOK_INTERVAL);
	}
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("consumer \"%s\" of stream \"%s\" did not become active in time",
					consumer, stream),
			 errhint("Raise the setting \"pinterest.shard_timeout\", now %d ms.",
					 pinterest_shard_timeout)));
	pg_unreachable();
}

/* ---------- subscribing ---------- */

KinesisPosition
kinesis_subscription_position(const Shard *shard)
{
	if (shard->iterator != NULL)
		return (KinesisPosition) {KINESIS_AFTER_SEQUENCE, shard->iterator, 0};
	return kinesis_position(shard);
}

void
kinesis_subscribe_to_shard(KinesisFetch *fetch, Slot *slot, Shard *shard)
{
	KinesisPosition position = kinesis_subscription_position(shard);

	kinesis_subscribe(&slot->request, fetch->consumer_arn, shard->listed.id, &position,
					  fetch->buffer_size, shard->subject);
	shard->next_at = monotonic_us() + SUBSCRIBE_INTERVAL;
}

/* ---------- events ---------- */

typedef enum Events
{
	EVENTS_NONE,				/* yet */
	EVENTS_COME,				/* and are taken apart */
	EVENTS_REFUSED				/* the last message is an error */
} Events;

static void
take_event(Slot *slot, const EventMessage *message)
{
	KinesisReply *reply = &slot->reply;
	int			records = reply->all_records;
	int64		bytes = reply->data_len;

	if (!kinesis_reply_take_event(reply, message->payload, message->payload_len))
		kinesis_bad_answer(slot->shard->subject, "SubscribeToShard");
	slot->full_event = kinesis_is_full(reply->all_records - records, reply->data_len - bytes);
}

/* The messages that are all there. */
static Events
take_messages(Slot *slot, EventMessage *message)
{
	KinesisReply *reply = &slot->reply;
	Events		events = EVENTS_NONE;
	int			found;

	while ((found = event_stream_next(reply->buffer + reply->at, reply->len - reply->at,
									  message)) > 0)
	{
		reply->at += message->len;
		if (message->refusal)
			return EVENTS_REFUSED;
		if (event_text_is(message->name, "SubscribeToShardEvent"))
		{
			take_event(slot, message);
			events = EVENTS_COME;
		}
	}
	if (found < 0)
		kinesis_bad_answer(slot->shard->subject, "SubscribeToShard");
	reply->enough = message->len;
	return events;
}

/*
 * The service ends the subscription with an error: raises it, unless the shard
 * may be subscribed to again.
 */
static void
take_refusal(KinesisFetch *fetch, Slot *slot, const EventMessage *message)
{
	AwsFailure	failure = {.problem = AWS_ERROR_ANSWER};
	char	   *code = pnstrdup(message->name.text, message->name.len);

	if (message->error.text != NULL)
		aws_call_clean_text(slot->call, failure.message, sizeof(failure.message),
							pnstrdup(message->error.text, message->error.len));
	else
		aws_failure_parse_body(&failure, message->payload, message->payload_len, NULL);
	aws_call_clean_text(slot->call, failure.code, sizeof(failure.code), code);
	if (!kinesis_subscription_is_busy(failure.code) && !aws_code_retryable(failure.code))
		aws_failure_report(&failure, "read", slot->shard->subject, 1);
	fetch->counters->throttled++;
	kinesis_note_refusal(slot->shard);
}

bool
kinesis_subscription_is_busy(const char *code)
{
	return strcmp(code, "ResourceInUseException") == 0 ||
		strcmp(code, "LimitExceededException") == 0;
}

/* How far the events have brought the shard. */
static void
note_events(KinesisFetch *fetch, Slot *slot, int64 now)
{
	Shard	   *shard = slot->shard;
	const KinesisReply *reply = &slot->reply;

	slot->has_events = true;
	kinesis_note_event(shard, reply, now);
	kinesis_set_iterator(fetch, shard, reply->next_iterator);
	shard->closed = reply->next_iterator == NULL && shard->listed.end_sequence != NULL;
	if (reply->next_iterator == NULL || (reply->behind == 0 && !slot->full_event))
		slot->ended = slot->complete = true;
}

void
kinesis_take_events(KinesisFetch *fetch, Slot *slot, int64 answered, bool last)
{
	Shard	   *shard = slot->shard;
	int64		now = answered < 0 ? -1 :
	answered + (monotonic_us() - slot->answered_at) / 1000;
	EventMessage message;
	Events		events;

	kinesis_check_horizon(shard, fetch->map, now);
	events = take_messages(slot, &message);
	if (slot->reply.nrecords > 0)
		kinesis_slot_note_records(fetch, slot);
	if (events == EVENTS_COME || slot->reply.nrecords > 0)
		note_events(fetch, slot, now);
	if (events == EVENTS_REFUSED && !slot->ended)
		take_refusal(fetch, slot, &message);
	else if (last && !slot->has_events)
		kinesis_note_fruitless(shard);
	slot->complete |= last || events == EVENTS_REFUSED;
}
