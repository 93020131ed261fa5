/*-------------------------------------------------------------------------
 *
 * http.c
 *	  HTTP exchanges that do not block: all of libcurl stands behind this.
 *
 * The multi handle holds the connections, so it lives as long as the backend;
 * easy handles are lent to transfers and come back through the reset callback
 * of the transfer's memory context.
 *
 * libcurl's callbacks call nothing of PostgreSQL that could raise an error: a
 * jump through libcurl would break it.  They write into memory the transfer
 * already has.
 *
 * Stalls are measured on the client's own clock, which runs only inside
 * http_pump: a query that rests (a cursor nobody fetches from) has not waited
 * for the server, and must not blame it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "lib/ilist.h"
#include "miscadmin.h"
#include "net/http.h"
#include "pg_compat.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define PUMP_SLICE 100			/* ms; bounds the delay of a cancel */
#define STALL_CHECK_INTERVAL 100000 /* us */
#define REST 1000000			/* us; unattended for longer, others lose patience */
#define HANDLES_KEPT 256
#define IDLE_DESCRIPTORS 100
#define HEADER_BLOCK 8192
#define LARGEST_READ (128 * 1024)	/* of libcurl from the socket */

struct HttpClient
{
	CURLM	   *multi;			/* NULL until the first transfer */
	pid_t		pid;			/* a forked child must not touch this */
	AddressPolicy policy;
	uint32		wait_events[HTTP_WAIT_BACKOFF + 1];
	HttpWait	wait;			/* which of them comes next */
	dlist_head	running;		/* HttpTransfer.node */
	int64		pumped_at;		/* us, when http_pump last returned */
	int64		clock;			/* us spent in http_pump */
	int64		stalls_checked; /* on that clock */
	int			transfers;		/* alive now */
	int			descriptors;	/* reserved with fd.c, also for connections
								 * that are idle */
	CURL	   *handles[HANDLES_KEPT];	/* lent to nobody */
	int			nhandles;
};

struct HttpTransfer
{
	dlist_node	node;			/* in client->running while RUNNING */
	HttpClient *client;
	CURL	   *easy;
	MemoryContext context;
	MemoryContextCallback on_reset;
	HttpState	state;
	HttpFailure failure;
	CURLcode	code;
	struct curl_slist header_nodes[HTTP_MAX_HEADERS + 2];

	/* receive buffer: unread bytes are buffer[start .. end) */
	char	   *buffer;
	size_t		size;
	size_t		start;
	size_t		end;
	bool		paused;
	int64		received;
	int64		skip;			/* of the body, still to be dropped */

	/* the answer's head, as "name\0value\0" pairs */
	int			status;
	bool		headers_complete;
	size_t		headers_len;
	char		headers[HEADER_BLOCK];

	char	   *error_body;		/* malloc'd: made inside a callback */
	size_t		error_len;

	const char *origin;			/* what easy is set to: setting an option costs */
	const char *ca_file;
	const char *method;			/* NULL if it is GET without a body */
	int			connect_timeout;
	long		read_size;

	int64		begun_at;		/* us */
	bool		rested;
	int			stall_timeout;
	int64		progress_at;	/* on the client's clock */
	curl_off_t	sent;			/* of the body, when last looked at */
	const char *refused;		/* kind of address that policy refused */
	char		refused_address[INET6_ADDRSTRLEN];
	char		tls[96];		/* of a probe: version and cipher */
	char		text[CURL_ERROR_SIZE];
};

/* In a function with "easy" and "ok". */
#define SET(option, value) \
	ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok

static HttpClient *clients[ADDRESS_METADATA + 1];

/*
 * libcurl may start a thread to resolve a name, and a thread inherits the
 * signal mask: without this, PostgreSQL's handlers could run on it.
 */
static void
block_signals(sigset_t *saved)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
	sigset_t	all;
	int			i;

	sigfillset(&all);
	for (i = 0; i < (int) lengthof(faults); i++)
		sigdelset(&all, faults[i]);
	sigprocmask(SIG_SETMASK, &all, saved);
}

static void
restore_signals(const sigset_t *saved)
{
	sigprocmask(SIG_SETMASK, saved, NULL);
}

static int64
now_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

static void
curl_out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_OUT_OF_MEMORY),
			 errmsg("could not set up an HTTP request"),
			 errdetail("libcurl could not allocate memory.")));
}

/* ---------- callbacks of libcurl: nothing here may raise ---------- */

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

