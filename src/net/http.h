/*-------------------------------------------------------------------------
 *
 * http.h
 *	  HTTP exchanges that do not block: all of libcurl stands behind this.
 *
 * A client keeps connections for the life of the backend, one client for
 * each address policy (a connection that one policy allowed must not serve
 * another).  A transfer is one exchange at a time with a receive buffer of
 * fixed size; it can be used again and again.
 *
 *	  http_client -> http_transfer_create -> http_begin
 *	  http_pump ... http_state, http_status, http_header, http_read
 *
 * Only http_pump waits; it wakes up at least ten times a second to let the
 * query be cancelled.  Nothing here follows redirects, decodes bodies, uses
 * proxies of the environment, or retries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_HTTP_H
#define PINTEREST_HTTP_H

#include "postgres.h"

#include "net/address.h"

/* What is kept of the body of an answer outside 2xx. */
#define HTTP_ERROR_BODY_MAX (16 * 1024)

/* The least a receive buffer can be. */
#define HTTP_MIN_BUFFER (16 * 1024)

#define HTTP_MAX_HEADERS 24

typedef struct HttpClient HttpClient;
typedef struct HttpTransfer HttpTransfer;

typedef enum HttpState
{
	HTTP_IDLE,					/* nothing begun, or aborted */
	HTTP_RUNNING,
	HTTP_DONE,					/* a whole answer, of whatever status */
	HTTP_FAILED					/* no answer, or half of one */
} HttpState;

typedef enum HttpFailure
{
	HTTP_NO_FAILURE,
	HTTP_REFUSED_ADDRESS,		/* our own policy; will not get better */
	HTTP_BAD_REQUEST,			/* libcurl would not send it */
	HTTP_TLS_CERTIFICATE,		/* the server is not who it should be */
	HTTP_NO_CONNECTION,			/* name, connection, or TLS handshake */
	HTTP_STALLED,				/* nothing came for too long, or too little */
	HTTP_BROKEN					/* the connection ended early */
} HttpFailure;

/* What pg_stat_activity shows while http_pump waits, from release 17 on. */
typedef enum HttpWait
{
	HTTP_WAIT_ANSWER,			/* PinterestHttp */
	HTTP_WAIT_LIST,				/* PinterestList */
	HTTP_WAIT_GET,				/* PinterestGet */
	HTTP_WAIT_BACKOFF,			/* PinterestBackoff */
	HTTP_WAIT_PACE				/* PinterestPace */
} HttpWait;

/*
 * Everything a request points at belongs to the caller and stays as it is
 * until the exchange has ended.
 */
typedef struct HttpRequest
{
	const char *method;
	const char *origin;			/* scheme://host[:port]/ */
	const char *ca_file;		/* PEM file of the only authorities to trust, the
								 * same for all requests of a transfer; NULL
								 * for those of the machine */
	const char *target;			/* encoded path and query, starts with "/";
								 * goes out byte for byte */
	const char *headers[HTTP_MAX_HEADERS];	/* "Name: value" */
	int			nheaders;
	const char *body;			/* NULL for none */
	size_t		body_len;
	bool		once;			/* the body must not go out twice, as libcurl has it
								 * where a connection that served before ends
								 * without an answer */
	bool		http2;			/* over a connection of its own, in HTTP/2 where the
								 * server knows it; without TLS it must */
	int			connect_timeout;	/* ms */
	int			stall_timeout;	/* ms in which nothing at all arrives, while
								 * we are willing to take something */
	int			min_rate;		/* bytes a second of the answer's body, over
								 * stall_timeout; 0 for any */
	size_t		buffer_size;	/* of the receive buffer, at least */
	size_t		lends;			/* not 0: the receive buffer is what http_lend
								 * gives, mostly of this size */
	bool		keep_unread;	/* leave what the last exchange left in the
								 * receive buffer, and append to it */
	int64		skip_if_200;	/* drop this much of the body if the status is
								 * 200: the server ignored our Range */
	bool		probe;			/* look the name up and connect afresh, for
								 * http_connection; the transfer then serves
								 * for nothing else */
	bool		connect_only;	/* of a probe: send nothing */
} HttpRequest;

