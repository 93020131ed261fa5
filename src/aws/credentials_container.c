/*-------------------------------------------------------------------------
 *
 * credentials_container.c
 *	  Keys of an ECS task or of an EKS pod identity, from the address that the
 *	  container's environment names.
 *
 * "AWS SDKs and Tools Reference Guide, Container credential provider".  Keys
 * go over plain http only to addresses of the machine itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials_find.h"
#include "net/url.h"

#define LIMIT 2000				/* ms */
#define TRIES 3
#define WHERE "the container's credential service"

static const char *const plain_hosts[] = {
	"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]", "localhost"
};

static bool
plain_http_allowed(const Endpoint *endpoint)
{
	for (int i = 0; i < lengthof(plain_hosts); i++)
		if (strcmp(endpoint->host, plain_hosts[i]) == 0)
			return true;
	return endpoint->literal && strncmp(endpoint->host, "127.", 4) == 0;
}

/* A value may hold what would start another header. */
static bool
has_line_break(const char *text)
{
	return strpbrk(text, "\r\n") != NULL;
}

static bool
plain_target(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text <= ' ' || (unsigned char) *text >= 0x7F || *text == '#')
			return false;
	return true;
}

/* Takes the address apart. FOUND if there is one that may be used. */
static CredentialOutcome
find_address(HttpRequest *request, CredentialFinding *found)
{
	const char *relative = credentials_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = credentials_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	const char *start;
	Endpoint   *endpoint;

	if (relative != NULL)
	{
		if (relative[0] != '/' || !plain_target(relative))
			return credentials_failed(found, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is no path");
		request->origin = "http://169.254.170.2/";
		request->target = relative;
		return CREDENTIALS_FOUND;
	}
	if (full == NULL)
	{
		found->hint = "Containers of ECS and pods of EKS with a pod identity have one of them.";
		return credentials_absent(found, "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set");
	}
	start = strstr(full, "://");
	if (start == NULL || !plain_target(full) || strchr(full, '@') != NULL)
		return credentials_failed(found, "AWS_CONTAINER_CREDENTIALS_FULL_URI is no URI");
	start += 3;
	start += strcspn(start, "/?");
	endpoint = endpoint_parse(pnstrdup(full, start - full));
	if (!endpoint->tls && !plain_http_allowed(endpoint))
		return credentials_failed(found, "AWS_CONTAINER_CREDENTIALS_FULL_URI names host \"%s\", which is not asked over plain http",
								  endpoint->host);
	request->origin = psprintf("%s://%s/", endpoint->tls ? "https" : "http", endpoint->authority);
	request->target = start[0] == '/' ? start : psprintf("/%s", start);
	return CREDENTIALS_FOUND;
}

/* The value of the Authorization header in *token, NULL for none. */
static CredentialOutcome
find_token(const char **token, CredentialFinding *found)
{
	const char *file = credentials_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");

	*token = credentials_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (file != NULL)
	{
		*token = credentials_file(file);
		if (*token == NULL)
			return credentials_failed(found, "could not read AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE \"%s\": %m", file);
	}
	if (*token != NULL && has_line_break(*token))
		return credentials_failed(found, "the authorization token of the container holds a line break");
	return CREDENTIALS_FOUND;
}

CredentialOutcome
find_in_container(const CredentialConfig *config, CredentialFinding *found)
{
	CredentialFetch fetch = {0};
	HttpRequest *request = &fetch.http;
	AwsCredentials secrets = {0};
	CredentialOutcome outcome;

	outcome = find_address(request, found);
	if (outcome == CREDENTIALS_FOUND)
		outcome = find_token(&secrets.session_token, found);
	if (outcome != CREDENTIALS_FOUND)
		return outcome;

	request->method = "GET";
	request->headers[request->nheaders++] = "Accept: application/json";
	if (secrets.session_token != NULL)
		request->headers[request->nheaders++] = psprintf("Authorization: %s", secrets.session_token);
	request->connect_timeout = LIMIT;
	request->stall_timeout = LIMIT;
	fetch.policy = ADDRESS_METADATA;
	fetch.tries = TRIES;
	if (!credentials_fetch(&fetch))
		return credentials_failed(found, WHERE " does not answer: %s", fetch.problem);
	if (fetch.status != 200)
		return credentials_failed(found, WHERE " refused to give keys: %s",
								  credentials_answer(&fetch, &secrets));
	return credentials_from_json(fetch.body.data, fetch.body.len, WHERE, found);
}
