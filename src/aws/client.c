/*-------------------------------------------------------------------------
 *
 * client.c
 *	  Signed calls to an AWS service, many at a time, with retries.
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

#include "aws/client.h"
#include "aws/exchange.h"
#include "lib/ilist.h"
#include "net/date.h"
#include "portability/instr_time.h"

#define BACKOFF_BASE 50			/* ms */
#define BACKOFF_CAP 20000		/* ms */
#define HEADWAY (16 * 1024)		/* bytes that make an attempt worth while */

int			pinterest_request_timeout = 30000;
int			pinterest_max_retries = 5;

struct AwsService
{
	const AwsServiceConfig *config;
	HttpClient *http;
	SigV4Signer *signer;
	dlist_head	calls;			/* AwsCall.node, every one created */
	int			in_flight;		/* calls in that state */
	int			limit;			/* requests in flight at most, now */
	int			successes;		/* since limit last grew */
	int64		halved_at;		/* us */
	int64		clock_offset;	/* seconds the service is ahead of us */
	int64		retries;
};

struct AwsCall
{
	dlist_node	node;
	AwsService *service;
	HttpTransfer *transfer;
	const AwsRequest *request;
	AwsCallState state;
	int			attempts;
	int			setbacks;		/* failed attempts since the last headway */
	int64		sent_at;		/* us */
	int64		wake_at;		/* us; WAITING until then */
	int64		taken;			/* body bytes of earlier attempts */
	bool		head_checked;	/* of this attempt's answer */
	bool		clock_corrected;
	bool		renewed;		/* credentials were, on this call's behalf */
	const AwsCredentials *keys; /* this attempt was signed with */
	StringInfoData lines;		/* of this attempt, see exchange.h */
	StringInfoData body;		/* not stream */
	AwsFailure	failure;
};

static int64
now_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

AwsService *
aws_service_create(const AwsServiceConfig *config)
{
	AwsService *service = palloc0(sizeof(AwsService));
	AwsServiceConfig *copy = palloc(sizeof(AwsServiceConfig));

	*copy = *config;
	service->config = copy;
	service->http = http_client(config->policy);
	service->signer = sigv4_signer_create(credentials_get(config->credentials),
										  config->region, config->service);
	service->limit = config->connections;
	dlist_init(&service->calls);
	return service;
}

/* A stream whose buffer is full asks nothing of the service. */
bool
aws_service_has_room(const AwsService *service)
{
	int			active = 0;
	dlist_iter	iter;

	if (service->in_flight < service->limit)
		return true;
	dlist_foreach(iter, unconstify(dlist_head *, &service->calls))
	{
		AwsCall    *call = dlist_container(AwsCall, node, iter.cur);

		if (call->state == AWS_IN_FLIGHT && !http_paused(call->transfer))
			active++;
	}
	return active < service->limit;
}

int
aws_service_in_flight(const AwsService *service)
{
	return service->in_flight;
}

void
aws_service_name_wait(AwsService *service, HttpWait wait)
{
	http_name_wait(service->http, wait);
}

int64
aws_service_retries(const AwsService *service)
{
	return service->retries;
}

AwsCall *
aws_call_create(AwsService *service)
{
	HttpTransfer *transfer = http_transfer_create(service->http);
	AwsCall    *call;

	if (transfer == NULL)
		return NULL;
	call = palloc0(sizeof(AwsCall));
	call->service = service;
	call->transfer = transfer;
	initStringInfo(&call->lines);
	initStringInfo(&call->body);
	dlist_push_tail(&service->calls, &call->node);
	return call;
}

static void
set_state(AwsCall *call, AwsCallState state)
{
	call->service->in_flight += (state == AWS_IN_FLIGHT) - (call->state == AWS_IN_FLIGHT);
	call->state = state;
}

/* ---------- sending ---------- */

/* Sends the request, or the rest of it, once more. */
static void
send_request(AwsCall *call)
{
	AwsService *service = call->service;

	call->keys = credentials_get(service->config->credentials);
	sigv4_signer_use(service->signer, call->keys);
	exchange_begin(service->config, service->signer, service->clock_offset,
				   call->request, call->taken, &call->lines, call->transfer);
	call->attempts++;
	call->sent_at = now_us();
	call->head_checked = false;
	set_state(call, AWS_IN_FLIGHT);
}

