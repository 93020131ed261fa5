/*-------------------------------------------------------------------------
 *
 * credentials_find.c
 *	  The table of the ways to find credentials, the chain of them, and what
 *	  they share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>
#include <unistd.h>

#include "aws/credentials_find.h"
#include "net/date.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

/* Configuration and token files are some kilobytes. */
#define MAX_FILE (1024 * 1024)

static CredentialOutcome
find_in_mapping(const CredentialConfig *config, CredentialFinding *found)
{
	found->keys = config->mapping;
	if (found->keys.access_key_id == NULL)
	{
		found->hint = "Set options \"access_key_id\" and \"secret_access_key\" of the user mapping.";
		return credentials_absent(found, "the user mapping has no keys");
	}
	return CREDENTIALS_FOUND;
}

static CredentialOutcome find_in_chain(const CredentialConfig *config, CredentialFinding *found);

static const struct
{
	const char *name;
	CredentialFinder find;
}			ways[] = {
	[CREDENTIALS_USER_MAPPING] = {"user_mapping", find_in_mapping},
	[CREDENTIALS_ENVIRONMENT] = {"environment", find_in_environment},
	[CREDENTIALS_PROFILE] = {"profile", find_in_profile},
	[CREDENTIALS_CONTAINER] = {"container", find_in_container},
	[CREDENTIALS_INSTANCE] = {"instance", find_in_instance},
	[CREDENTIALS_WEB_IDENTITY] = {"web_identity", find_by_web_identity},
	[CREDENTIALS_CHAIN] = {"chain", find_in_chain},
};

/* The order of the AWS SDKs. */
static const CredentialSource chain[] = {
	CREDENTIALS_ENVIRONMENT,
	CREDENTIALS_WEB_IDENTITY,
	CREDENTIALS_PROFILE,
	CREDENTIALS_CONTAINER,
	CREDENTIALS_INSTANCE
};

static CredentialOutcome
find_in_chain(const CredentialConfig *config, CredentialFinding *found)
{
	StringInfoData problems;

	initStringInfo(&problems);
	for (int i = 0; i < lengthof(chain); i++)
	{
		CredentialOutcome outcome;

		/* who names a profile means it */
		if (config->profile != NULL && chain[i] == CREDENTIALS_ENVIRONMENT)
			continue;
		memset(found, 0, sizeof(CredentialFinding));
		outcome = ways[chain[i]].find(config, found);
		if (outcome == CREDENTIALS_FOUND)
			return outcome;
		if (outcome == CREDENTIALS_FAILED)
			return credentials_failed(found, "%s: %s", ways[chain[i]].name, found->problem);
		appendStringInfo(&problems, "%s%s: %s", problems.len > 0 ? "; " : "",
						 ways[chain[i]].name, found->problem);
	}
	found->hint = NULL;
	return credentials_absent(found, "none of the sources has any (%s)", problems.data);
}

const char *
credentials_source_name(CredentialSource source)
{
	return ways[source].name;
}

CredentialOutcome
credentials_find(const CredentialConfig *config, CredentialFinding *found)
{
	AwsCredentials keys;
	StsRole		role = {0};
	CredentialOutcome outcome;

	memset(found, 0, sizeof(CredentialFinding));
	outcome = ways[config->source].find(config, found);
	if (outcome != CREDENTIALS_FOUND || config->role_arn == NULL)
		return outcome;

	keys = found->keys;
	memset(found, 0, sizeof(CredentialFinding));
	role.arn = config->role_arn;
	role.session_name = config->role_session_name;
	role.external_id = config->external_id;
	return sts_assume_role(config, &keys, &role, found);
}

/* ---------- for finders ---------- */

static void set_problem(CredentialFinding *found, const char *fmt, va_list args)
			pg_attribute_printf(2, 0);

static void
set_problem(CredentialFinding *found, const char *fmt, va_list args)
{
	char		text[1024];

	vsnprintf(text, sizeof(text), fmt, args);
	found->problem = pstrdup(text);
}

CredentialOutcome
credentials_absent(CredentialFinding *found, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	set_problem(found, fmt, args);
	va_end(args);
	return CREDENTIALS_ABSENT;
}

CredentialOutcome
credentials_failed(CredentialFinding *found, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	set_problem(found, fmt, args);
	va_end(args);
	return CREDENTIALS_FAILED;
}

/* A header can carry it, and no blank crept in from an editor. */
static bool
fit_for_header(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char) *text <= ' ' || (unsigned char) *text >= 0x7F)
			return false;
	return true;
}

CredentialOutcome
credentials_check(CredentialFinding *found, const char *expiration, const char *where)
{
	const AwsCredentials *keys = &found->keys;
	TimestampTz end;

	if (keys->access_key_id == NULL || keys->access_key_id[0] == '\0')
		return credentials_failed(found, "%s has no access key id", where);
	if (keys->secret_access_key == NULL || keys->secret_access_key[0] == '\0')
		return credentials_failed(found, "%s has no secret access key", where);
	if (!fit_for_header(keys->access_key_id) || !fit_for_header(keys->secret_access_key) ||
		(keys->session_token != NULL && !fit_for_header(keys->session_token)))
		return credentials_failed(found, "%s has blanks or control characters in its keys", where);

	found->expires = 0;
	if (expiration == NULL || expiration[0] == '\0')
		return CREDENTIALS_FOUND;
	if (!iso_date_parse(expiration, &end))
		return credentials_failed(found, "%s has keys whose expiration is no time", where);
	found->expires = (int64) timestamptz_to_time_t(end);
	if (found->expires <= (int64) time(NULL))
	{
		found->hint = "Check the clock of this machine as well.";
		return credentials_failed(found, "%s has keys that have already ended", where);
	}
	return CREDENTIALS_FOUND;
}

const char *
credentials_variable(const char *name)
{
	const char *value = getenv(name);

	return value == NULL || value[0] == '\0' ? NULL : value;
}

char *
credentials_file(const char *path)
{
	FILE	   *file = AllocateFile(path, PG_BINARY_R);
	StringInfoData text;
	size_t		n = 1;

	if (file == NULL)
		return NULL;
	initStringInfo(&text);
	while (n > 0 && text.len <= MAX_FILE)
	{
		enlargeStringInfo(&text, 4096);
		n = fread(text.data + text.len, 1, 4096, file);
		text.len += n;
	}
	text.data[text.len] = '\0';
	if (ferror(file) || text.len > MAX_FILE)
	{
		int			error = ferror(file) ? errno : EFBIG;

		FreeFile(file);
		errno = error;
		return NULL;
	}
	FreeFile(file);
	while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]) != NULL)
		text.data[--text.len] = '\0';
	return text.data;
}
