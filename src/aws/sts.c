/*-------------------------------------------------------------------------
 *
 * sts.c
 *	  Exchanges keys, or a token, for the temporary keys of a role.
 *
 * "STS API Reference", AssumeRole and AssumeRoleWithWebIdentity, 2011-06-15:
 * a form goes out by POST, XML comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/credentials_find.h"
#include "aws/xml.h"
#include "net/url.h"

#define LIMIT 5000				/* ms */
#define TRIES 3
#define DEFAULT_SESSION "pinterest_pipeline"
#define FORM "application/x-www-form-urlencoded; charset=utf-8"

/* The endpoint, and the policy for its addresses. */
static Endpoint *
find_service(const CredentialConfig *config, AddressPolicy *policy)
{
	const char *url = config->sts_endpoint;

	*policy = config->sts_policy;
	if (url == NULL)
	{
		/* who sets the server's environment may name any address */
		url = credentials_variable("AWS_ENDPOINT_URL_STS");
		if (url != NULL)
			*policy = ADDRESS_PRIVATE;
	}
	if (url == NULL)
		url = psprintf("https://sts.%s.amazonaws.com%s", config->region,
					   strncmp(config->region, "cn-", 3) == 0 ? ".cn" : "");
	return endpoint_parse(url);
}

static void
add_header(SigV4Request *sign, HttpRequest *http, const char *name, const char *value)
{
	sign->headers[sign->nheaders].name = name;
	sign->headers[sign->nheaders++].value = value;
	if (strcmp(name, "host") != 0)	/* libcurl adds that one */
		http->headers[http->nheaders++] = psprintf("%s: %s", name, value);
}

/* Adds the headers; with keys, a signature. */
static void
sign_request(HttpRequest *http, const char *host, const char *region,
			 const AwsCredentials *keys)
{
	SigV4Request sign = {0};
	char	   *date = palloc(SIGV4_DATE_LEN + 1);
	char	   *hash = palloc(SIGV4_HASH_LEN + 1);
	StringInfoData authorization;

	sigv4_date((int64) time(NULL), date);
	sigv4_hash(http->body, http->body_len, hash);
	sign.method = http->method;
	sign.path = http->target;
	sign.query = "";
	sign.payload_hash = hash;
	sign.date = date;
	add_header(&sign, http, "content-type", FORM);
	if (keys == NULL)
		return;
	add_header(&sign, http, "host", host);
	add_header(&sign, http, "x-amz-date", date);
	if (keys->session_token != NULL)
		add_header(&sign, http, "x-amz-security-token", keys->session_token);
	initStringInfo(&authorization);
	appendStringInfoString(&authorization, "authorization: ");
	sigv4_sign(sigv4_signer_create(keys, region, "sts"), &sign, &authorization);
	http->headers[http->nheaders++] = authorization.data;
}

/* ---------- the answer ---------- */

/* Where the text of an element of <Credentials> goes; NULL for others. */
static StringInfo
place_of(const XmlReader *xml, StringInfoData values[4])
{
	static const char *const names[] = {
		"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"
	};

	for (int i = 0; i < lengthof(names); i++)
		if (xml_name_is(xml, names[i]))
			return &values[i];
	return NULL;
}

static CredentialOutcome
take_answer(StringInfo body, CredentialFinding *found)
{
	StringInfoData values[4];
	XmlReader	xml;
	XmlEvent	event;
	StringInfo	place = NULL;	/* of the text of the open element */

	for (int i = 0; i < lengthof(values); i++)
		initStringInfo(&values[i]);
	xml_begin(&xml, body->data, body->len);
	while ((event = xml_next(&xml)) != XML_END)
	{
		if (event == XML_MALFORMED)
			return credentials_failed(found, "the answer of STS is not valid XML: %s", xml.problem);
		if (event == XML_TEXT && place != NULL)
			appendBinaryStringInfo(place, xml.text, xml.text_len);
		else if (event != XML_TEXT)
			place = event == XML_OPEN ? place_of(&xml, values) : NULL;
	}
	found->keys.access_key_id = values[0].data;
	found->keys.secret_access_key = values[1].data;
	found->keys.session_token = values[2].data;
	if (values[2].len == 0)
		return credentials_failed(found, "the answer of STS has no session token");
	return credentials_check(found, values[3].data, "the answer of STS");
}

/* ---------- requests ---------- */

/* keys sign the request; secrets are kept out of messages. */
static CredentialOutcome
call_sts(const CredentialConfig *config, StringInfo form, const AwsCredentials *keys,
		 const AwsCredentials *secrets, const char *arn, CredentialFinding *found)
{
	CredentialFetch fetch = {0};
	Endpoint   *endpoint = find_service(config, &fetch.policy);

	fetch.tries = TRIES;
	fetch.http.method = "POST";
	fetch.http.origin = psprintf("%s://%s/", endpoint->tls ? "https" : "http",
								 endpoint->authority);
	fetch.http.target = "/";
	fetch.http.body = form->data;
	fetch.http.body_len = form->len;
	fetch.http.connect_timeout = LIMIT;
	fetch.http.stall_timeout = LIMIT;
	sign_request(&fetch.http, endpoint->authority, config->region, keys);
	if (!credentials_fetch(&fetch))
		return credentials_failed(found, "STS at \"%s\" does not answer: %s",
								  endpoint->authority, fetch.problem);
	if (fetch.status == 200)
		return take_answer(&fetch.body, found);
	found->hint = "Check the role's name and its trust policy, and which identity asks for it.";
	return credentials_failed(found, "STS does not give the keys of role \"%s\": %s", arn,
							  credentials_answer(&fetch, secrets));
}

static const char *
session_of(const StsRole *role)
{
	return role->session_name != NULL ? role->session_name : DEFAULT_SESSION;
}

CredentialOutcome
sts_assume_role(const CredentialConfig *config, const AwsCredentials *keys,
				const StsRole *role, CredentialFinding *found)
{
	const char *pairs[] = {
		"Action", "AssumeRole",
		"DurationSeconds", role->duration,
		"ExternalId", role->external_id,
		"RoleArn", role->arn,
		"RoleSessionName", session_of(role),
		"Version", "2011-06-15"
	};
	StringInfoData form;

	initStringInfo(&form);
	sigv4_query(&form, pairs, lengthof(pairs) / 2);
	return call_sts(config, &form, keys, keys, role->arn, found);
}

CredentialOutcome
sts_assume_role_with_web_identity(const CredentialConfig *config, const char *token_file,
								  const StsRole *role, CredentialFinding *found)
{
	AwsCredentials secrets = {0};
	char	   *token = credentials_file(token_file);
	const char *pairs[] = {
		"Action", "AssumeRoleWithWebIdentity",
		"DurationSeconds", role->duration,
		"RoleArn", role->arn,
		"RoleSessionName", session_of(role),
		"Version", "2011-06-15",
		"WebIdentityToken", token
	};
	StringInfoData form;

	if (token == NULL)
		return credentials_failed(found, "could not read the web identity token file \"%s\": %m",
								  token_file);
	if (token[0] == '\0')
		return credentials_failed(found, "the web identity token file \"%s\" is empty", token_file);
	initStringInfo(&form);
	sigv4_query(&form, pairs, lengthof(pairs) / 2);
	secrets.session_token = token;
	return call_sts(config, &form, NULL, &secrets, role->arn, found);
}
