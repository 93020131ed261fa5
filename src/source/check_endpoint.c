/*-------------------------------------------------------------------------
 *
 * check_endpoint.c
 *	  Tries the way to an HTTP endpoint, and tells where it ends.
 *
 * One request on a connection of its own; libcurl says when each phase of it
 * was over.  Nothing in it is signed, and what is answered does not matter:
 * an error of the service means that there is one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/clean_text.h"
#include "aws/client.h"
#include "net/date.h"
#include "net/http.h"
#include "source/check.h"

#define CONNECT_TIMEOUT 10000	/* ms */

/* AWS refuses signatures further off than this (s); clocks differ a little. */
#define SKEW_REFUSED (15 * 60)
#define SKEW_NORMAL 60

typedef struct Probe
{
	const CheckEndpoint *endpoint;
	HttpTransfer *transfer;
	HttpConnection connection;
	bool		answered;
	int64		skew;			/* seconds the other side is ahead */
	bool		dated;			/* skew is known */
	char		problem[256];	/* "" if it answered */
	HttpFailure failure;
} Probe;

static void
clean(char *text, size_t room)
{
	char	   *copy = pstrdup(text);

	aws_clean_text(text, room, copy, strlen(copy), NULL);
	pfree(copy);
}

static void
take_answer(Probe *probe)
{
	const char *date = http_header(probe->transfer, "Date");
	int64		seconds;

	http_connection(probe->transfer, &probe->connection);
	clean(probe->connection.tls, sizeof(probe->connection.tls));
	clean(probe->connection.issuer, sizeof(probe->connection.issuer));
	clean(probe->connection.expires, sizeof(probe->connection.expires));
	probe->answered = http_status(probe->transfer) != 0;
	if (!probe->answered)
	{
		strlcpy(probe->problem, http_failure_text(probe->transfer), sizeof(probe->problem));
		clean(probe->problem, sizeof(probe->problem));
		probe->failure = http_failure(probe->transfer);
	}
	else if (date != NULL && http_date_parse(date, &seconds))
	{
		probe->dated = true;
		probe->skew = seconds - (int64) time(NULL);
	}
}

/* CheckWork, though not a step by itself. */
static char *
send_probe(void *arg)
{
	Probe	   *probe = arg;
	HttpClient *client = http_client(probe->endpoint->policy);
	HttpRequest request = {0};

	request.method = "GET";
	request.origin = probe->endpoint->origin;
	request.ca_file = probe->endpoint->ca_file;
	request.target = "/";
	request.connect_timeout = Min(CONNECT_TIMEOUT, pinterest_request_timeout);
	request.stall_timeout = pinterest_request_timeout;
	request.probe = true;
	probe->transfer = http_transfer_create(client);
	if (probe->transfer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many connections to other servers are open"),
				 errhint("Raise max_files_per_process.")));
	http_begin(probe->transfer, &request);
	while (http_state(probe->transfer) == HTTP_RUNNING && http_status(probe->transfer) == 0)
		http_pump(client, 100);
	take_answer(probe);
	http_abort(probe->transfer);
	return NULL;
}

/* Adds the step of one phase; false if it failed. */
static bool
add_phase(Check *check, const Probe *probe, HttpPhase phase, const char *name,
		  const char *detail, const char *hint)
{
	const HttpConnection *connection = &probe->connection;

	if (!probe->answered && connection->phase < phase)
		return check_run(check, name, false, NULL, NULL, NULL);
	if (!probe->answered && connection->phase == phase)
		check_add(check, name, CHECK_FAILED, check->took,
				  psprintf("Host \"%s\": %s.", probe->endpoint->host, probe->problem), hint);
	else
		check_add(check, name, CHECK_OK, connection->took[phase], detail, NULL);
	return probe->answered || connection->phase > phase;
}

