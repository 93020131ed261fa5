/*-------------------------------------------------------------------------
 *
 * http_request.c
 *	  Begins an exchange, or ends it early.
 *
 * Setting an option of libcurl costs time, and a transfer is used for one small
 * object after the other: only what differs from the last request is set.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/http_internal.h"

/* Of libcurl from the socket: each costs a few system calls, and wakes the sender. */
#define LARGEST_READ (512 * 1024)

static void
prepare_buffer(HttpTransfer *transfer, const HttpRequest *request)
{
	size_t		wanted = Max(request->buffer_size, HTTP_MIN_BUFFER);
	size_t		unread;
	char	   *larger;

	if (!request->keep_unread)
		transfer->start = transfer->end = 0;
	if (request->lends > 0)
	{
		transfer->buffer = transfer->lent;
		transfer->size = transfer->lent_size;
		return;
	}
	if (wanted > transfer->own_size)
	{
		unread = transfer->end - transfer->start;
		larger = MemoryContextAlloc(transfer->context, wanted);
		if (unread > 0)
			memcpy(larger, transfer->own + transfer->start, unread);
		if (transfer->own != NULL)
			pfree(transfer->own);
		transfer->own = larger;
		transfer->own_size = wanted;
		transfer->start = 0;
		transfer->end = unread;
	}
	transfer->buffer = transfer->own;
	transfer->size = transfer->own_size;
}

/* The list of header lines, without an allocation for each. */
static struct curl_slist *
chain_headers(HttpTransfer *transfer, const HttpRequest *request)
{
	static char no_expect[] = "Expect:";
	static char no_content_type[] = "Content-Type:";
	struct curl_slist *nodes = transfer->header_nodes;
	bool		content_type = false;
	int			n;

	for (n = 0; n < request->nheaders; n++)
	{
		/* values come from users and services: one line each, no more */
		if (strpbrk(request->headers[n], "\r\n") != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("HTTP request header contains a line break")));
		nodes[n].data = unconstify(char *, request->headers[n]);
		if (pg_strncasecmp(request->headers[n], "Content-Type:", 13) == 0)
			content_type = true;
	}
	if (request->body != NULL)
	{
		/* no wait of a second for "100 Continue", no form type by default */
		nodes[n++].data = no_expect;
		if (!content_type)
			nodes[n++].data = no_content_type;
	}
	if (n == 0)
		return NULL;
	nodes[--n].next = NULL;
	while (n-- > 0)
		nodes[n].next = &nodes[n + 1];
	return nodes;
}

/* What libcurl takes from a function it cannot rewind, and so not send again. */
static bool
set_body(HttpTransfer *transfer, const HttpRequest *request)
{
	CURL	   *easy = transfer->easy;
	bool		ok = true;

	SET(CURLOPT_POST, 1L);
	SET(CURLOPT_POSTFIELDS, request->once ? NULL : request->body);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
	if (request->once)
	{
		SET(CURLOPT_READFUNCTION, http_on_send);
		SET(CURLOPT_READDATA, transfer);
		transfer->body_next = request->body;
		transfer->body_left = request->body_len;
	}
	return ok;
}

