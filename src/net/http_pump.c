/*-------------------------------------------------------------------------
 *
 * http_pump.c
 *	  Waits for transfers, moves them on, and finds out how they ended.
 *
 * Stalls are measured on the client's own clock, which runs only inside
 * http_pump: a query that rests (a cursor nobody fetches from) has not waited
 * for the server, and must not blame it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "net/http_internal.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"

#define PUMP_SLICE 100			/* ms; bounds the delay of a cancel */
#define STALL_CHECK_INTERVAL 100000 /* us */
#define REST 1000000			/* us; unattended for longer, others lose patience */

static HttpFailure
classify(const HttpTransfer *transfer)
{
	switch (transfer->code)
	{
		case CURLE_OK:
			return HTTP_NO_FAILURE;
		case CURLE_COULDNT_CONNECT:
			return transfer->refused ? HTTP_REFUSED_ADDRESS : HTTP_NO_CONNECTION;
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_SSL_CONNECT_ERROR:
			return HTTP_NO_CONNECTION;
		case CURLE_OPERATION_TIMEDOUT:	/* only the connection has a limit */
			return HTTP_NO_CONNECTION;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			return HTTP_TLS_CERTIFICATE;
		case CURLE_URL_MALFORMAT:
		case CURLE_BAD_FUNCTION_ARGUMENT:
		case CURLE_OUT_OF_MEMORY:
		case CURLE_NOT_BUILT_IN:
			return HTTP_BAD_REQUEST;
		default:
			return HTTP_BROKEN;
	}
}

void
http_finish(HttpTransfer *transfer, CURLcode code)
{
	/* http_on_body has had enough of an error's body */
	if (code == CURLE_WRITE_ERROR && transfer->headers_complete && !http_successful(transfer))
		code = CURLE_OK;

	/* libcurl takes a head that breaks off for an answer without a body */
	if (code == CURLE_OK && !transfer->headers_complete)
	{
		code = CURLE_GOT_NOTHING;
		strlcpy(transfer->text, "the connection was closed in the head of the answer",
				sizeof(transfer->text));
	}

	/* it would have sent a body again that goes out once */
	if (code == CURLE_SEND_FAIL_REWIND)
	{
		code = CURLE_GOT_NOTHING;
		strlcpy(transfer->text, "the connection was closed before the answer",
				sizeof(transfer->text));
	}
	transfer->code = code;
	transfer->failure = classify(transfer);
	http_leave_running(transfer, code == CURLE_OK ? HTTP_DONE : HTTP_FAILED);
}

static void
collect_finished(HttpClient *client)
{
	CURLMsg    *message;
	int			left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
	{
		CURLcode	code = message->data.result;
		HttpTransfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
		http_finish(transfer, code); /* the message is gone after this */
	}
}

/* Bytes going out are progress too, though no callback tells of them. */
static void
note_sending(HttpTransfer *transfer)
{
	curl_off_t	sent = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (sent != transfer->sent)
		transfer->progress_at = transfer->client->clock;
	transfer->sent = sent;
}

/* Has a body begun that comes, but never to an end?  Looked at once a window. */
static bool
drips(HttpTransfer *transfer)
{
	int64		now = transfer->client->clock;
	int64		took = now - transfer->window_at;
	int64		came = transfer->body_bytes - transfer->window_bytes;
	bool		open = transfer->window_at > 0;

	if (!transfer->headers_complete || transfer->min_rate == 0 ||
		(open && took < (int64) transfer->stall_timeout * 1000))
		return false;
	transfer->window_at = now;
	transfer->window_bytes = transfer->body_bytes;
	if (!open || came >= transfer->min_rate * took / 1000000)
		return false;
	snprintf(transfer->text, sizeof(transfer->text),
			 "only %lld bytes arrived in %lld ms", (long long) came, (long long) took / 1000);
	return true;
}

/* Has nothing come for too long? */
static bool
is_silent(HttpTransfer *transfer)
{
	int64		silence = transfer->client->clock - transfer->progress_at;

	if (silence < (int64) transfer->stall_timeout * 1000)
		return false;
	snprintf(transfer->text, sizeof(transfer->text),
			 "nothing arrived for %d ms", transfer->stall_timeout);
	return true;
}

static void
end_stalled(HttpClient *client)
{
	dlist_mutable_iter iter;

	if (client->clock - client->stalls_checked < STALL_CHECK_INTERVAL)
		return;
	client->stalls_checked = client->clock;
	dlist_foreach_modify(iter, &client->running)
	{
		HttpTransfer *transfer = dlist_container(HttpTransfer, node, iter.cur);

		if (transfer->paused)
			continue;
		note_sending(transfer);
		if (!is_silent(transfer) && !drips(transfer))
			continue;
		transfer->failure = HTTP_STALLED;
		http_leave_running(transfer, HTTP_FAILED);
	}
}

/* Nobody has looked after the transfers that run since the last pump. */
static void
note_rest(HttpClient *client, int64 now)
{
	dlist_iter	iter;

	if (now - client->pumped_at < REST)
		return;
	dlist_foreach(iter, &client->running)
	{
		HttpTransfer *transfer = dlist_container(HttpTransfer, node, iter.cur);

		if (now - transfer->begun_at >= REST)
			transfer->rested = true;
	}
}

void
http_pump(HttpClient *client, int timeout)
{
	int64		start = monotonic_us();
	CURLMcode	code;

	CHECK_FOR_INTERRUPTS();
	note_rest(client, start);
	code = http_wait_and_act(client, Min(timeout, PUMP_SLICE));
	client->pumped_at = monotonic_us();
	client->clock += client->pumped_at - start;

	if (code != CURLM_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not wait for HTTP transfers: %s",
						curl_multi_strerror(code))));
	collect_finished(client);
	end_stalled(client);

	/* this wait is not on the latch, so it must look for itself */
	if (IsUnderPostmaster && !PostmasterIsAlive())
		proc_exit(1);
	CHECK_FOR_INTERRUPTS();
}

void
http_name_wait(HttpClient *client, HttpWait wait)
{
	client->wait = wait;
}