static bool
successful(const HttpTransfer *transfer)
{
	return transfer->status >= 200 && transfer->status <= 299;
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

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	HttpTransfer *transfer = arg;
	size_t		n = size * count;
	size_t		skip;

	transfer->progress_at = transfer->client->clock;
	if (!successful(transfer))
	{
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
	transfer->skip -= skip;
	memcpy(transfer->buffer + transfer->end, data + skip, n - skip);
	transfer->end += n - skip;
	transfer->received += n - skip;
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

static size_t
on_header(char *line, size_t size, size_t count, void *arg)
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

static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
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

/*
 * libcurl tells version and cipher of a connection only in what it says to
 * people: "SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384".
 */
static int
on_remark(CURL *easy, curl_infotype type, char *text, size_t n, void *arg)
{
	static const char start[] = "SSL connection using ";
	HttpTransfer *transfer = arg;
	size_t		skip = strlen(start);

	if (type != CURLINFO_TEXT || n <= skip || memcmp(text, start, skip) != 0)
		return 0;
	n = Min(n - skip, sizeof(transfer->tls) - 1);
	memcpy(transfer->tls, text + skip, n);
	transfer->tls[n] = '\0';
	transfer->tls[strcspn(transfer->tls, "\r\n")] = '\0';
	return 0;
}

/* ---------- client ---------- */

static void
start_libcurl(void)
{
	static bool started = false;
	CURLcode	code;
	sigset_t	saved;

	if (started)
		return;
	block_signals(&saved);
	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	restore_signals(&saved);
	if (code != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION),
				 errmsg("could not start libcurl: %s", curl_easy_strerror(code))));
	started = true;
}

HttpClient *
http_client(AddressPolicy policy)
{
	HttpClient *client = clients[policy];

	if (client != NULL && client->pid == MyProcPid)
		return client;

	start_libcurl();
	client = MemoryContextAllocZero(TopMemoryContext, sizeof(HttpClient));
	client->pid = MyProcPid;
	client->policy = policy;
	client->wait_events[HTTP_WAIT_ANSWER] = wait_event_named("PinterestHttp");
	client->wait_events[HTTP_WAIT_LIST] = wait_event_named("PinterestList");
	client->wait_events[HTTP_WAIT_GET] = wait_event_named("PinterestGet");
	client->wait_events[HTTP_WAIT_BACKOFF] = wait_event_named("PinterestBackoff");
	dlist_init(&client->running);
	clients[policy] = client;
	return client;
}

/* What is the same for every request, and the same on every libcurl. */
static bool
set_common_options(CURL *easy)
{
	bool		ok = true;

	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075500
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
	SET(CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
	SET(CURLOPT_REDIR_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_USERAGENT, "pinterest_pipeline");
	SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_HEADERFUNCTION, on_header);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* else ending a transfer joins a thread that may sit in getaddrinfo */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	return ok;
}

static CURL *
borrow_handle(HttpClient *client)
{
	CURL	   *easy;

	if (client->nhandles > 0)
		return client->handles[--client->nhandles];
	easy = curl_easy_init();
	if (easy == NULL || !set_common_options(easy))
	{
		curl_easy_cleanup(easy);
		curl_out_of_memory();
	}
	return easy;
}

/* ---------- transfer ---------- */

static void
leave_running(HttpTransfer *transfer, HttpState state)
{
	if (transfer->state == HTTP_RUNNING)
	{
		curl_multi_remove_handle(transfer->client->multi, transfer->easy);
		dlist_delete(&transfer->node);
	}
	transfer->state = state;
	transfer->paused = false;
}

/*
 * Idle connections are worth keeping, but not at the price of the descriptors
 * that other foreign tables need: after a scan with very many of them, all go.
 */
static void
drop_connections(HttpClient *client)
{
	curl_multi_cleanup(client->multi);
	client->multi = NULL;
	for (; client->descriptors > 0; client->descriptors--)
		ReleaseExternalFD();
}

/* The transfer's memory context goes away, after an error or not. */
static void
on_context_reset(void *arg)
{
	HttpTransfer *transfer = arg;
	HttpClient *client = transfer->client;

	if (client->pid != MyProcPid)
		return;
	leave_running(transfer, HTTP_IDLE);
	if (--client->transfers == 0 && client->descriptors > IDLE_DESCRIPTORS)
		drop_connections(client);
	free(transfer->error_body);
	if (transfer->easy == NULL)
		return;
	if (client->nhandles < HANDLES_KEPT)
	{
		curl_easy_reset(transfer->easy);
		if (set_common_options(transfer->easy))
		{
			client->handles[client->nhandles++] = transfer->easy;
			return;
		}
	}
	curl_easy_cleanup(transfer->easy);
}