void
aws_call_begin(AwsCall *call, const AwsRequest *request)
{
	aws_call_abort(call);
	call->request = request;
	call->attempts = 0;
	call->setbacks = 0;
	call->taken = 0;
	call->clock_corrected = false;
	call->renewed = false;
	resetStringInfo(&call->body);
	send_request(call);
}

void
aws_call_abort(AwsCall *call)
{
	http_abort(call->transfer);
	set_state(call, AWS_IDLE);
}

/* ---------- failing, and trying again ---------- */

static void
fail(AwsCall *call)
{
	http_abort(call->transfer);
	set_state(call, AWS_FAILED);
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
	uint32		random = 0;
	int			wait;

	if (call->setbacks < 9)
		ceiling = Min(BACKOFF_BASE << call->setbacks, BACKOFF_CAP);
	if (!pg_strong_random(&random, sizeof(random)))
		random = (uint32) now_us();
	wait = (int) (random % (uint32) (ceiling + 1));
	return Max(wait, retry_after(call));
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
	service->halved_at = now_us();
}

static void
wait_to_retry(AwsCall *call, int wait)
{
	http_abort(call->transfer);
	resetStringInfo(&call->body);
	call->service->retries++;
	call->wake_at = now_us() + (int64) wait * 1000;
	set_state(call, AWS_WAITING);
}

/* Has it failed because nobody looked after it, and not for the service? */
static bool
neglected(const AwsCall *call)
{
	return http_rested(call->transfer) &&
		(call->failure.problem == AWS_NO_ANSWER ||
		 call->failure.problem == AWS_SHORT_BODY);
}

/* call->failure says what happened to this attempt. */
static void
attempt_failed(AwsCall *call)
{
	int64		received = http_received(call->transfer);
	bool		counts = !neglected(call);

	if (aws_failure_slow_down(&call->failure))
		slow_down(call);
	if (call->request->stream)
	{
		call->taken += received;
		if (received >= HEADWAY)
			call->setbacks = 0;
	}
	if (!aws_failure_retryable(&call->failure) ||
		(counts && call->setbacks >= pinterest_max_retries))
	{
		fail(call);
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

	if (call->renewed)
		return false;
	call->renewed = true;
	return call->keys != credentials_get(credentials) ||
		call->keys != credentials_renew(credentials);
}

/* ---------- answers ---------- */

/* Not stream: moves what has come to the body. False if it is too much. */
static bool
collect(AwsCall *call)
{
	size_t		n;

	while ((n = http_available(call->transfer)) > 0)
	{
		StringInfo	body = &call->body;

		if (body->len + n > call->request->max_body)
		{
			aws_failure_set(&call->failure, AWS_BAD_ANSWER,
							"the answer is longer than %zu bytes",
							call->request->max_body);
			return false;
		}
		enlargeStringInfo(body, n);
		body->len += http_read(call->transfer, body->data + body->len, n);
		body->data[body->len] = '\0';
	}
	return true;
}

/* Stream: false if more has come than was listed, maybe without an end. */
static bool
within_size(AwsCall *call)
{
	if (call->request->size < 0 || aws_call_received(call) <= call->request->size)
		return true;
	aws_failure_set(&call->failure, AWS_CHANGED,
					"it is longer than it was when it was listed");
	return false;
}

static void
succeed(AwsCall *call)
{
	AwsService *service = call->service;

	set_state(call, AWS_DONE);
	if (service->limit < service->config->connections &&
		++service->successes >= service->limit)
	{
		service->limit++;
		service->successes = 0;
	}
}

/* The answer is whole, as far as HTTP can tell. */
static void
answer_complete(AwsCall *call)
{
	const AwsRequest *request = call->request;
	int64		total = call->taken + http_received(call->transfer);
	int			status = http_status(call->transfer);

	if (status < 200 || status > 299)
	{
		aws_failure_from_answer(&call->failure, call->transfer, call->keys);
		if (strcmp(call->failure.code, "RequestTimeTooSkewed") == 0 && correct_clock(call))
			wait_to_retry(call, 0);
		else if (aws_failure_expired(&call->failure) && renew_keys(call))
			wait_to_retry(call, 0);
		else
			attempt_failed(call);
	}
	else if (request->stream && request->size >= 0 && total < request->size)
	{
		aws_failure_set(&call->failure, AWS_SHORT_BODY,
						"its body ended after " INT64_FORMAT " of " INT64_FORMAT " bytes",
						total, request->size);
		attempt_failed(call);
	}
	else if (request->error_in_200 &&
			 aws_failure_from_body(&call->failure, call->transfer, call->body.data,
								   call->body.len, call->keys))
		attempt_failed(call);
	else
		succeed(call);
}

static void
advance_in_flight(AwsCall *call)
{
	int			status = http_status(call->transfer);

	if (!call->head_checked && status >= 200 && status <= 299)
	{
		call->head_checked = true;
		if (!exchange_head_fits(call->request, call->transfer, call->taken, &call->failure))
		{
			fail(call);
			return;
		}
	}
	if (call->request->stream ? !within_size(call) : !collect(call))
	{
		fail(call);
		return;
	}
	switch (http_state(call->transfer))
	{
		case HTTP_DONE:
			answer_complete(call);
			break;
		case HTTP_FAILED:
			aws_failure_from_transport(&call->failure, call->transfer);
			attempt_failed(call);
			break;
		default:
			break;
	}
}

static void
advance(AwsCall *call, int64 now)
{
	if (call->state == AWS_IN_FLIGHT)
		advance_in_flight(call);
	else if (call->state == AWS_WAITING && call->wake_at <= now &&
			 aws_service_has_room(call->service))
		send_request(call);
}

/*
 * Has the pump of another service, which moves this one's transfers as well,
 * brought something that is not yet looked at?  No event will tell of it.
 */
static bool
has_news(const AwsCall *call)
{
	return call->state == AWS_IN_FLIGHT &&
		(http_state(call->transfer) != HTTP_RUNNING ||
		 (!call->request->stream && http_paused(call->transfer)));
}

/* Milliseconds until there is something to do for a call, at most timeout. */
static int
until_due(AwsService *service, int timeout)
{
	int64		now = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &service->calls)
	{
		AwsCall    *call = dlist_container(AwsCall, node, iter.cur);
		int64		wait;

		if (has_news(call))
			return 0;
		if (call->state != AWS_WAITING)
			continue;
		if (now == 0)
			now = now_us();
		wait = (call->wake_at - now + 999) / 1000;
		/* one that waits for room is woken by what gives it */
		if (wait > 0 || aws_service_has_room(service))
			timeout = (int) Min(timeout, Max(wait, 0));
	}
	return timeout;
}

