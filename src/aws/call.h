/*-------------------------------------------------------------------------
 *
 * call.h
 *	  The structures behind client.h, for client.c, call.c and retry.c alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AWS_CALL_H
#define PINTEREST_AWS_CALL_H

#include "postgres.h"

#include "aws/client.h"
#include "lib/ilist.h"

struct AwsService
{
	AwsServiceConfig *config;	/* a copy */
	MemoryContext context;
	HttpClient *http;
	SigV4Signer *signer;		/* NULL: without */
	dlist_head	calls;			/* AwsCall.node, every one created */
	int			in_flight;		/* calls in that state */
	int			limit;			/* requests in flight at most, now */
	int			successes;		/* since limit last grew */
	int64		halved_at;		/* us */
	int64		clock_offset;	/* seconds the service is ahead of us */
	int64		retries;
	bool		moved;			/* to another region than was configured */
	bool		plain;			/* it does not know CBOR: AwsRequest.plain */
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
	bool		taken_back;		/* stream that lends: with bytes of the answer */
	bool		head_checked;	/* of this attempt's answer */
	bool		clock_corrected;
	bool		renewed;		/* credentials were, on this call's behalf */
	const char *region;			/* this attempt was signed for */
	const AwsCredentials *keys; /* this attempt was signed with; NULL: none */
	StringInfoData lines;		/* of this attempt, see exchange.h */
	StringInfoData body;		/* not stream */
	AwsFailure	failure;
};

/* call.c */

extern void call_set_state(AwsCall *call, AwsCallState state);

/* Sends the request, or the rest of it, once more. */
extern void call_send(AwsCall *call);

/* IN_FLIGHT: takes what has come, and judges it. */
extern void call_look(AwsCall *call);

/* retry.c: each ends the attempt, and leaves the call WAITING or FAILED. */

/* For good; call->failure says why. */
extern void call_fail(AwsCall *call);

/* call->failure says what happened to this attempt. */
extern void call_attempt_failed(AwsCall *call);

/* The whole answer is there, and its status is outside 2xx. */
extern void call_refused(AwsCall *call);

#endif							/* PINTEREST_AWS_CALL_H */
