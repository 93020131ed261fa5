/*-------------------------------------------------------------------------
 *
 * kafka_rest.c
 *	  Requests to a Kafka REST proxy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/client.h"
#include "aws/clean_text.h"
#include "common/base64.h"
#include "foreign/foreign.h"
#include "kafka/options.h"
#include "miscadmin.h"
#include "net/clock.h"
#include "net/url.h"
#include "option.h"
#include "source/kafka/kafka_rest.h"
#include "utils/memutils.h"

#define CONNECT_TIMEOUT 10000	/* ms */

/* Between two attempts: at first, and at most, in ms. */
#define FIRST_PAUSE 100
#define LAST_PAUSE 5000

/* Answers tell an offset for each record. */
#define MAX_ANSWER (16 * 1024 * 1024)

/* Codes of whole requests. */
#define TOPIC_NOT_FOUND 40401
#define PARTITION_NOT_FOUND 40402
#define RETRIABLE_KAFKA 50003

struct RestProxy
{
	MemoryContext context;
	HttpClient *http;
	HttpTransfer *transfer;		/* NULL before the first request */
	AddressPolicy policy;
	const char *url;			/* as the option has it */
	char	   *origin;
	char	   *root;			/* of all paths; "" or "/stage" */
	const char *ca_file;
	char	   *authorization;	/* a header, or NULL */
	const char *password;		/* in it */
	char	   *target;			/* of the current request */
	HttpRequest request;
	StringInfoData body;		/* of the answer */
	char		reason[256];
};

/*
 * The option
 */

void
rest_proxy_check_url(const char *url)
{
	char	   *root;

	(void) url_parse_root("rest_proxy", url, &root);
}

/* RFC 7617 */
static char *
authorization(const char *user, const char *password)
{
	char	   *plain = psprintf("%s:%s", user, password);
	int			room = pg_b64_enc_len(strlen(plain));
	char	   *encoded = palloc(room + 1);
	int			len = pg_b64_encode((void *) plain, strlen(plain), encoded, room);

	encoded[Max(len, 0)] = '\0';
	return psprintf("Authorization: Basic %s", encoded);
}

RestProxy *
rest_proxy_create(const SourceRequest *request)
{
	RestProxy  *proxy = palloc0(sizeof(RestProxy));
	List	   *mapping = kafka_mapping_options(request->serverid, request->userid,
												request->server_options);
	const char *user = option_text(mapping, "rest_proxy_user");
	Endpoint   *endpoint;

	proxy->context = CurrentMemoryContext;
	proxy->url = option_text(request->server_options, "rest_proxy");
	proxy->ca_file = option_text(request->server_options, "ca_file");
	proxy->policy = superuser_arg(GetForeignServer(request->serverid)->owner) ?
		ADDRESS_PRIVATE : ADDRESS_PUBLIC;
	endpoint = url_parse_root("rest_proxy", proxy->url, &proxy->root);
	proxy->origin = psprintf("%s://%s/", endpoint->tls ? "https" : "http", endpoint->authority);
	if (user != NULL)
	{
		proxy->password = option_text(mapping, "rest_proxy_password");
		proxy->authorization = authorization(user, proxy->password);
	}
	initStringInfo(&proxy->body);
	return proxy;
}

/*
 * Requests
 */

static void
take_transfer(RestProxy *proxy)
{
	MemoryContext before = MemoryContextSwitchTo(proxy->context);

	proxy->http = http_client(proxy->policy);
	proxy->transfer = http_transfer_create(proxy->http);
	if (proxy->transfer == NULL)
		aws_out_of_connections();
	MemoryContextSwitchTo(before);
}

void
rest_proxy_begin(RestProxy *proxy, const char *path, const char *body, size_t len)
{
	HttpRequest *request = &proxy->request;

	if (proxy->transfer == NULL)
		take_transfer(proxy);
	if (proxy->target != NULL)
		pfree(proxy->target);
	proxy->target = MemoryContextStrdup(proxy->context, psprintf("%s%s", proxy->root, path));
	resetStringInfo(&proxy->body);
	memset(request, 0, sizeof(HttpRequest));
	request->method = body == NULL ? "GET" : "POST";
	request->origin = proxy->origin;
	request->ca_file = proxy->ca_file;
	request->target = proxy->target;
	request->headers[request->nheaders++] = "Accept: application/vnd.kafka.v2+json";
	if (body != NULL)
		request->headers[request->nheaders++] = "Content-Type: application/vnd.kafka.json.v2+json";
	if (proxy->authorization != NULL)
		request->headers[request->nheaders++] = proxy->authorization;
	request->body = body;
	request->body_len = len;
	request->once = true;
	request->connect_timeout = Min(CONNECT_TIMEOUT, pinterest_request_timeout);
	request->stall_timeout = pinterest_request_timeout;
	request->buffer_size = HTTP_MIN_BUFFER;
	http_begin(proxy->transfer, request);
	http_name_wait(proxy->http, HTTP_WAIT_ANSWER);
	http_pump(proxy->http, 0);
}

/* Takes what has come; false if it is too much. */
static bool
collect(RestProxy *proxy)
{
	size_t		n;

	while ((n = http_available(proxy->transfer)) > 0)
	{
		if (proxy->body.len + n > MAX_ANSWER)
			return false;
		enlargeStringInfo(&proxy->body, n);
		proxy->body.len += http_read(proxy->transfer, proxy->body.data + proxy->body.len, n);
		proxy->body.data[proxy->body.len] = '\0';
	}
	return true;
}

static void
set_reason(RestProxy *proxy, const char *text)
{
	AwsCredentials secrets = {.secret_access_key = proxy->password};

	aws_clean_text(proxy->reason, sizeof(proxy->reason), text, strlen(text), &secrets);
}