void
aws_service_pump(AwsService *service, int timeout)
{
	dlist_iter	iter;
	int64		now;

	http_pump(service->http, until_due(service, timeout));
	now = now_us();
	dlist_foreach(iter, &service->calls)
		advance(dlist_container(AwsCall, node, iter.cur), now);
}

/* ---------- for the owner of a call ---------- */

AwsCallState
aws_call_state(const AwsCall *call)
{
	return call->state;
}

bool
aws_call_ready(const AwsCall *call)
{
	return call->state == AWS_DONE || call->state == AWS_FAILED ||
		(call->state == AWS_IN_FLIGHT && http_paused(call->transfer));
}

void
aws_call_check(const AwsCall *call)
{
	if (call->state == AWS_FAILED)
		aws_failure_report(&call->failure, call->request->what,
						   call->request->subject, call->attempts);
}

const AwsFailure *
aws_call_failure(const AwsCall *call)
{
	return &call->failure;
}

const char *
aws_call_header(const AwsCall *call, const char *name)
{
	return http_header(call->transfer, name);
}

size_t
aws_call_read(AwsCall *call, char *to, size_t room)
{
	/* another service's pump may have brought an answer not yet looked at */
	if (call->state == AWS_IN_FLIGHT)
		advance_in_flight(call);
	aws_call_check(call);
	return http_read(call->transfer, to, room);
}

StringInfo
aws_call_body(AwsCall *call)
{
	Assert(call->state == AWS_DONE);
	return &call->body;
}

int64
aws_call_received(const AwsCall *call)
{
	if (call->state == AWS_IN_FLIGHT || call->state == AWS_DONE)
		return call->taken + http_received(call->transfer);
	return call->taken;
}
