/*-------------------------------------------------------------------------
 *
 * oidc.c
 *	  Tokens of an OAuth 2 service, for a client that has a secret there.
 *
 * librdkafka can do it too, if it was built with libcurl, which that of Debian
 * was not.  Here each wait can be cancelled, and the address is checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/clean_text.h"
#include "aws/credentials_fetch.h"
#include "common/base64.h"
#include "foreign/foreign.h"
#include "kafka/oidc.h"
#include "kafka/options.h"
#include "miscadmin.h"
#include "net/url.h"
#include "option.h"

#define CONNECT_TIMEOUT 3000	/* ms */
#define STALL_TIMEOUT 10000
#define TRIES 3

/* Of a token whose end the service does not tell, in s. */
#define DEFAULT_LIFE 300

struct Oidc
{
	AddressPolicy policy;
	char	   *origin;
	const char *target;
	const char *client;
	const char *secret;
	const char *scope;			/* NULL: none */
};

Oidc *
oidc_create(Oid serverid, List *server_options, List *mapping_options)
{
	Oidc	   *oidc = palloc0(sizeof(Oidc));
	Endpoint   *endpoint =
		url_parse(option_text(server_options, "sasl.oauthbearer.token.endpoint.url"),
				  &oidc->target);

	oidc->policy = superuser_arg(GetForeignServer(serverid)->owner) ? ADDRESS_PRIVATE :
		ADDRESS_PUBLIC;
	oidc->origin = psprintf("%s://%s/", endpoint->tls ? "https" : "http", endpoint->authority);
	oidc->client = option_text(mapping_options, "sasl.oauthbearer.client.id");
	oidc->secret = option_text(mapping_options, "sasl.oauthbearer.client.secret");
	oidc->scope = option_text(server_options, "sasl.oauthbearer.scope");
	return oidc;
}

/* "Authorization: Basic …", of both names encoded as in a form. */
static char *
authorization(const Oidc *oidc)
{
	StringInfoData plain;
	char	   *encoded;
	int			room;
	int			len;

	initStringInfo(&plain);
	url_encode(&plain, oidc->client, false);
	appendStringInfoChar(&plain, ':');
	url_encode(&plain, oidc->secret, false);
	room = pg_b64_enc_len(plain.len);
	encoded = palloc(room + 1);
	len = pg_b64_encode((const void *) plain.data, plain.len, encoded, room);
	encoded[Max(len, 0)] = '\0';
	return psprintf("Authorization: Basic %s", encoded);
}

static char *
form(const Oidc *oidc)
{
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfoString(&body, "grant_type=client_credentials");
	if (oidc->scope != NULL)
	{
		appendStringInfoString(&body, "&scope=");
		url_encode(&body, oidc->scope, false);
	}
	return body.data;
}

/* What an answer without a token says; RFC 6749, section 5.2. */
static char *
refusal(const CredentialFetch *fetch, const Oidc *oidc)
{
	AwsCredentials secrets = {.access_key_id = oidc->client, .secret_access_key = oidc->secret};
	char	   *error = credentials_json_member(fetch->body.data, fetch->body.len, "error");
	char		clean[80];

	if (error == NULL)
		return psprintf("HTTP status %d", fetch->status);
	aws_clean_text(clean, sizeof(clean), error, strlen(error), &secrets);
	return psprintf("HTTP status %d, \"%s\"", fetch->status, clean);
}

char *
oidc_token(Oidc *oidc, int64 *expires, char **problem)
{
	CredentialFetch fetch = {.policy = oidc->policy, .tries = TRIES};
	char	   *token;
	char	   *life;
	int64		seconds;

	fetch.http.method = "POST";
	fetch.http.origin = oidc->origin;
	fetch.http.target = oidc->target;
	fetch.http.headers[fetch.http.nheaders++] = authorization(oidc);
	fetch.http.headers[fetch.http.nheaders++] = "Content-Type: application/x-www-form-urlencoded";
	fetch.http.headers[fetch.http.nheaders++] = "Accept: application/json";
	fetch.http.body = form(oidc);
	fetch.http.body_len = strlen(fetch.http.body);
	fetch.http.connect_timeout = CONNECT_TIMEOUT;
	fetch.http.stall_timeout = STALL_TIMEOUT;
	if (!credentials_fetch(&fetch))
	{
		*problem = fetch.problem;
		return NULL;
	}
	token = credentials_json_member(fetch.body.data, fetch.body.len, "access_token");
	if (fetch.status != 200 || token == NULL)
	{
		*problem = refusal(&fetch, oidc);
		return NULL;
	}
	life = credentials_json_member(fetch.body.data, fetch.body.len, "expires_in");
	seconds = life == NULL ? DEFAULT_LIFE : strtol(life, NULL, 10);
	*expires = ((int64) time(NULL) + Max(seconds, 1)) * 1000;
	return token;
}
