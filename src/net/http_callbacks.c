/*-------------------------------------------------------------------------
 *
 * http_callbacks.c
 *	  What libcurl calls while an exchange goes on: its head and body arrive.
 *
 * Nothing here may raise an error: a jump through libcurl would break it.  All
 * is written into memory the transfer already has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include "net/http_internal.h"

/* Room for n more bytes, moved together if need be. */
static bool
make_room(HttpTransfer *transfer, size_t n)
{
	if (transfer->start == transfer->end)
		transfer->start = transfer->end = 0;
	if (transfer->size - transfer->end >= n)
		return true;
	if (transfer->size - (transfer->end - transfer->start) < n)
		return false;
	memmove(transfer->buffer, transfer->buffer + transfer->start,
			transfer->end - transfer->start);
	transfer->end -= transfer->start;
	transfer->start = 0;
	return true;
}

static void
keep_error_body(HttpTransfer *transfer, const char *data, size_t n)
{
	if (transfer->error_body == NULL)
		transfer->error_body = malloc(HTTP_ERROR_BODY_MAX + 1);
	if (transfer->error_body == NULL)
		return;
	n = Min(n, HTTP_ERROR_BODY_MAX - transfer->error_len);
	memcpy(transfer->error_body + transfer->error_len, data, n);
	transfer->error_len += n;
	transfer->error_body[transfer->error_len] = '\0';
}

/*
 * Asks for no more when what is read at a time might not fit: a piece that is
 * refused would be copied by libcurl until it is taken.
 */
static void
pause_if_full(HttpTransfer *transfer)
{
	size_t		room = transfer->size - http_available(transfer);

	if (transfer->size < 2 * transfer->read_size || room >= transfer->read_size ||
		transfer->paused)
		return;
	transfer->paused = curl_easy_pause(transfer->easy, CURLPAUSE_RECV) == CURLE_OK;
}

size_t
http_on_body(char *data, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	size_t		n = size * count;
	size_t		skip;

	transfer->progress_at = transfer->client->clock;
	if (!http_successful(transfer))
	{
		transfer->body_bytes += n;

		/* enough of it is known: it need not be read to its end, if any */
		if (transfer->error_len == HTTP_ERROR_BODY_MAX)
			return n + 1;
		keep_error_body(transfer, data, n);
		return n;
	}

	skip = transfer->status == 200 ? Min((int64) n, transfer->skip) : 0;
	if (!make_room(transfer, n - skip))
	{
		transfer->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	transfer->body_bytes += n;
	transfer->client->body_bytes += n;
	transfer->skip -= skip;
	memcpy(transfer->buffer + transfer->end, data + skip, n - skip);
	transfer->end += n - skip;
	transfer->received += n - skip;
	pause_if_full(transfer);
	return n;
}

/* "HTTP/1.1 200 OK": a new answer starts (there may be 1xx ones before it). */
static void
start_of_answer(HttpTransfer *transfer, const char *line, size_t n)
{
	const char *blank = memchr(line, ' ', n);
	const char *end = line + n;
	int			digits;

	transfer->status = 0;
	transfer->headers_len = 0;
	transfer->headers_complete = false;
	if (blank == NULL)
		return;
	for (digits = 0, blank++; digits < 3 && blank < end; digits++, blank++)
		transfer->status = transfer->status * 10 + (*blank - '0');
}

static void
keep_header(HttpTransfer *transfer, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	const char *value;
	const char *end = line + n;
	char	   *to = transfer->headers + transfer->headers_len;

	if (colon == NULL || transfer->headers_len + n + 2 > HEADER_BLOCK)
		return;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	memcpy(to, line, colon - line);
	to += colon - line;
	*to++ = '\0';
	memcpy(to, value, end - value);
	to += end - value;
	*to++ = '\0';
	transfer->headers_len = to - transfer->headers;
}

size_t
http_on_header(char *line, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	size_t		all = size * count;
	size_t		n = all;

	transfer->progress_at = transfer->client->clock;
	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == '\n'))
		n--;
	if (n == 0)
		transfer->headers_complete = transfer->status >= 200;
	else if (n > 5 && strncmp(line, "HTTP/", 5) == 0)
		start_of_answer(transfer, line, n);
	else if (!transfer->headers_complete)	/* else it is a trailer */
		keep_header(transfer, line, n);
	return all;
}

curl_socket_t
http_on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpTransfer *transfer = arg;
	const char *refused = address_refusal(&address->addr, transfer->client->policy);
	int			fd;

	if (refused != NULL)
	{
		const void *binary = address->family == AF_INET6 ?
			(const void *) &((struct sockaddr_in6 *) &address->addr)->sin6_addr :
			(const void *) &((struct sockaddr_in *) &address->addr)->sin_addr;

		transfer->refused = refused;
		if (inet_ntop(address->family, binary, transfer->refused_address,
					  sizeof(transfer->refused_address)) == NULL)
			strlcpy(transfer->refused_address, "?", sizeof(transfer->refused_address));
		return CURL_SOCKET_BAD;
	}

	fd = socket(address->family, address->socktype, address->protocol);
	if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
	{
		close(fd);
		fd = -1;
	}
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

size_t
http_on_send(char *to, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	size_t		n = Min(size * count, transfer->body_left);

	memcpy(to, transfer->body_next, n);
	transfer->body_next += n;
	transfer->body_left -= n;
	return n;
}
