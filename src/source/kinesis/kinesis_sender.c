/*-------------------------------------------------------------------------
 *
 * kinesis_sender.c
 *	  Records into a stream: many requests at a time, what is refused again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "net/clock.h"
#include "source/aftermath.h"
#include "source/kinesis/kinesis.h"
#include "source/kinesis/kinesis_pace.h"
#include "source/kinesis/kinesis_queue.h"
#include "source/kinesis/kinesis_sender.h"
#include "utils/memutils.h"

/* Records that are on their way take so much memory, or no more are taken. */
#define MAX_QUEUED (32 * 1024 * 1024)

/* Answers are looked for once in so many rows. */
#define NUDGE_ROWS 64

/* ms for answers to what is under way when there is an error */
#define LAST_CHANCE 500

typedef struct Batch
{
	AwsCall    *call;
	KinesisRequest request;
	int64		sent_at;		/* us */
	QueuedRecord *records[KINESIS_PUT_RECORDS];
	int			n;				/* 0: no request is under way */
} Batch;

struct KinesisSender
{
	MemoryContext context;
	MemoryContext answer_context;
	const char *stream;
	KinesisGateway *gateway;	/* NULL: none */
	AwsService *service;
	KinesisQueue *queue;
	List	   *batches;		/* of Batch */
	bool		no_more_batches;	/* no connections for them */
	int			sending;		/* requests under way */
	KinesisPace pace;
	bool		flushing;
	bool		given_up;
	int64		delivered;
	int64		doubtful;		/* given up: what may be there */
	int64		puts;
};

int64
kinesis_sender_delivered(const KinesisSender *sender)
{
	return sender->delivered;
}

KinesisSender *
kinesis_sender_create(const SourceRequest *request, const char *stream)
{
	KinesisSender *sender = palloc0(sizeof(KinesisSender));

	sender->context = CurrentMemoryContext;
	sender->answer_context = AllocSetContextCreate(CurrentMemoryContext,
												   "pinterest put records",
												   ALLOCSET_DEFAULT_SIZES);
	sender->stream = stream;
	sender->gateway = kinesis_gateway(request);
	if (sender->gateway != NULL)
		sender->service = kinesis_gateway_service(request, sender->gateway);
	else
	{
		KinesisAccess *access = kinesis_access(request);

		kinesis_take_credentials(request, access);
		sender->service = kinesis_service(access);
	}
	sender->queue = kinesis_queue_create();
	kinesis_pace_init(&sender->pace, pinterest_kinesis_connections);
	return sender;
}

/*
 * Sending
 */

/* One with no request under way; NULL: there can be none now. */
static Batch *
free_batch(KinesisSender *sender)
{
	MemoryContext old;
	Batch	   *batch;
	ListCell   *lc;

	foreach(lc, sender->batches)
	{
		batch = lfirst(lc);
		if (batch->n == 0)
			return batch;
	}
	if (sender->no_more_batches)
		return NULL;
	old = MemoryContextSwitchTo(sender->context);
	batch = palloc0(sizeof(Batch));
	batch->call = sender->batches == NIL ? kinesis_call(sender->service) :
		aws_call_create(sender->service);
	sender->no_more_batches = batch->call == NULL;
	kinesis_request_init(&batch->request);
	if (batch->call != NULL)
		sender->batches = lappend(sender->batches, batch);
	MemoryContextSwitchTo(old);
	return batch->call == NULL ? NULL : batch;
}

/*
 * Takes what is ready.  A record larger than what every stream takes goes alone:
 * should it be refused, so is no other.
 */
static void
fill_batch(KinesisSender *sender, Batch *batch)
{
	size_t		bytes = 0;

	while (batch->n < KINESIS_PUT_RECORDS && sender->queue->nready > 0)
	{
		size_t		weight = kinesis_queue_next(sender->queue)->weight;
		bool		large = weight > KINESIS_RECORD_BYTES;

		if (batch->n > 0 && (large || bytes + weight > KINESIS_PUT_BYTES))
			break;
		bytes += weight;
		batch->records[batch->n++] = kinesis_queue_take(sender->queue);
		if (large)
			break;
	}
}

