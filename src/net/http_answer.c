/*-------------------------------------------------------------------------
 *
 * http_answer.c
 *	  What a transfer has to tell: its state, the answer, why there is none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/http_internal.h"
#include "storage/fd.h"

HttpState
http_state(const HttpTransfer *transfer)
{
	return transfer->state;
}

int
http_status(const HttpTransfer *transfer)
{
	return transfer->headers_complete ? transfer->status : 0;
}

const char *
http_header(const HttpTransfer *transfer, const char *name)
{
	const char *at = transfer->headers;
	const char *end = at + transfer->headers_len;

	while (at < end)
	{
		const char *value = at + strlen(at) + 1;

		if (pg_strcasecmp(at, name) == 0)
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

size_t
http_available(const HttpTransfer *transfer)
{
	return transfer->end - transfer->start;
}

/* May call http_on_body at once, which finds an empty buffer. */
static void
go_on(HttpTransfer *transfer)
{
	CURLcode	code;

	transfer->paused = false;
	transfer->client->resumed = true;
	transfer->progress_at = transfer->client->clock;
	transfer->window_at = 0;
	code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		http_finish(transfer, code);
}

size_t
http_read(HttpTransfer *transfer, char *to, size_t room)
{
	size_t		n = Min(room, http_available(transfer));

	memcpy(to, transfer->buffer + transfer->start, n);
	transfer->start += n;
	if (transfer->paused && transfer->start == transfer->end)
		go_on(transfer);
	return n;
}

void
http_lend(HttpTransfer *transfer, char *buffer, size_t size)
{
	Assert(size >= HTTP_MIN_BUFFER);
	transfer->lent = transfer->buffer = buffer;
	transfer->lent_size = transfer->size = size;
	transfer->start = transfer->end = 0;
	if (transfer->paused)
		go_on(transfer);
}

size_t
http_take_back(HttpTransfer *transfer)
{
	size_t		n = http_available(transfer);

	transfer->lent = transfer->buffer = NULL;
	transfer->lent_size = transfer->size = 0;
	transfer->start = transfer->end = 0;
	return n;
}

bool
http_paused(const HttpTransfer *transfer)
{
	return transfer->paused;
}

bool
http_rested(const HttpTransfer *transfer)
{
	return transfer->rested;
}

int64
http_received(const HttpTransfer *transfer)
{
	return transfer->received;
}

const char *
http_error_body(const HttpTransfer *transfer, size_t *len)
{
	*len = transfer->error_len;
	return transfer->error_len == 0 ? "" : transfer->error_body;
}

HttpFailure
http_failure(const HttpTransfer *transfer)
{
	return transfer->failure;
}

/* libcurl does not tell why it could not use the file. */
static const char *
authorities_text(const char *ca_file)
{
	FILE	   *file = AllocateFile(ca_file, "r");

	if (file == NULL)
		return psprintf("could not open file \"%s\": %s", ca_file, strerror(errno));
	FreeFile(file);
	return psprintf("file \"%s\" holds no certificates in PEM format", ca_file);
}

const char *
http_failure_text(const HttpTransfer *transfer)
{
	if (transfer->code == CURLE_SSL_CACERT_BADFILE && transfer->ca_file != NULL)
		return authorities_text(transfer->ca_file);
	if (transfer->failure == HTTP_REFUSED_ADDRESS)
		return psprintf("the host has the %s address %s, which is not allowed here",
						transfer->refused, transfer->refused_address);
	return transfer->text[0] != '\0' ? transfer->text :
		curl_easy_strerror(transfer->code);
}
