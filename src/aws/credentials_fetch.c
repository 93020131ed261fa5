/*-------------------------------------------------------------------------
 *
 * credentials_fetch.c
 *	  One exchange with a service that hands out credentials.
 *
 * Such services are asked once an hour, so nothing is kept between exchanges
 * but libcurl's connections.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/clean_text.h"
#include "aws/credentials_find.h"
#include "aws/error.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#define PAUSE 300				/* ms between two tries */
#define MAX_BODY (64 * 1024)

static void
pause_between(void)
{
	TimestampTz start = GetCurrentTimestamp();
	long		left;

	while ((left = PAUSE - TimestampDifferenceMilliseconds(start, GetCurrentTimestamp())) > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 left, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/* Takes what has come; false if it is too much. */
static bool
collect(HttpTransfer *transfer, StringInfo body)
{
	size_t		n;

	while ((n = http_available(transfer)) > 0)
	{
		if (body->len + n > MAX_BODY)
			return false;
		enlargeStringInfo(body, n);
		body->len += http_read(transfer, body->data + body->len, n);
		body->data[body->len] = '\0';
	}
	return true;
}

/* One try.  False, and the problem set, if no answer came. */
static bool
exchange(CredentialFetch *fetch, HttpClient *client, HttpTransfer *transfer)
{
	size_t		len;
	const char *error_body;

	resetStringInfo(&fetch->body);
	http_begin(transfer, &fetch->http);
	while (http_state(transfer) == HTTP_RUNNING)
	{
		http_pump(client, 100);
		if (!collect(transfer, &fetch->body))
		{
			http_abort(transfer);
			fetch->problem = psprintf("the answer is longer than %d bytes", MAX_BODY);
			return false;
		}
	}
	if (http_state(transfer) != HTTP_DONE)
	{
		const char *text = http_failure_text(transfer);
		char		clean[256];

		aws_clean_text(clean, sizeof(clean), text, strlen(text), NULL);
		fetch->problem = pstrdup(clean);
		return false;
	}
	fetch->status = http_status(transfer);
	error_body = http_error_body(transfer, &len);
	if (fetch->status < 200 || fetch->status > 299)
		appendBinaryStringInfo(&fetch->body, error_body, len);
	return true;
}

bool
credentials_fetch(CredentialFetch *fetch)
{
	HttpClient *client = http_client(fetch->policy);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pinterest credentials exchange",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	HttpTransfer *transfer = http_transfer_create(client);
	bool		answered = false;

	MemoryContextSwitchTo(old);
	initStringInfo(&fetch->body);
	fetch->status = 0;
	if (transfer == NULL)
		fetch->problem = pstrdup("too many connections to other servers are open");
	for (int try = 0; transfer != NULL && try < fetch->tries; try++)
	{
		HttpFailure failure;

		if (try > 0)
			pause_between();
		answered = exchange(fetch, client, transfer);
		failure = http_failure(transfer);
		if (answered ? fetch->status != 429 && fetch->status < 500 :
			failure != HTTP_NO_CONNECTION && failure != HTTP_STALLED && failure != HTTP_BROKEN)
			break;
	}
	MemoryContextDelete(context);
	return answered;
}

char *
credentials_answer(const CredentialFetch *fetch, const AwsCredentials *secrets)
{
	AwsFailure *failure = palloc0(sizeof(AwsFailure));

	aws_failure_parse_body(failure, fetch->body.data, fetch->body.len, secrets);
	if (failure->code[0] == '\0' && failure->message[0] == '\0')
		return psprintf("HTTP status %d", fetch->status);
	if (failure->code[0] == '\0')
		return psprintf("HTTP status %d, \"%s\"", fetch->status, failure->message);
	if (failure->message[0] == '\0')
		return psprintf("HTTP status %d, %s", fetch->status, failure->code);
	return psprintf("HTTP status %d, %s, \"%s\"", fetch->status, failure->code,
					failure->message);
}
