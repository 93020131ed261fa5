/*-------------------------------------------------------------------------
 *
 * exchange.c
 *	  One attempt of a call on the wire: signed, sent, and does the head of
 *	  the answer fit it?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/exchange.h"

#define CONNECT_TIMEOUT 10000	/* ms */
#define SMALLEST_BUFFER HTTP_MIN_BUFFER
#define LARGEST_BUFFER (256 * 1024)

/* ---------- the request ---------- */

static void
add_header(SigV4Request *sign, const char *name, const char *value)
{
	sign->headers[sign->nheaders].name = name;
	sign->headers[sign->nheaders++].value = value;
}

/* Appends "name: value" with its zero byte; returns where it starts. */
static int
add_line(StringInfo lines, const char *name, const char *value)
{
	int			start = lines->len;

	appendStringInfoString(lines, name);
	appendStringInfoString(lines, ": ");
	appendStringInfoString(lines, value);
	appendStringInfoCharMacro(lines, '\0');
	return start;
}

static size_t
buffer_size(const AwsRequest *request)
{
	size_t		size = SMALLEST_BUFFER;

	if (!request->stream)
		return size;
	if (request->size < 0)
		return LARGEST_BUFFER;
	while (size < LARGEST_BUFFER && (int64) size < request->size)
		size *= 2;
	return size;
}

/* Are bytes wanted that are not all of the object? */
static bool
is_part(const AwsRequest *request)
{
	return request->stream && request->whole > request->size;
}

/* "/path?query" behind the header lines; returns where it starts. */
static int
add_target(StringInfo lines, const AwsRequest *request)
{
	int			start = lines->len;

	appendStringInfoString(lines, request->path);
	if (request->query[0] != '\0')
		appendStringInfoChar(lines, '?');
	appendStringInfoString(lines, request->query);
	return start;
}

/* What a signature wants besides: the hash of the body, the time, the token. */
static void
add_signed_headers(const SigV4Signer *signer, const AwsRequest *request, SigV4Request *sign,
				   char hash[SIGV4_HASH_LEN + 1], const char *date)
{
	const char *token = sigv4_signer_credentials(signer)->session_token;

	if (request->body != NULL)
		sigv4_hash(request->body, request->body_len, hash);
	else
		strcpy(hash, SIGV4_EMPTY_HASH);
	sign->payload_hash = hash;
	sign->date = date;
	add_header(sign, "x-amz-content-sha256", hash);
	add_header(sign, "x-amz-date", date);
	if (token != NULL)
		add_header(sign, "x-amz-security-token", token);
}

/* What is signed is what goes out, but for Host, which libcurl adds. */
static void
write_lines(SigV4Signer *signer, SigV4Request *sign, const AwsRequest *request,
			StringInfo lines, HttpRequest *http)
{
	int			starts[HTTP_MAX_HEADERS] = {0};
	int			target;
	int			i;

	resetStringInfo(lines);
	if (signer != NULL)
	{
		appendStringInfoString(lines, "authorization: ");
		sigv4_sign(signer, sign, lines);
		appendStringInfoCharMacro(lines, '\0');
		http->nheaders = 1;
	}
	for (i = 0; i < sign->nheaders; i++)
		if (strcmp(sign->headers[i].name, "host") != 0)
			starts[http->nheaders++] = add_line(lines, sign->headers[i].name,
												sign->headers[i].value);
	target = add_target(lines, request);

	/* only now do they stay where they are */
	for (i = 0; i < http->nheaders; i++)
		http->headers[i] = lines->data + starts[i];
	http->target = lines->data + target;
}

