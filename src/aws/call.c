/*-------------------------------------------------------------------------
 *
 * call.c
 *	  One signed call: sent, its answer taken, and what its owner learns of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/call.h"
#include "aws/clean_text.h"
#include "aws/exchange.h"
#include "net/clock.h"

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

void
aws_out_of_connections(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("too many connections to other servers are open"),
			 errhint("Raise max_files_per_process, or use fewer foreign tables in one query.")));
}

void
call_set_state(AwsCall *call, AwsCallState state)
{
	call->service->in_flight += (state == AWS_IN_FLIGHT) - (call->state == AWS_IN_FLIGHT);
	call->state = state;
}

void
call_send(AwsCall *call)
{
	AwsService *service = call->service;

	if (service->signer != NULL)
	{
		call->keys = credentials_get(service->config->credentials);
		sigv4_signer_use(service->signer, call->keys);
	}
	exchange_begin(service->config, service->signer, service->clock_offset,
				   call->request, call->taken, &call->lines, call->transfer);
	call->region = service->config->region;
	call->attempts++;
	call->sent_at = monotonic_us();
	call->head_checked = false;
	call_set_state(call, AWS_IN_FLIGHT);
}

void
aws_call_begin(AwsCall *call, const AwsRequest *request)
{
	aws_call_abort(call);
	call->request = call->service->plain && request->plain != NULL ? request->plain : request;
	call->attempts = 0;
	call->setbacks = 0;
	call->taken = 0;
	call->taken_back = false;
	call->clock_corrected = false;
	call->renewed = false;
	resetStringInfo(&call->body);
	call_send(call);
}

void
aws_call_abort(AwsCall *call)
{
	http_abort(call->transfer);
	call_set_state(call, AWS_IDLE);
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

	call_set_state(call, AWS_DONE);
	if (service->limit < service->config->connections &&
		++service->successes >= service->limit)
	{
		service->limit++;
		service->successes = 0;
	}
}

/*
 * Stream: has all of the object come, though the connection broke before the
 * answer said so?  There is nothing left that could be asked for.
 */
static bool
all_arrived(const AwsCall *call)
{
	return call->request->stream && call->head_checked && call->request->size >= 0 &&
		call->taken + http_received(call->transfer) == call->request->size;
}

/* The answer is whole, as far as HTTP can tell. */
static void
answer_complete(AwsCall *call)
{
	const AwsRequest *request = call->request;
	int64		total = call->taken + http_received(call->transfer);
	int			status = http_status(call->transfer);

	if (status < 200 || status > 299)
		call_refused(call);
	else if (request->stream && request->size >= 0 && total < request->size)
	{
		aws_failure_set(&call->failure, AWS_SHORT_BODY,
						"its body ended after " INT64_FORMAT " of " INT64_FORMAT " bytes",
						total, request->size);
		call_attempt_failed(call);
	}
	else if (request->error_in_200 &&
			 aws_failure_from_body(&call->failure, call->transfer, call->body.data,
								   call->body.len, call->keys))
		call_attempt_failed(call);
	else
		succeed(call);
}

void
call_look(AwsCall *call)
{
	int			status = http_status(call->transfer);

	if (!call->head_checked && status >= 200 && status <= 299)
	{
		call->head_checked = true;
		if (!exchange_head_fits(call->request, call->transfer, call->taken, &call->failure))
		{
			call_fail(call);
			return;
		}
	}
	if (call->request->stream ? !within_size(call) : !collect(call))
	{
		call_fail(call);
		return;
	}
	switch (http_state(call->transfer))
	{
		case HTTP_DONE:
			answer_complete(call);
			break;
		case HTTP_FAILED:
			if (all_arrived(call))
			{
				succeed(call);
				break;
			}
			aws_failure_from_transport(&call->failure, call->transfer);
			call_attempt_failed(call);
			break;
		default:
			break;
	}
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

void
aws_call_clean_text(const AwsCall *call, char *to, size_t room, const char *text)
{
	aws_clean_text(to, room, text, strlen(text), call->keys);
}

const char *
aws_call_header(const AwsCall *call, const char *name)
{
	return http_header(call->transfer, name);
}

AwsCallState
aws_call_look(AwsCall *call)
{
	if (call->state == AWS_IN_FLIGHT)
		call_look(call);
	return call->state;
}

size_t
aws_call_read(AwsCall *call, char *to, size_t room)
{
	(void) aws_call_look(call);
	aws_call_check(call);
	return http_read(call->transfer, to, room);
}

void
aws_call_lend(AwsCall *call, char *buffer, size_t size)
{
	http_lend(call->transfer, buffer, size);
}

size_t
aws_call_take_back(AwsCall *call)
{
	(void) aws_call_look(call);
	aws_call_check(call);

	/* what the last attempt has left is not the beginning of the next answer */
	if (call->state == AWS_WAITING ||
		(call->state != AWS_DONE && http_available(call->transfer) == 0))
		return 0;
	call->taken_back |= http_available(call->transfer) > 0;
	return http_take_back(call->transfer);
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
