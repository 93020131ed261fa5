/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Waiting for a cluster: in slices, so that it can be cancelled, and not
 *	  for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/client.h"
#include "kafka/handle.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/*
 * A call that is given up is sent anew: the first slices are short for the
 * sake of Ctrl-C, the later ones as long as a cancel may take.
 */
#define FIRST_SLICE 200
#define LAST_SLICE 900

/* After an error that comes at once. */
#define PAUSE 50

/*
 * With a cluster that has never answered and cannot be reached: long enough
 * for one that is just being started.
 */
#define UNREACHABLE_TIME 3000

static uint32
kafka_wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = wait_event_named("PinterestKafka");
	return event;
}

static void
tell(KafkaClient *client, bool waits)
{
	client->waits = waits;
	if (client->on_wait != NULL)
		client->on_wait(client->on_wait_arg);
}

KafkaWait
kafka_wait_begin(KafkaClient *client, const char *what, const char *subject)
{
	KafkaWait	wait = {client, what, subject, GetCurrentTimestamp(), FIRST_SLICE};

	tell(client, true);
	pgstat_report_wait_start(kafka_wait_event());
	return wait;
}

void
kafka_wait_end(KafkaWait *wait)
{
	pgstat_report_wait_end();
	wait->client->answered = true;
	if (wait->client->sign_in != NULL)
		kafka_sign_in_worked(wait->client->sign_in);
	tell(wait->client, false);
}

void
kafka_wait_progress(KafkaWait *wait)
{
	wait->last_progress = GetCurrentTimestamp();
	wait->slice = FIRST_SLICE;
}

static bool
has_passed(const KafkaWait *wait, int ms)
{
	return TimestampDifferenceExceeds(wait->last_progress, GetCurrentTimestamp(), ms);
}

/* Raises what librdkafka told of, if no waiting mends it. */
static void
check_client(KafkaWait *wait)
{
	KafkaClient *client = wait->client;

	kafka_address_check(client);
	switch (client->error)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			return;
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__RESOLVE:
			if (client->answered || !has_passed(wait, UNREACHABLE_TIME))
				return;
			break;
		case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
			if (client->sign_in == NULL || !kafka_sign_in_again(client->sign_in, client->rk))
				kafka_raise_stranger(client, wait->what, wait->subject);
			client->error = RD_KAFKA_RESP_ERR_NO_ERROR;
			return;
		default:
			if (kafka_error_is_transient(client->error))
				return;
			break;
	}
	kafka_raise(client->error, client->reason, wait->what, wait->subject);
}

int
kafka_wait_slice(KafkaWait *wait)
{
	CHECK_FOR_INTERRUPTS();
	if (wait->client->sign_in != NULL)
		kafka_sign_in_keep(wait->client->sign_in, wait->client->rk);
	rd_kafka_poll(wait->client->rk, 0);
	check_client(wait);
	if (has_passed(wait, pinterest_request_timeout))
		kafka_raise(RD_KAFKA_RESP_ERR__TIMED_OUT, wait->client->reason,
					wait->what, wait->subject);
	return Min(wait->slice, pinterest_request_timeout);
}

void
kafka_wait_failed(KafkaWait *wait, rd_kafka_resp_err_t err)
{
	rd_kafka_poll(wait->client->rk, 0);
	check_client(wait);
	if (!kafka_error_is_transient(err))
		kafka_raise(err, NULL, wait->what, wait->subject);
	wait->slice = Min(wait->slice * 2, LAST_SLICE);
	if (err != RD_KAFKA_RESP_ERR__TIMED_OUT)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 PAUSE, kafka_wait_event());
		ResetLatch(MyLatch);
	}
}

void
kafka_pause(int ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, kafka_wait_event());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}