/* What stays for the life of the transfer. */
static bool
set_transfer_options(HttpTransfer *transfer)
{
	CURL	   *easy = transfer->easy;
	bool		ok = true;

	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_OPENSOCKETDATA, transfer);
	SET(CURLOPT_PRIVATE, transfer);
	SET(CURLOPT_ERRORBUFFER, transfer->text);
	return ok;
}

HttpTransfer *
http_transfer_create(HttpClient *client)
{
	HttpTransfer *transfer;

	if (client->multi == NULL)
		client->multi = curl_multi_init();
	if (client->multi == NULL)
		curl_out_of_memory();
	if (client->transfers >= client->descriptors)
	{
		if (!AcquireExternalFD())
			return NULL;
		client->descriptors++;
		curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
						  (long) client->descriptors);
	}

	transfer = palloc0(sizeof(HttpTransfer));
	transfer->client = client;
	transfer->context = CurrentMemoryContext;
	client->transfers++;
	transfer->on_reset.func = on_context_reset;
	transfer->on_reset.arg = transfer;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &transfer->on_reset);
	transfer->easy = borrow_handle(client);
	if (!set_transfer_options(transfer))
		curl_out_of_memory();
	return transfer;
}

static void
prepare_buffer(HttpTransfer *transfer, const HttpRequest *request)
{
	size_t		wanted = Max(request->buffer_size, HTTP_MIN_BUFFER);
	size_t		unread;
	char	   *larger;

	if (!request->keep_unread)
		transfer->start = transfer->end = 0;
	if (wanted <= transfer->size)
		return;

	unread = transfer->end - transfer->start;
	larger = MemoryContextAlloc(transfer->context, wanted);
	if (unread > 0)
		memcpy(larger, transfer->buffer + transfer->start, unread);
	if (transfer->buffer != NULL)
		pfree(transfer->buffer);
	transfer->buffer = larger;
	transfer->size = wanted;
	transfer->start = 0;
	transfer->end = unread;
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
					 errmsg("a header of an HTTP request holds a line break")));
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
		{
			SET(CURLOPT_POST, 1L);
			SET(CURLOPT_POSTFIELDS, request->body);
			SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
		}
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	}
	return ok;
}

static bool
set_probe_options(HttpTransfer *transfer)
{
	CURL	   *easy = transfer->easy;
	bool		ok = true;

	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_FORBID_REUSE, 1L);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
	SET(CURLOPT_CERTINFO, 1L);
	SET(CURLOPT_DEBUGFUNCTION, on_remark);
	SET(CURLOPT_DEBUGDATA, transfer);
	SET(CURLOPT_VERBOSE, 1L);
	transfer->tls[0] = '\0';
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
	long		read_size = Max(Min(transfer->size / 2, LARGEST_READ), HTTP_MIN_BUFFER);
	bool		ok = set_method(transfer, request) &&
		(!request->probe || set_probe_options(transfer));

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
	transfer->begun_at = now_us();
	transfer->rested = false;
	transfer->stall_timeout = request->stall_timeout;
	transfer->progress_at = client->clock;
	transfer->sent = 0;
	transfer->refused = NULL;
	transfer->text[0] = '\0';
	if (!set_request_options(transfer, request))
		curl_out_of_memory();
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
	leave_running(transfer, HTTP_IDLE);
}

/* ---------- pump ---------- */

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