/* How far an exchange came. */
typedef enum HttpPhase
{
	HTTP_LOOKUP,				/* of the host's name */
	HTTP_CONNECT,
	HTTP_HANDSHAKE,				/* TLS */
	HTTP_ANSWER					/* the request and what comes back */
} HttpPhase;

/* What a probe has learnt.  Texts are empty where libcurl does not tell. */
typedef struct HttpConnection
{
	HttpPhase	phase;			/* it is in, or ended in */
	double		took[HTTP_ANSWER + 1];	/* ms, of each phase that is over; of
										 * the last, until the answer began */
	char		address[64];	/* of the other side */
	int			port;
	char		tls[96];		/* version and cipher */
	char		issuer[192];	/* of the server's certificate */
	char		expires[64];	/* it is valid until then */
} HttpConnection;

/* The backend's client for a policy. Raises only when libcurl cannot start. */
extern HttpClient *http_client(AddressPolicy policy);

/*
 * A transfer that lives in the current memory context: a reset callback ends
 * the exchange and gives the handle back.  NULL when the backend may not open
 * more connections (max_files_per_process).
 */
extern HttpTransfer *http_transfer_create(HttpClient *client);

/* How many there are, and how many more could be created now, about. */
extern int	http_transfers(const HttpClient *client);
extern int	http_transfers_left(const HttpClient *client);

/* Starts an exchange; the transfer must not be running. Does not block. */
extern void http_begin(HttpTransfer *transfer, const HttpRequest *request);

/* Ends it, whatever its state; the unread part of the buffer stays. */
extern void http_abort(HttpTransfer *transfer);

/*
 * Moves all transfers of the client on.  Waits until something happens, for
 * timeout milliseconds at most (never more than 100); 0 does not wait.
 */
extern void http_pump(HttpClient *client, int timeout);

/* Names the next wait of http_pump, only that. */
extern void http_name_wait(HttpClient *client, HttpWait wait);

extern HttpState http_state(const HttpTransfer *transfer);

/* Status of the answer; 0 until its headers are complete. */
extern int	http_status(const HttpTransfer *transfer);

/* A header of the answer, NULL if absent.  Lives until the next begin. */
extern const char *http_header(const HttpTransfer *transfer, const char *name);

/*
 * Takes up to room bytes of a 2xx body out of the receive buffer, and lets
 * more flow in once it is empty.
 */
extern size_t http_read(HttpTransfer *transfer, char *to, size_t room);

/* Bytes ready to be read. */
extern size_t http_available(const HttpTransfer *transfer);

/*
 * The receive buffer of requests that say "lends" belongs to the caller, who
 * lends it until it is full, or as long as he likes; meanwhile it stays where it
 * is.  Without one the exchange rests.  It has HTTP_MIN_BUFFER bytes or more, and
 * is filled from its start, anew by each exchange.  http_take_back returns how
 * many bytes of a 2xx body are there.
 */
extern void http_lend(HttpTransfer *transfer, char *buffer, size_t size);
extern size_t http_take_back(HttpTransfer *transfer);

/* The buffer is full, and the exchange rests until it has been read. */
extern bool http_paused(const HttpTransfer *transfer);

/*
 * While the exchange ran, http_pump was not called for a second or more.  That
 * it failed may be due to that: connections and handshakes time out, and
 * servers close what nobody reads.
 */
extern bool http_rested(const HttpTransfer *transfer);

/* Bytes of a 2xx body that this exchange has put into the buffer so far. */
extern int64 http_received(const HttpTransfer *transfer);

/* The start of a body outside 2xx; NUL-terminated. */
extern const char *http_error_body(const HttpTransfer *transfer, size_t *len);

/* What is known of the connection of a probe, whatever its state. */
extern void http_connection(const HttpTransfer *transfer, HttpConnection *connection);

/* Why it is HTTP_FAILED: the kind, and a text for people without secrets. */
extern HttpFailure http_failure(const HttpTransfer *transfer);
extern const char *http_failure_text(const HttpTransfer *transfer);

#endif							/* PINTEREST_HTTP_H */