static void
send_batch(KinesisSender *sender, Batch *batch)
{
	const KinesisPut *puts[KINESIS_PUT_RECORDS];

	batch->sent_at = monotonic_us();
	for (int i = 0; i < batch->n; i++)
	{
		QueuedRecord *record = batch->records[i];

		puts[i] = &record->put;
		record->attempts++;
		if (record->sent_at == 0)
			record->sent_at = batch->sent_at;
	}
	if (sender->gateway == NULL)
		kinesis_put_records(&batch->request, sender->stream, puts, batch->n, sender->stream);
	else
		kinesis_gateway_put(&batch->request, sender->gateway, sender->stream, puts, batch->n,
							sender->stream);
	sender->sending++;
	aws_call_begin(batch->call, &batch->request.aws);
}

/*
 * Is enough ready for a request?  Else more may come, unless nothing can: at the
 * end, when the queue is full, or while others wait for what is ready.
 */
static bool
is_due(const KinesisSender *sender)
{
	const KinesisQueue *queue = sender->queue;

	if (queue->nready >= KINESIS_PUT_RECORDS || queue->ready_bytes >= KINESIS_PUT_BYTES)
		return true;
	return queue->nready > 0 &&
		(sender->flushing || queue->size >= MAX_QUEUED ||
		 (sender->sending == 0 && (queue->nwaiting > 0 || sender->pace.refusals > 0)));
}

static void
send_ready(KinesisSender *sender)
{
	while (sender->sending < sender->pace.limit && is_due(sender) &&
		   kinesis_pace_wait(&sender->pace) == 0 && aws_service_has_room(sender->service))
	{
		Batch	   *batch = free_batch(sender);

		if (batch == NULL)
			break;
		fill_batch(sender, batch);
		send_batch(sender, batch);
	}
}

/*
 * Answers
 */

/* Do others write more than the shards take? */
static bool
is_throttled(const char *code)
{
	return strcmp(code, "ProvisionedThroughputExceededException") == 0;
}

/* Shall the record, which has failed, be sent again? */
static bool
goes_again(const QueuedRecord *record, const KinesisPutResult *result)
{
	return (is_throttled(result->code) || aws_code_retryable(result->code)) &&
		monotonic_us() - record->sent_at < (int64) pinterest_shard_timeout * 1000;
}

/* "write row 7 … to", for messages that go on with the stream. */
static const char *
attempt(const Batch *batch, const QueuedRecord *record)
{
	char		key[80];

	aws_call_clean_text(batch->call, key, sizeof(key), record->put.partition_key);
	return psprintf("write row %lld of the statement, with partition key \"%s\", to stream",
					(long long) record->row, key);
}

pg_noreturn static void
report_record(const KinesisSender *sender, const Batch *batch, const QueuedRecord *record,
			  const KinesisPutResult *result)
{
	AwsFailure	failure = {.problem = AWS_ERROR_ANSWER};

	aws_call_clean_text(batch->call, failure.code, sizeof(failure.code), result->code);
	if (result->message != NULL)
		aws_call_clean_text(batch->call, failure.message, sizeof(failure.message),
							result->message);
	aws_failure_report(&failure, attempt(batch, record), sender->stream, record->attempts);
	pg_unreachable();
}

/*
 * Takes the batch's records away: what is there is forgotten, what was refused
 * goes back into the queue.  Raises the error of the first that has failed.
 */
static void
take_results(KinesisSender *sender, Batch *batch, const KinesisPutResult *results)
{
	int			n = batch->n;
	int			failed = -1;
	int			refused = 0;

	/* backwards, so that those that go back are in their order */
	for (int i = n - 1; i >= 0; i--)
	{
		if (results[i].code == NULL)
			kinesis_queue_delivered(sender->queue, batch->records[i]);
		else if (goes_again(batch->records[i], &results[i]))
		{
			kinesis_queue_give_back(sender->queue, batch->records[i]);
			refused++;
		}
		else
			failed = i;
		sender->delivered += results[i].code == NULL;
	}
	batch->n = 0;
	if (failed >= 0)
		report_record(sender, batch, batch->records[failed], &results[failed]);
	if (refused > 0)
		kinesis_pace_refusal(&sender->pace, batch->sent_at, refused < n);
	else
		kinesis_pace_success(&sender->pace);
}

static void
take_answer(KinesisSender *sender, Batch *batch, KinesisPutResult *results)
{
	AwsFailure	failure;

	if (kinesis_put_results(aws_call_body(batch->call), batch->n, results))
	{
		take_results(sender, batch, results);
		return;
	}
	aws_failure_set(&failure, AWS_BAD_ANSWER, "the service's answer is not valid for PutRecords");
	aws_failure_report(&failure, "write to stream", sender->stream, 1);
}

