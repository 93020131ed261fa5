/*-------------------------------------------------------------------------
 *
 * http_sockets.c
 *	  Which sockets libcurl waits for, and until when; waiting for them.
 *
 * libcurl tells of each change by a callback, and is told of the sockets on
 * which something has happened.  curl_multi_perform would look at all of them
 * each time, with a system call for each: with hundreds of requests in flight
 * and an answer every 50 us, that would be most of what a request costs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/http_internal.h"
#include "pgstat.h"
#include "utils/wait_event.h"

/*
 * When transfers that were paused go on, and have brought so many bytes, the others
 * wait for another round, but no longer than so long (us): what has come is
 * then read while it is in the processor's cache.
 */
#define ENOUGH_BYTES (64 * 1024)
#define LONGEST_TURN 20000

/* Nothing here may raise an error, as in http_callbacks.c. */
static bool
make_room(HttpClient *client)
{
	int			room = Max(client->socket_room * 2, 64);
	struct pollfd *larger;

	if (client->nsockets < client->socket_room)
		return true;
	larger = realloc(client->sockets, room * sizeof(struct pollfd));
	if (larger == NULL)
		return false;
	client->sockets = larger;
	client->socket_room = room;
	return true;
}

/* libcurl keeps for each socket its place among them, from 1; 0: it has none. */
static void
put_socket(HttpClient *client, int i, struct pollfd socket)
{
	client->sockets[i] = socket;
	curl_multi_assign(client->multi, socket.fd, (void *) (intptr_t) (i + 1));
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *place)
{
	HttpClient *client = arg;
	int			i = (int) (intptr_t) place - 1;

	if (what == CURL_POLL_REMOVE)
	{
		if (i >= 0 && i < --client->nsockets)
			put_socket(client, i, client->sockets[client->nsockets]);
		return 0;
	}
	if (i < 0)
	{
		if (!make_room(client))
			return -1;
		i = client->nsockets++;
		put_socket(client, i, (struct pollfd) {.fd = fd});
	}
	client->sockets[i].events = (what & CURL_POLL_IN ? POLLIN : 0) |
		(what & CURL_POLL_OUT ? POLLOUT : 0);
	return 0;
}

/* The timer goes off once, and may be set again any time. */
static int
on_timer(CURLM *multi, long timeout, void *arg)
{
	HttpClient *client = arg;

	client->timer_at = timeout < 0 ? PG_INT64_MAX : monotonic_us() + (int64) timeout * 1000;
	return 0;
}

void
http_watch_sockets(HttpClient *client)
{
	client->nsockets = 0;
	client->timer_at = PG_INT64_MAX;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
}

/* Returns how many sockets are ready; a signal ends the wait early. */
static int
wait_for_sockets(HttpClient *client, int timeout)
{
	int64		until_timer = (client->timer_at - monotonic_us() + 999) / 1000;
	int			ready;

	timeout = (int) Max(Min(timeout, until_timer), 0);
	if (timeout > 0)
		pgstat_report_wait_start(client->wait_events[client->wait]);
	ready = poll(client->sockets, client->nsockets, timeout);
	if (timeout > 0)
		pgstat_report_wait_end();
	return ready;
}

/* What poll says, as libcurl itself understands it. */
static int
ready_for(const struct pollfd *socket)
{
	int			what = 0;

	if (socket->revents & (POLLIN | POLLERR | POLLHUP))
		what |= CURL_CSELECT_IN;
	if (socket->events & POLLOUT && socket->revents & (POLLOUT | POLLERR | POLLHUP))
		what |= CURL_CSELECT_OUT;
	if (socket->revents & POLLNVAL)
		what |= CURL_CSELECT_ERR;
	return what;
}

/*
 * Moves on the transfers whose sockets are ready.  Callbacks may change the list
 * meanwhile: what takes the place of a socket comes from the end of the list,
 * which has been dealt with.
 */
static CURLMcode
act_on_sockets(HttpClient *client, int ready)
{
	CURLMcode	code = CURLM_OK;
	int			running;

	for (int i = client->nsockets - 1; i >= 0 && ready > 0 && code == CURLM_OK; i--)
	{
		struct pollfd socket;

		if (i >= client->nsockets || client->sockets[i].revents == 0)
			continue;
		socket = client->sockets[i];
		client->sockets[i].revents = 0;
		ready--;
		code = curl_multi_socket_action(client->multi, socket.fd, ready_for(&socket), &running);
	}
	return code;
}

/* Moves on the transfers whose time has come, and those that were paused. */
static CURLMcode
act_on_timer(HttpClient *client)
{
	int			running;

	if (client->timer_at > monotonic_us())
		return CURLM_OK;
	client->timer_at = PG_INT64_MAX;
	return curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* Moves on those that were paused, and no longer are; have they brought enough? */
static bool
resumed_suffice(HttpClient *client, CURLMcode *code)
{
	if (!client->resumed)
		return false;
	client->resumed = false;
	client->body_bytes = 0;
	*code = act_on_timer(client);
	return *code != CURLM_OK || (client->body_bytes >= ENOUGH_BYTES &&
								 monotonic_us() - client->acted_at < LONGEST_TURN);
}

CURLMcode
http_wait_and_act(HttpClient *client, int timeout)
{
	int			ready = wait_for_sockets(client, timeout);
	CURLMcode	code = CURLM_OK;
	sigset_t	saved;

	client->wait = HTTP_WAIT_ANSWER;
	if (ready <= 0 && client->timer_at > monotonic_us())
		return CURLM_OK;
	http_block_signals(&saved);
	if (!resumed_suffice(client, &code))
	{
		client->acted_at = monotonic_us();
		if (ready > 0)
			code = act_on_sockets(client, ready);
		if (code == CURLM_OK)
			code = act_on_timer(client);
	}
	http_restore_signals(&saved);
	return code;
}