static void
finish(HttpTransfer *transfer, CURLcode code)
{
	/* on_body has had enough of an error's body */
	if (code == CURLE_WRITE_ERROR && transfer->headers_complete && !successful(transfer))
		code = CURLE_OK;
	transfer->code = code;
	transfer->failure = classify(transfer);
	leave_running(transfer, code == CURLE_OK ? HTTP_DONE : HTTP_FAILED);
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
		finish(transfer, code); /* the message is gone after this */
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
		if (client->clock - transfer->progress_at < (int64) transfer->stall_timeout * 1000)
			continue;
		transfer->failure = HTTP_STALLED;
		snprintf(transfer->text, sizeof(transfer->text),
				 "nothing arrived for %d ms", transfer->stall_timeout);
		leave_running(transfer, HTTP_FAILED);
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

/* libcurl's part of a pump: wait, then move everything on. */
static CURLMcode
poll_and_perform(HttpClient *client, int timeout)
{
	CURLMcode	code = CURLM_OK;
	sigset_t	saved;
	int			running;

	if (timeout > 0)
	{
		pgstat_report_wait_start(client->wait_events[client->wait]);
		client->wait = HTTP_WAIT_ANSWER;
		code = curl_multi_poll(client->multi, NULL, 0, timeout, NULL);
		pgstat_report_wait_end();
	}
	if (code == CURLM_OK)
	{
		block_signals(&saved);
		code = curl_multi_perform(client->multi, &running);
		restore_signals(&saved);
	}
	return code;
}

void
http_pump(HttpClient *client, int timeout)
{
	int64		start = now_us();
	CURLMcode	code;

	CHECK_FOR_INTERRUPTS();
	note_rest(client, start);
	code = poll_and_perform(client, Min(timeout, PUMP_SLICE));
	client->pumped_at = now_us();
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

/* ---------- what a transfer has to tell ---------- */

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

size_t
http_read(HttpTransfer *transfer, char *to, size_t room)
{
	size_t		n = Min(room, http_available(transfer));

	memcpy(to, transfer->buffer + transfer->start, n);
	transfer->start += n;
	if (transfer->paused && transfer->start == transfer->end)
	{
		CURLcode	code;

		/* may call on_body at once, which finds an empty buffer */
		transfer->paused = false;
		transfer->progress_at = transfer->client->clock;
		code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
		if (code != CURLE_OK)
			finish(transfer, code);
	}
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

/*
 * Where it is, or ended, and when each phase was over: what has not come to
 * pass has the time 0.
 */
static HttpPhase
phase_of(const HttpTransfer *transfer, const curl_off_t *ends, bool tls)
{
	if (transfer->state == HTTP_FAILED)
	{
		if (transfer->code == CURLE_COULDNT_RESOLVE_HOST)
			return HTTP_LOOKUP;
		if (transfer->code == CURLE_COULDNT_CONNECT)
			return HTTP_CONNECT;
		if (transfer->failure == HTTP_TLS_CERTIFICATE ||
			transfer->code == CURLE_SSL_CONNECT_ERROR ||
			strncmp(transfer->text, "SSL ", 4) == 0)	/* timed out */
			return HTTP_HANDSHAKE;
	}
	if (ends[HTTP_LOOKUP] == 0)
		return HTTP_LOOKUP;
	if (ends[HTTP_CONNECT] == 0)
		return HTTP_CONNECT;
	return tls && ends[HTTP_HANDSHAKE] == 0 ? HTTP_HANDSHAKE : HTTP_ANSWER;
}

/* The value of "Name:value" among what is told of a certificate. */
static void
take_certificate_item(char *to, size_t room, const struct curl_slist *items, const char *name)
{
	size_t		n = strlen(name);

	for (; items != NULL; items = items->next)
		if (strncmp(items->data, name, n) == 0 && items->data[n] == ':')
			strlcpy(to, items->data + n + 1, room);
}

void
http_connection(const HttpTransfer *transfer, HttpConnection *connection)
{
	static const CURLINFO times[] = {
		CURLINFO_NAMELOOKUP_TIME_T, CURLINFO_CONNECT_TIME_T,
		CURLINFO_APPCONNECT_TIME_T, CURLINFO_STARTTRANSFER_TIME_T
	};
	curl_off_t	ends[lengthof(times)] = {0};
	curl_off_t	before = 0;
	struct curl_certinfo *certificates = NULL;
	const char *address = NULL;
	long		port = 0;
	int			i;

	memset(connection, 0, sizeof(HttpConnection));
	for (i = 0; i < (int) lengthof(times); i++)
	{
		curl_easy_getinfo(transfer->easy, times[i], &ends[i]);
		if (ends[i] == 0)
			continue;
		connection->took[i] = (double) (ends[i] - before) / 1000;
		before = ends[i];
	}
	connection->phase = phase_of(transfer, ends, strncmp(transfer->origin, "https:", 6) == 0);
	if (curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_IP, &address) == CURLE_OK && address)
		strlcpy(connection->address, address, sizeof(connection->address));
	curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &port);
	connection->port = (int) port;
	strlcpy(connection->tls, transfer->tls, sizeof(connection->tls));

	/* the first is the server's own */
	if (curl_easy_getinfo(transfer->easy, CURLINFO_CERTINFO, &certificates) != CURLE_OK ||
		certificates == NULL || certificates->num_of_certs < 1)
		return;
	take_certificate_item(connection->issuer, sizeof(connection->issuer),
						  certificates->certinfo[0], "Issuer");
	take_certificate_item(connection->expires, sizeof(connection->expires),
						  certificates->certinfo[0], "Expire date");
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