static void
add_lookup(Check *check, const Probe *probe)
{
	if (probe->endpoint->literal)
		check_add(check, "name lookup", CHECK_SKIPPED, -1,
				  psprintf("\"%s\" is an address.", probe->endpoint->host), NULL);
	else
		add_phase(check, probe, HTTP_LOOKUP, "name lookup",
				  psprintf("\"%s\" has an address.", probe->endpoint->host),
				  "Check the host name in the endpoint and region of the server, and the name service of this machine.");
}

static void
add_connection(Check *check, const Probe *probe)
{
	add_phase(check, probe, HTTP_CONNECT, "connection",
			  psprintf("%s, port %d.", probe->connection.address, probe->connection.port),
			  probe->failure == HTTP_REFUSED_ADDRESS ?
			  "Loopback and private addresses are open only to a server that a superuser owns, link-local addresses to none." :
			  "Check the host and port in the endpoint, that a service runs there, and that no firewall stands between.");
}

static void
add_tls(Check *check, const Probe *probe)
{
	const HttpConnection *connection = &probe->connection;
	StringInfoData detail;

	if (!probe->endpoint->tls)
	{
		check_add(check, "TLS", CHECK_SKIPPED, -1,
				  "The endpoint is http://, so others on the way can read what is sent.", NULL);
		return;
	}
	initStringInfo(&detail);
	appendStringInfoString(&detail, connection->tls[0] ? connection->tls : "Agreed");
	if (connection->issuer[0])
		appendStringInfo(&detail, "; certificate by \"%s\"", connection->issuer);
	if (connection->expires[0])
		appendStringInfo(&detail, ", valid until %s", connection->expires);
	appendStringInfoChar(&detail, '.');
	add_phase(check, probe, HTTP_HANDSHAKE, "TLS", detail.data,
			  probe->failure == HTTP_TLS_CERTIFICATE ?
			  "Check the endpoint's host name, and that option \"ca_file\" of the server, or without it this machine, trusts the authority that signed its certificate." :
			  "Check that the endpoint's port speaks TLS; if it does not, the endpoint begins with http://.");
}

/* A skew does not stop us: signatures follow the service's clock. */
static void
add_clock(Check *check, const Probe *probe)
{
	double		took = probe->connection.took[HTTP_ANSWER];
	int64		skew = Max(probe->skew, -probe->skew);
	char	   *detail;

	if (!probe->answered)
	{
		add_phase(check, probe, HTTP_ANSWER, "clock", NULL,
				  "It takes connections, but no HTTP answer comes. Check that the endpoint is the service that is meant.");
		return;
	}
	if (!probe->dated)
	{
		check_add(check, "clock", CHECK_SKIPPED, took, "The service does not tell its time.", NULL);
		return;
	}
	detail = skew <= SKEW_NORMAL ? pstrdup("The clocks agree within a minute.") :
		psprintf("The clock of this machine is %lld seconds %s that of the service.",
				 (long long) skew, probe->skew > 0 ? "behind" : "ahead of");
	check_add(check, "clock", skew >= SKEW_REFUSED ? CHECK_FAILED : CHECK_OK, took, detail,
			  "Set the clock of this machine. Until then the first requests of a query are sent twice.");
}

bool
check_endpoint(Check *check, bool ready, const CheckEndpoint *endpoint)
{
	static const char *const names[] = {"name lookup", "connection", "TLS", "clock"};
	Probe	   *probe = palloc0(sizeof(Probe));
	ErrorData  *error;
	char	   *ignored;
	int			i;

	probe->endpoint = endpoint;
	if (!ready)
	{
		for (i = 0; i < (int) lengthof(names); i++)
			check_run(check, names[i], false, NULL, NULL, NULL);
		return false;
	}
	error = check_try(check, send_probe, probe, &ignored);
	if (error != NULL)
	{
		check_add_error(check, names[0], error, NULL);
		for (i = 1; i < (int) lengthof(names); i++)
			check_run(check, names[i], false, NULL, NULL, NULL);
		return false;
	}
	add_lookup(check, probe);
	add_connection(check, probe);
	add_tls(check, probe);
	add_clock(check, probe);
	return probe->answered;
}
