/*-------------------------------------------------------------------------
 *
 * credentials_instance.c
 *	  Keys of the role of an EC2 instance, from its metadata service.
 *
 * "EC2 user guide, Use IMDSv2": a PUT gives a session token, which every GET
 * carries.  Version 1, without the token, is not used: what can be tricked
 * into a plain GET could read the keys.
 *
 * Where there is no such service nothing answers at all, so the limits are
 * short: a second for each step.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials_find.h"
#include "net/url.h"

#define LIMIT 1000				/* ms */
#define TRIES 3
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define WHERE "the instance metadata service"

static const char *
service_origin(void)
{
	const char *endpoint = credentials_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = credentials_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
	Endpoint   *parsed;

	if (endpoint == NULL)
		endpoint = mode != NULL && pg_strcasecmp(mode, "ipv6") == 0 ?
			"http://[fd00:ec2::254]" : "http://169.254.169.254";
	parsed = endpoint_parse(endpoint);
	return psprintf("%s://%s/", parsed->tls ? "https" : "http", parsed->authority);
}

static bool
send_to_service(CredentialFetch *fetch, const char *method, const char *target,
				const char *header)
{
	memset(fetch, 0, sizeof(CredentialFetch));
	fetch->policy = ADDRESS_METADATA;
	fetch->tries = 1;
	fetch->http.method = method;
	fetch->http.origin = service_origin();
	fetch->http.target = target;
	fetch->http.headers[fetch->http.nheaders++] = header;
	fetch->http.connect_timeout = LIMIT;
	fetch->http.stall_timeout = LIMIT;
	return credentials_fetch(fetch);
}

/* The first line of an answer, if it is plain text. */
static char *
first_line(StringInfo body)
{
	body->data[strcspn(body->data, "\r\n")] = '\0';
	for (char *c = body->data; *c != '\0'; c++)
		if ((unsigned char) *c <= ' ' || (unsigned char) *c >= 0x7F)
			return NULL;
	return body->data[0] == '\0' ? NULL : body->data;
}

/* The header with a fresh session token; NULL, and the problem set, if none. */
static char *
session_header(CredentialFinding *found, CredentialOutcome *outcome)
{
	CredentialFetch fetch;
	char	   *token;

	if (!send_to_service(&fetch, "PUT", "/latest/api/token",
						 "x-aws-ec2-metadata-token-ttl-seconds: 21600"))
	{
		found->hint = "In a container on an instance, the hop limit of the instance's metadata options must be 2.";
		*outcome = credentials_absent(found, WHERE " does not answer: %s", fetch.problem);
		return NULL;
	}
	if (fetch.status == 403 || fetch.status == 404 || fetch.status == 405)
	{
		found->hint = "Enable version 2 in the instance's metadata options; version 1 is not used.";
		*outcome = credentials_failed(found, WHERE " gives no session token (HTTP status %d): it is switched off, or knows version 1 only",
									  fetch.status);
		return NULL;
	}
	token = fetch.status == 200 ? first_line(&fetch.body) : NULL;
	if (token == NULL)
	{
		*outcome = credentials_failed(found, WHERE " gives no session token: %s",
									  credentials_answer(&fetch, NULL));
		return NULL;
	}
	return psprintf("x-aws-ec2-metadata-token: %s", token);
}

static CredentialOutcome
refused(const CredentialFetch *fetch, CredentialFinding *found)
{
	return credentials_failed(found, WHERE " refused to give keys: %s",
							  fetch->status == 0 ? fetch->problem : credentials_answer(fetch, NULL));
}

static CredentialOutcome
try_once(CredentialFinding *found)
{
	CredentialFetch fetch;
	CredentialOutcome outcome = CREDENTIALS_FAILED;
	char	   *header = session_header(found, &outcome);
	char	   *role;
	StringInfoData target;

	if (header == NULL)
		return outcome;
	if (!send_to_service(&fetch, "GET", ROLES, header))
		return refused(&fetch, found);
	role = fetch.status == 200 ? first_line(&fetch.body) : NULL;
	if (fetch.status == 404 || (fetch.status == 200 && role == NULL))
	{
		found->hint = "Attach an instance profile to the instance.";
		return credentials_absent(found, "the instance has no role");
	}
	if (role == NULL)
		return refused(&fetch, found);

	initStringInfo(&target);
	appendStringInfoString(&target, ROLES);
	url_encode(&target, role, false);
	if (!send_to_service(&fetch, "GET", target.data, header) || fetch.status != 200)
		return refused(&fetch, found);
	return credentials_from_json(fetch.body.data, fetch.body.len, WHERE, found);
}

/*
 * The service may be there before its keys are, and a session may end between
 * two requests: then all is asked again.
 */
CredentialOutcome
find_in_instance(const CredentialConfig *config, CredentialFinding *found)
{
	const char *disabled = credentials_variable("AWS_EC2_METADATA_DISABLED");
	CredentialOutcome outcome = CREDENTIALS_FAILED;

	if (disabled != NULL && pg_strcasecmp(disabled, "true") == 0)
		return credentials_absent(found, "AWS_EC2_METADATA_DISABLED is set in the server's environment");
	for (int try = 0; try < TRIES && outcome == CREDENTIALS_FAILED; try++)
	{
		memset(found, 0, sizeof(CredentialFinding));
		outcome = try_once(found);
		if (found->hint != NULL)
			break;				/* another try would not help */
	}
	return outcome;
}