void
rest_proxy_await(RestProxy *proxy, RestAnswer *answer)
{
	HttpTransfer *transfer = proxy->transfer;
	bool		fits = true;

	memset(answer, 0, sizeof(RestAnswer));
	answer->reason = proxy->reason;
	while (http_state(transfer) == HTTP_RUNNING && fits)
	{
		http_name_wait(proxy->http, HTTP_WAIT_ANSWER);
		http_pump(proxy->http, 100);
		fits = collect(proxy);
	}
	if (!fits || !collect(proxy))
	{
		http_abort(transfer);
		answer->failure = HTTP_BROKEN;
		set_reason(proxy, "its answer does not end");
	}
	else if (http_state(transfer) != HTTP_DONE)
	{
		answer->failure = http_failure(transfer);
		set_reason(proxy, http_failure_text(transfer));
	}
	else
	{
		answer->status = http_status(transfer);
		answer->body = proxy->body.data;
		answer->len = proxy->body.len;
		if (answer->status < 200 || answer->status > 299)
			answer->body = http_error_body(transfer, &answer->len);
	}
}

void
rest_proxy_pause(RestProxy *proxy, int n)
{
	int64		until = monotonic_us() +
		1000L * Min(FIRST_PAUSE << Min(Max(n, 0), 10), LAST_PAUSE);
	int64		left;

	while ((left = until - monotonic_us()) > 0)
	{
		http_name_wait(proxy->http, HTTP_WAIT_BACKOFF);
		http_pump(proxy->http, (int) Min(left / 1000 + 1, 100));
	}
}

/*
 * Answers
 */

bool
rest_answer_certain(const RestAnswer *answer)
{
	char		ignored[8];

	switch (answer->status)
	{
		case 0:
			return answer->failure != HTTP_STALLED && answer->failure != HTTP_BROKEN;
		case 502:
		case 504:
			return false;
		case 500:
			return rest_reply_error(answer, ignored, sizeof(ignored)) != 0;
		default:
			return answer->status >= 300;
	}
}

bool
rest_answer_retriable(const RestAnswer *answer)
{
	char		ignored[8];

	switch (answer->status)
	{
		case 0:
			return answer->failure == HTTP_NO_CONNECTION;
		case 429:
		case 503:
			return true;
		case 500:
			return rest_reply_error(answer, ignored, sizeof(ignored)) == RETRIABLE_KAFKA;
		default:
			return false;
	}
}

static int
sqlstate_of(const RestAnswer *answer)
{
	switch (answer->status)
	{
		case 0:
			return answer->failure == HTTP_REFUSED_ADDRESS ? ERRCODE_INSUFFICIENT_PRIVILEGE :
				answer->failure == HTTP_NO_CONNECTION || answer->failure == HTTP_TLS_CERTIFICATE ?
				ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION : ERRCODE_CONNECTION_FAILURE;
		case 401:
			return ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
		case 403:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case 404:
			return ERRCODE_UNDEFINED_OBJECT;
		case 413:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case 502:
		case 504:
			return ERRCODE_CONNECTION_FAILURE;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

static const char *
hint_of(const RestAnswer *answer, int code)
{
	if (answer->failure == HTTP_REFUSED_ADDRESS)
		return "Loopback and private addresses are open only to a server that a superuser owns, link-local addresses to none.";
	if (answer->failure == HTTP_TLS_CERTIFICATE)
		return "Check the host name in option \"rest_proxy\", and that option \"ca_file\" of the server, or without it this machine, trusts the authority that signed its certificate.";
	if (answer->failure == HTTP_STALLED)
		return "A proxy may look for a topic it does not know for a minute. Check the name of the topic, or raise the setting \"pinterest.request_timeout\".";
	if (code == TOPIC_NOT_FOUND)
		return "Check the name of the topic.";
	if (code == PARTITION_NOT_FOUND)
		return "Check the number of the partition.";
	if (answer->status == 401 || answer->status == 403)
		return "Check \"rest_proxy_user\" and \"rest_proxy_password\" of the user mapping.";
	if (answer->status == 413)
		return "A record is larger than the proxy takes.";
	if (answer->status == 429 || answer->status == 503)
		return "The proxy is overloaded. Try again later.";
	return "Check the option \"rest_proxy\" of the server: it is the URL of a proxy that speaks version 2 of the interface, without \"/topics\".";
}

void
rest_answer_raise(const RestProxy *proxy, const RestAnswer *answer, const char *what,
				  int attempts)
{
	StringInfoData detail;
	char		message[200] = "";
	int			code = answer->status == 0 ? 0 :
		rest_reply_error(answer, message, sizeof(message));

	initStringInfo(&detail);
	if (code != 0 || message[0] != '\0')
		appendStringInfo(&detail, "The proxy answered with status %d, code %d: \"%s\".",
						 answer->status, code, message);
	if (attempts > 1)
		appendStringInfo(&detail, "%sThe request was sent %d times.",
						 detail.len > 0 ? " " : "", attempts);
	ereport(ERROR,
			(errcode(sqlstate_of(answer)),
			 errmsg("could not %s through \"%s\": %s", what, proxy->url,
					answer->status == 0 ? answer->reason :
					answer->status < 300 ? "the answer is not that of a Kafka REST proxy" :
					code == TOPIC_NOT_FOUND ? "the topic does not exist" :
					code == PARTITION_NOT_FOUND ? "the partition does not exist" :
					psprintf("HTTP status %d", answer->status)),
			 detail.len > 0 ? errdetail_internal("%s", detail.data) : 0,
			 errhint("%s", hint_of(answer, code))));
	pg_unreachable();
}