void
exchange_begin(const AwsServiceConfig *config, SigV4Signer *signer, int64 clock_offset,
			   const AwsRequest *request, int64 taken, StringInfo lines,
			   HttpTransfer *transfer)
{
	SigV4Request sign = {0};
	HttpRequest http = {0};
	char		date[SIGV4_DATE_LEN + 1];
	char		hash[SIGV4_HASH_LEN + 1];
	char		range[60];
	int			i;

	sigv4_date((int64) time(NULL) + clock_offset, date);
	sign.method = request->method;
	sign.path = request->path;
	sign.query = request->query;
	add_header(&sign, "host", config->host);
	if (signer != NULL)
		add_signed_headers(signer, request, &sign, hash, date);
	if (request->etag != NULL && strncmp(request->etag, "W/", 2) != 0)
		add_header(&sign, "if-match", request->etag);
	if (is_part(request))
		snprintf(range, sizeof(range), "bytes=" INT64_FORMAT "-" INT64_FORMAT,
				 request->from + taken, request->from + request->size - 1);
	else
		snprintf(range, sizeof(range), "bytes=" INT64_FORMAT "-", taken);
	if (is_part(request) || taken > 0)
		add_header(&sign, "range", range);
	for (i = 0; i < request->nheaders; i++)
		add_header(&sign, request->headers[i].name, request->headers[i].value);
	write_lines(signer, &sign, request, lines, &http);

	http.method = request->method;
	http.origin = config->origin;
	http.ca_file = config->ca_file;
	http.body = request->body;
	http.body_len = request->body_len;
	http.once = request->once;
	http.connect_timeout = Min(CONNECT_TIMEOUT, pinterest_request_timeout);
	http.stall_timeout = pinterest_request_timeout;
	/* what may take minutes on the service's side is kept alive by blanks */
	http.min_rate = request->error_in_200 || request->events ? 0 : pinterest_min_transfer_rate;
	http.http2 = request->events;
	http.buffer_size = buffer_size(request);
	http.lends = request->lends;
	http.keep_unread = taken > 0;
	http.skip_if_200 = taken;
	http_begin(transfer, &http);
}

/* ---------- the answer ---------- */

/* W/"x" and x are the same tag as "x": proxies and stores differ in that. */
static bool
same_etag(const char *a, const char *b)
{
	size_t		a_len;
	size_t		b_len;

	a += strncmp(a, "W/", 2) == 0 ? 2 : 0;
	b += strncmp(b, "W/", 2) == 0 ? 2 : 0;
	a += *a == '"';
	b += *b == '"';
	a_len = strcspn(a, "\"");
	b_len = strcspn(b, "\"");
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* "bytes 100-199/200" must start where we asked. */
static bool
range_fits(const AwsRequest *request, const HttpTransfer *transfer, int64 taken)
{
	const char *value = http_header(transfer, "Content-Range");
	int64		size = is_part(request) ? request->whole : request->size;
	char	   *end;

	if (value == NULL || pg_strncasecmp(value, "bytes ", 6) != 0 ||
		strtoll(value + 6, &end, 10) != request->from + taken || *end != '-')
		return false;
	end = strchr(end, '/');
	return end != NULL &&
		(size < 0 || end[1] == '*' || strtoll(end + 1, NULL, 10) == size);
}

bool
exchange_head_fits(const AwsRequest *request, const HttpTransfer *transfer,
				   int64 taken, AwsFailure *failure)
{
	const char *etag = http_header(transfer, "ETag");
	const char *length = http_header(transfer, "Content-Length");
	int			status = http_status(transfer);

	if (!request->stream)
		return true;
	if (request->etag != NULL && etag != NULL && !same_etag(request->etag, etag))
		aws_failure_set(failure, AWS_CHANGED,
						"it was replaced while it was being read");
	else if (status == 200 && is_part(request))
		aws_failure_set(failure, AWS_BAD_ANSWER,
						"the service sent all of it where a part was asked for");
	else if (status != 200 && (status != 206 || (taken == 0 && !is_part(request))))
		aws_failure_set(failure, AWS_BAD_ANSWER,
						"the service answered with status %d to a request for it", status);
	else if (status == 206 && !range_fits(request, transfer, taken))
		aws_failure_set(failure, AWS_BAD_ANSWER,
						"the service sent another part of it than was asked for");
	else if (status == 200 && length != NULL && request->size >= 0 &&
			 strtoll(length, NULL, 10) > request->size)
	{
		/* a store names the version it sends; what does not is no store */
		if (etag == NULL)
			aws_failure_set(failure, AWS_BAD_ANSWER,
							"something else was sent in its place");
		else
			aws_failure_set(failure, AWS_CHANGED,
							"it is longer than it was when it was listed");
	}
	else
		return true;
	return false;
}
