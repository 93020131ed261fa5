/*-------------------------------------------------------------------------
 *
 * http_client.c
 *	  The handles of libcurl, and who has them.
 *
 * The multi handle holds the connections, so it lives as long as the backend;
 * easy handles are lent to transfers and come back through the reset callback
 * of the transfer's memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "net/http_internal.h"
#include "pg_compat.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#define IDLE_DESCRIPTORS 100

static HttpClient *clients[ADDRESS_METADATA + 1];

void
http_block_signals(sigset_t *saved)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
	sigset_t	all;
	int			i;

	sigfillset(&all);
	for (i = 0; i < (int) lengthof(faults); i++)
		sigdelset(&all, faults[i]);
	sigprocmask(SIG_SETMASK, &all, saved);
}

void
http_restore_signals(const sigset_t *saved)
{
	sigprocmask(SIG_SETMASK, saved, NULL);
}

void
http_out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_OUT_OF_MEMORY),
			 errmsg("could not set up an HTTP request"),
			 errdetail("libcurl could not allocate memory.")));
}

static void
start_libcurl(void)
{
	static bool started = false;
	CURLcode	code;
	sigset_t	saved;

	if (started)
		return;
	http_block_signals(&saved);
	code = curl_global_init(CURL_GLOBAL_DEFAULT);
	http_restore_signals(&saved);
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
	client->wait_events[HTTP_WAIT_PACE] = wait_event_named("PinterestPace");
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
	SET(CURLOPT_OPENSOCKETFUNCTION, http_on_open_socket);
	SET(CURLOPT_WRITEFUNCTION, http_on_body);
	SET(CURLOPT_HEADERFUNCTION, http_on_header);
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
		http_out_of_memory();
	}
	return easy;
}

void
http_leave_running(HttpTransfer *transfer, HttpState state)
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
	http_leave_running(transfer, HTTP_IDLE);
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

int
http_transfers(const HttpClient *client)
{
	return client->transfers;
}

/* As AcquireExternalFD counts; idle ones of this client are reserved already. */
int
http_transfers_left(const HttpClient *client)
{
	return Max(max_safe_fds / 3 - client->transfers, 0);
}

static void
start_multi(HttpClient *client)
{
	if (client->multi != NULL)
		return;
	client->multi = curl_multi_init();
	if (client->multi == NULL)
		http_out_of_memory();
	http_watch_sockets(client);
}

HttpTransfer *
http_transfer_create(HttpClient *client)
{
	HttpTransfer *transfer;

	start_multi(client);
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
		http_out_of_memory();
	return transfer;
}
