/*-------------------------------------------------------------------------
 *
 * retry.c
 *	  What becomes of a call whose attempt has failed.
 *
 * Retries follow "Error retries and exponential backoff in AWS" with full
 * jitter.  A stream that makes headway starts counting its retries afresh: a
 * large object over a bad line is late, not broken.  A connection that ended
 * while the query rested (a cursor nobody fetched from) does not count at all.
 *
 * When the service asks to slow down, the number of requests in flight is
 * halved, once for each volley, and grows back by one for each round of
 * successes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/call.h"
#include "aws/cbor.h"
#include "net/clock.h"
#include "net/date.h"
#include "net/jitter.h"

#define BACKOFF_BASE 50			/* ms */
#define BACKOFF_CAP 20000		/* ms */
#define HEADWAY (16 * 1024)		/* bytes that make an attempt worth while */

void
call_fail(AwsCall *call)
{
	http_abort(call->transfer);
	call_set_state(call, AWS_FAILED);
}

/*
 * "Retry-After: 120" or a date; milliseconds, 0 if there is none.  A service
 * that asks for hours is asked again after BACKOFF_CAP all the same: a query
 * that sleeps for hours helps nobody.
 */
static int
retry_after(const AwsCall *call)
{
	const char *value = http_header(call->transfer, "Retry-After");
	int64		date;
	int64		seconds;

	if (value == NULL)
		return 0;
	if (value[0] >= '0' && value[0] <= '9')
		seconds = strtol(value, NULL, 10);
	else if (http_date_parse(value, &date))
		seconds = date - (int64) time(NULL) - call->service->clock_offset;
	else
		return 0;
	return (int) Min(Max(seconds, 0), BACKOFF_CAP / 1000) * 1000;
}

/* random(0, min(cap, base * 2^n)), but not less than the service asks for. */
static int
backoff(const AwsCall *call)
{
	int			ceiling = BACKOFF_CAP;

	if (call->setbacks < 9)
		ceiling = Min(BACKOFF_BASE << call->setbacks, BACKOFF_CAP);
	return Max((int) jitter(ceiling), retry_after(call));
}

static void
slow_down(AwsCall *call)
{
	AwsService *service = call->service;

	/* requests of one volley are answered alike: count them once */
	if (call->sent_at < service->halved_at)
		return;
	service->limit = Max(service->limit / 2, 1);
	service->successes = 0;
	service->halved_at = monotonic_us();
}

static void
wait_to_retry(AwsCall *call, int wait)
{
	http_abort(call->transfer);
	resetStringInfo(&call->body);
	call->service->retries++;
	call->wake_at = monotonic_us() + (int64) wait * 1000;
	call_set_state(call, AWS_WAITING);
}

bool
aws_call_neglected(const AwsCall *call)
{
	return http_rested(call->transfer) &&
		(call->failure.problem == AWS_NO_ANSWER ||
		 call->failure.problem == AWS_SHORT_BODY);
}

void
call_attempt_failed(AwsCall *call)
{
	int64		received = http_received(call->transfer);
	bool		counts = !aws_call_neglected(call);

	if (aws_failure_slow_down(&call->failure))
		slow_down(call);
	if (call->request->stream && call->request->lends == 0)
	{
		call->taken += received;
		if (received >= HEADWAY)
			call->setbacks = 0;
	}
	if (!aws_failure_retryable(&call->failure) ||
		(call->request->once && !aws_failure_undone(&call->failure)) ||
		call->taken_back ||
		(counts && call->setbacks >= pinterest_max_retries))
	{
		call_fail(call);
		return;
	}
	wait_to_retry(call, counts ? backoff(call) : 0);
	call->setbacks += counts;
}

/* Learns the service's time from its answer; false if that cannot help. */
static bool
correct_clock(AwsCall *call)
{
	const char *date = http_header(call->transfer, "Date");
	int64		seconds;

	if (call->clock_corrected || date == NULL || !http_date_parse(date, &seconds))
		return false;
	call->clock_corrected = true;
	call->service->clock_offset = seconds - (int64) time(NULL);
	return true;
}

/*
 * The service says that the credentials have ended: once for each call, looks
 * for others.  False if there are none.  Another call may have had them renewed
 * since this one was sent.
 */
static bool
renew_keys(AwsCall *call)
{
	Credentials *credentials = call->service->config->credentials;

	if (call->renewed || credentials == NULL)
		return false;
	call->renewed = true;
	return call->keys != credentials_get(credentials) ||
		call->keys != credentials_renew(credentials);
}

/*
 * The service has what is asked for in another region: goes there, once.  Calls
 * that were under way meanwhile follow to where the first has led.
 */
static bool
follow_region(AwsCall *call)
{
	AwsService *service = call->service;
	AwsServiceConfig *config = service->config;
	const char *region = call->failure.region;
	MemoryContext old;

	if (region[0] == '\0' || !aws_failure_wrong_region(&call->failure))
		return false;
	if (service->moved)
		return call->region != config->region && strcmp(region, config->region) == 0;
	if (config->move == NULL || strcmp(region, config->region) == 0)
		return false;
	old = MemoryContextSwitchTo(service->context);
	service->moved = config->move(config->move_arg, region, config);
	if (service->moved && config->credentials != NULL)
		service->signer = sigv4_signer_create(credentials_get(config->credentials),
											  config->region, config->service);
	MemoryContextSwitchTo(old);
	if (service->moved)
		ereport(DEBUG1,
				(errmsg_internal("\"%s\" is in region \"%s\", not \"%s\"",
								 call->request->subject, config->region, call->region)));
	return service->moved;
}

/*
 * Is the signature's time the trouble?  Services other than S3 use the code of
 * bad signatures, and say it in the message ("Signature expired: … is now earlier
 * than …", "Signature not yet current: …").
 */
static bool
clock_is_off(const AwsFailure *failure)
{
	return strcmp(failure->code, "RequestTimeTooSkewed") == 0 ||
		(strcmp(failure->code, "InvalidSignatureException") == 0 &&
		 (strncmp(failure->message, "Signature expired", 17) == 0 ||
		  strncmp(failure->message, "Signature not yet", 17) == 0));
}

/*
 * Who knows CBOR refuses in CBOR what is asked in it.  Goes on in JSON if this was
 * somebody else, be it the service or what stands before it: nothing is lost by that.
 */
static bool
use_json(AwsCall *call)
{
	size_t		len;
	const char *body = http_error_body(call->transfer, &len);

	if (call->request->plain == NULL || len == 0 || cbor_is_map(body, len))
		return false;
	call->service->plain = true;
	call->request = call->request->plain;
	return true;
}

/* The service has answered with an error: does another attempt promise more? */
void
call_refused(AwsCall *call)
{
	aws_failure_from_answer(&call->failure, call->transfer, call->keys);
	if (clock_is_off(&call->failure) && correct_clock(call))
		wait_to_retry(call, 0);
	else if (aws_failure_expired(&call->failure) && renew_keys(call))
		wait_to_retry(call, 0);
	else if (follow_region(call) || use_json(call))
		wait_to_retry(call, 0);
	else
		call_attempt_failed(call);
}