/* Frames of several answers in one connection would make them wait for each other. */
static bool
set_version(HttpTransfer *transfer, const HttpRequest *request)
{
	CURL	   *easy = transfer->easy;
	bool		tls = strncmp(request->origin, "https:", 6) == 0;
	bool		ok = true;

	if (transfer->http2 == request->http2)
		return true;
	transfer->http2 = request->http2;
	SET(CURLOPT_HTTP_VERSION, (long) (!request->http2 ? CURL_HTTP_VERSION_1_1 :
									  tls ? CURL_HTTP_VERSION_2TLS :
									  CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
	SET(CURLOPT_FRESH_CONNECT, (long) request->http2);
	SET(CURLOPT_FORBID_REUSE, (long) request->http2);
	return ok;
}

static bool
set_method(HttpTransfer *transfer, const HttpRequest *request)
{
	CURL	   *easy = transfer->easy;
	bool		plain = strcmp(request->method, "GET") == 0 && request->body == NULL;
	bool		ok = true;

	if (plain && transfer->method == NULL)
		return true;
	SET(CURLOPT_CUSTOMREQUEST, NULL);
	SET(CURLOPT_HTTPGET, 1L);	/* undoes NOBODY and POST of the last one */
	transfer->method = plain ? NULL : request->method;
	if (strcmp(request->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);
	else if (!plain)
	{
		if (request->body != NULL)
			ok = set_body(transfer, request) && ok;
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	}
	return ok;
}

/*
 * libcurl gives a connection only to a transfer with the same authorities.
 * Its own store of them would outlive a change of the file by a day.
 */
static bool
set_authorities(HttpTransfer *transfer, const char *ca_file)
{
	CURL	   *easy = transfer->easy;
	bool		ok = true;

	transfer->ca_file = MemoryContextStrdup(transfer->context, ca_file);
	SET(CURLOPT_CAINFO, transfer->ca_file);
	SET(CURLOPT_CAPATH, NULL);	/* it may have a default, too */
#if LIBCURL_VERSION_NUM >= 0x075700
	SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
	return ok;
}

static bool
set_request_options(HttpTransfer *transfer, const HttpRequest *request)
{
	CURL	   *easy = transfer->easy;
	size_t		buffer_size = request->lends > 0 ? request->lends : transfer->size;
	long		read_size = Max(Min(buffer_size / 2, LARGEST_READ), HTTP_MIN_BUFFER);
	bool		ok = set_method(transfer, request) && set_version(transfer, request) &&
		(!request->probe || http_set_probe_options(transfer, request->connect_only));

	if (transfer->origin == NULL && request->ca_file != NULL)
		ok = set_authorities(transfer, request->ca_file) && ok;

	if (transfer->origin == NULL || strcmp(transfer->origin, request->origin) != 0)
	{
		transfer->origin = MemoryContextStrdup(transfer->context, request->origin);
		SET(CURLOPT_URL, transfer->origin);
	}
	if (transfer->connect_timeout != request->connect_timeout)
		SET(CURLOPT_CONNECTTIMEOUT_MS, (long) request->connect_timeout);
	/* refused while a failed transfer's buffer is still there: no matter */
	if (transfer->read_size != read_size)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, read_size);
	SET(CURLOPT_REQUEST_TARGET, request->target);
	SET(CURLOPT_HTTPHEADER, chain_headers(transfer, request));

	transfer->connect_timeout = request->connect_timeout;
	transfer->read_size = read_size;
	return ok;
}

void
http_begin(HttpTransfer *transfer, const HttpRequest *request)
{
	HttpClient *client = transfer->client;
	CURLMcode	code;

	Assert(transfer->state != HTTP_RUNNING);
	Assert(request->nheaders <= HTTP_MAX_HEADERS);

	prepare_buffer(transfer, request);
	transfer->failure = HTTP_NO_FAILURE;
	transfer->received = 0;
	transfer->skip = request->skip_if_200;
	transfer->status = 0;
	transfer->headers_complete = false;
	transfer->headers_len = 0;
	transfer->error_len = 0;
	transfer->begun_at = monotonic_us();
	transfer->rested = false;
	transfer->stall_timeout = request->stall_timeout;
	transfer->progress_at = client->clock;
	transfer->sent = 0;
	transfer->min_rate = request->min_rate;
	transfer->body_bytes = 0;
	transfer->window_at = 0;
	transfer->refused = NULL;
	transfer->text[0] = '\0';
	if (!set_request_options(transfer, request))
		http_out_of_memory();
	code = curl_multi_add_handle(client->multi, transfer->easy);
	if (code != CURLM_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not start an HTTP request: %s", curl_multi_strerror(code))));
	transfer->state = HTTP_RUNNING;
	dlist_push_tail(&client->running, &transfer->node);
}

void
http_abort(HttpTransfer *transfer)
{
	http_leave_running(transfer, HTTP_IDLE);
}
