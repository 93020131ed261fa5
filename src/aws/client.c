/*-------------------------------------------------------------------------
 *
 * client.c
 *	  An AWS service: how many calls may be under way, and what moves them on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/call.h"
#include "net/clock.h"

int			pinterest_request_timeout = 30000;
int			pinterest_min_transfer_rate = 256;
int			pinterest_max_retries = 5;

AwsService *
aws_service_create(const AwsServiceConfig *config)
{
	AwsService *service = palloc0(sizeof(AwsService));
	AwsServiceConfig *copy = palloc(sizeof(AwsServiceConfig));

	*copy = *config;
	service->config = copy;
	service->context = CurrentMemoryContext;
	service->http = http_client(config->policy);
	if (config->credentials != NULL)
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

const char *
aws_service_region(const AwsService *service)
{
	return service->config->region;
}

int64
aws_service_retries(const AwsService *service)
{
	return service->retries;
}

static void
advance(AwsCall *call, int64 now)
{
	if (call->state == AWS_IN_FLIGHT)
		call_look(call);
	else if (call->state == AWS_WAITING && call->wake_at <= now &&
			 aws_service_has_room(call->service))
		call_send(call);
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
			now = monotonic_us();
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
	now = monotonic_us();
	dlist_foreach(iter, &service->calls)
		advance(dlist_container(AwsCall, node, iter.cur), now);
}