/* The request has failed as a whole: repetitions did not help, or are not for it. */
static void
take_failure(KinesisSender *sender, Batch *batch, KinesisPutResult *results)
{
	const AwsFailure *failure = aws_call_failure(batch->call);

	if (!is_throttled(failure->code))
	{
		if (batch->n == 1 && failure->problem == AWS_ERROR_ANSWER)
			batch->request.aws.what = attempt(batch, batch->records[0]);
		aws_call_check(batch->call);
	}
	for (int i = 0; i < batch->n; i++)
	{
		results[i].code = failure->code;
		results[i].message = failure->message;
	}
	take_results(sender, batch, results);
}

static bool
has_ended(const Batch *batch)
{
	AwsCallState state = aws_call_state(batch->call);

	return batch->n > 0 && (state == AWS_DONE || state == AWS_FAILED);
}

static void
take_answers(KinesisSender *sender)
{
	KinesisPutResult results[KINESIS_PUT_RECORDS];
	MemoryContext old = MemoryContextSwitchTo(sender->answer_context);
	ListCell   *lc;

	foreach(lc, sender->batches)
	{
		Batch	   *batch = lfirst(lc);

		if (!has_ended(batch))
			continue;
		sender->sending--;
		if (aws_call_state(batch->call) == AWS_DONE)
			take_answer(sender, batch, results);
		else
			take_failure(sender, batch, results);
		MemoryContextReset(sender->answer_context);
	}
	MemoryContextSwitchTo(old);
}

/* Moves everything on, waiting for timeout milliseconds at most. */
static void
pump(KinesisSender *sender, int timeout)
{
	aws_service_name_wait(sender->service, sender->sending > 0 ? HTTP_WAIT_ANSWER :
						  HTTP_WAIT_BACKOFF);
	aws_service_pump(sender->service, timeout);
	take_answers(sender);
	send_ready(sender);
}

/* How long to wait for something to happen (ms). */
static int
patience(const KinesisSender *sender)
{
	int			rest = kinesis_pace_wait(&sender->pace);

	return rest == 0 || sender->queue->nready == 0 ? 100 : rest;
}

void
kinesis_sender_put(KinesisSender *sender, const KinesisPut *record, int64 row, bool ordered)
{
	kinesis_queue_add(sender->queue, record, row, ordered);
	if (sender->sending > 0 && ++sender->puts % NUDGE_ROWS == 0)
		pump(sender, 0);
	else
		send_ready(sender);
	while (sender->queue->size >= MAX_QUEUED)
		pump(sender, patience(sender));
}

void
kinesis_sender_flush(KinesisSender *sender)
{
	sender->flushing = true;
	send_ready(sender);
	while (sender->queue->nready > 0 || sender->sending > 0)
		pump(sender, patience(sender));
	sender->flushing = false;
}

/*
 * After an error
 */

/* Counts what has come, and lets go of what would be sent again. */
static int64
settle(KinesisSender *sender)
{
	KinesisPutResult results[KINESIS_PUT_RECORDS];
	int64		under_way = 0;
	ListCell   *lc;

	foreach(lc, sender->batches)
	{
		Batch	   *batch = lfirst(lc);
		AwsCallState state = aws_call_state(batch->call);

		if (batch->n == 0)
			continue;
		if (state == AWS_WAITING ||
			(state == AWS_FAILED && aws_failure_undone(aws_call_failure(batch->call))))
		{
			aws_call_abort(batch->call);
			batch->n = 0;
		}
		else if (state == AWS_DONE &&
				 kinesis_put_results(aws_call_body(batch->call), batch->n, results))
		{
			for (int i = 0; i < batch->n; i++)
				sender->delivered += results[i].code == NULL;
			batch->n = 0;
		}
		else
			under_way += batch->n;
	}
	return under_way;
}

/* For aftermath. */
static void
hear(void *arg)
{
	KinesisSender *sender = arg;
	int64		until = monotonic_us() + LAST_CHANCE * 1000;

	while ((sender->doubtful = settle(sender)) > 0 && monotonic_us() < until &&
		   aws_service_in_flight(sender->service) > 0)
		aws_service_pump(sender->service, 50);
}

int64
kinesis_sender_give_up(KinesisSender *sender)
{
	if (!sender->given_up)
	{
		sender->given_up = true;
		aftermath(hear, sender);
	}
	return sender->doubtful;
}
