/*-------------------------------------------------------------------------
 *
 * check_peers.c
 *	  Tries the way to servers that do not speak HTTP.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/clean_text.h"
#include "aws/client.h"
#include "net/http.h"
#include "source/check.h"

#define CONNECT_TIMEOUT 10000	/* ms */

#define HOST_CHARACTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:%"

/* NULL if there is no such host, which the peer then tells. */
static HttpTransfer *
begin(HttpClient *client, CheckPeer *peer)
{
	HttpRequest request = {0};
	HttpTransfer *transfer;

	if (*peer->host == '\0' || strspn(peer->host, HOST_CHARACTERS) != strlen(peer->host))
	{
		peer->failure = HTTP_BAD_REQUEST;
		strlcpy(peer->problem, "no host has such a name", sizeof(peer->problem));
		return NULL;
	}
	transfer = http_transfer_create(client);
	if (transfer == NULL)
	{
		peer->failure = HTTP_NO_CONNECTION;
		strlcpy(peer->problem, "too many connections to other servers are open",
				sizeof(peer->problem));
		return NULL;
	}
	request.method = "GET";
	request.origin = psprintf("http://%s:%d/", peer->host, peer->port);
	request.target = "/";
	request.connect_timeout = Min(CONNECT_TIMEOUT, pinterest_request_timeout);
	request.stall_timeout = pinterest_request_timeout;
	request.probe = true;
	request.connect_only = true;
	http_begin(transfer, &request);
	return transfer;
}

static void
take_outcome(CheckPeer *peer, HttpTransfer *transfer)
{
	const char *text = http_failure_text(transfer);

	http_connection(transfer, &peer->connection);
	peer->reached = http_state(transfer) == HTTP_DONE;
	if (!peer->reached)
	{
		peer->failure = http_failure(transfer);
		aws_clean_text(peer->problem, sizeof(peer->problem), text, strlen(text), NULL);
	}
	http_abort(transfer);
}

void
check_peers(CheckPeer *peers, int n, AddressPolicy policy)
{
	HttpClient *client = http_client(policy);
	HttpTransfer **transfers = palloc(sizeof(HttpTransfer *) * Max(n, 1));

	for (int i = 0; i < n; i++)
		transfers[i] = begin(client, &peers[i]);
	for (int i = 0; i < n; i++)
	{
		if (transfers[i] == NULL)
			continue;
		while (http_state(transfers[i]) == HTTP_RUNNING)
			http_pump(client, 100);
		take_outcome(&peers[i], transfers[i]);
	}
}
