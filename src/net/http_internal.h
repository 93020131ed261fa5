/*-------------------------------------------------------------------------
 *
 * http_internal.h
 *	  The structures behind http.h, for the files src/net/http_*.c alone.
 *
 * No other file sees libcurl.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_HTTP_INTERNAL_H
#define PINTEREST_HTTP_INTERNAL_H

#include "postgres.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>

#include "lib/ilist.h"
#include "net/clock.h"
#include "net/http.h"

#define HANDLES_KEPT 256
#define HEADER_BLOCK 8192

struct HttpClient
{
	CURLM	   *multi;			/* NULL until the first transfer */
	pid_t		pid;			/* a forked child must not touch this */
	AddressPolicy policy;
	uint32		wait_events[HTTP_WAIT_PACE + 1];
	HttpWait	wait;			/* which of them comes next */
	dlist_head	running;		/* HttpTransfer.node */
	struct pollfd *sockets;		/* that libcurl waits for; malloc'd */
	int			nsockets;
	int			socket_room;
	int64		timer_at;		/* us; libcurl has something to do then */
	bool		resumed;		/* a transfer was paused, and is to go on */
	int64		body_bytes;		/* of answers, since it last was */
	int64		acted_at;		/* us; all sockets were looked after then */
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

	/* receive buffer, its own or lent: unread bytes are buffer[start .. end) */
	char	   *own;			/* NULL for none yet */
	size_t		own_size;
	char	   *lent;			/* NULL for none now */
	size_t		lent_size;
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
	bool		http2;
	int			connect_timeout;
	long		read_size;

	int64		begun_at;		/* us */
	bool		rested;
	int			stall_timeout;
	int64		progress_at;	/* on the client's clock */
	int			min_rate;
	int64		body_bytes;		/* that have come */
	int64		window_at;		/* the rate is measured from then, on that
								 * clock; 0 for not yet */
	int64		window_bytes;	/* had come then */
	curl_off_t	sent;			/* of the body, when last looked at */
	const char *body_next;		/* of one that goes out once: what is left */
	size_t		body_left;
	const char *refused;		/* kind of address that policy refused */
	char		refused_address[INET6_ADDRSTRLEN];
	char		tls[96];		/* of a probe: version and cipher */
	char		text[CURL_ERROR_SIZE];
};

/* In a function with "easy" and "ok". */
#define SET(option, value) \
	ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok

/* Has the answer a body that is wanted, and not the text of an error? */
static inline bool
http_successful(const HttpTransfer *transfer)
{
	return transfer->status >= 200 && transfer->status <= 299;
}

/* http_client.c */

/*
 * libcurl may start a thread to resolve a name, and a thread inherits the
 * signal mask: without this, PostgreSQL's handlers could run on it.
 */
extern void http_block_signals(sigset_t *saved);
extern void http_restore_signals(const sigset_t *saved);

/* Takes a transfer that runs out of libcurl's hands. */
extern void http_leave_running(HttpTransfer *transfer, HttpState state);

extern void http_out_of_memory(void);

/*
 * http_sockets.c: has libcurl tell what it waits for, of a fresh multi handle; and
 * waits for that, and moves on what is ready.
 */
extern void http_watch_sockets(HttpClient *client);
extern CURLMcode http_wait_and_act(HttpClient *client, int timeout);

/* http_pump.c: the exchange has ended. */
extern void http_finish(HttpTransfer *transfer, CURLcode code);

/* http_probe.c: false if libcurl will not. */
extern bool http_set_probe_options(HttpTransfer *transfer, bool connect_only);

/* http_callbacks.c: as libcurl wants them. */
extern size_t http_on_body(char *data, size_t size, size_t count, void *arg);
extern size_t http_on_send(char *to, size_t size, size_t count, void *arg);
extern size_t http_on_header(char *line, size_t size, size_t count, void *arg);
extern curl_socket_t http_on_open_socket(void *arg, curlsocktype purpose,
										 struct curl_sockaddr *address);

#endif							/* PINTEREST_HTTP_INTERNAL_H */
