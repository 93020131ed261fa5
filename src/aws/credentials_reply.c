/*-------------------------------------------------------------------------
 *
 * credentials_reply.c
 *	  Answers in JSON, such as the keys that the metadata services of instances
 *	  and containers send.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/clean_text.h"
#include "aws/credentials_find.h"
#include "net/json_tree.h"

/* A copy of a string of the document; NULL if it has none of that name. */
static char *
member(const JsonTree *json, const char *name)
{
	const char *value = json_tree_string(json, name);

	return value == NULL ? NULL : pstrdup(value);
}

CredentialOutcome
credentials_from_json(const char *body, size_t len, const char *where,
					  CredentialFinding *found)
{
	JsonTree   *json = json_tree(body, len);
	const char *code;
	char		clean[80];

	if (!json_tree_is_object(json))
		return credentials_failed(found, "the answer of %s is no JSON object", where);

	code = json_tree_string(json, "Code");
	if (code != NULL && strcmp(code, "Success") != 0)
	{
		aws_clean_text(clean, sizeof(clean), code, strlen(code), NULL);
		return credentials_failed(found, "%s answered with code \"%s\"", where, clean);
	}
	found->keys.access_key_id = member(json, "AccessKeyId");
	found->keys.secret_access_key = member(json, "SecretAccessKey");
	found->keys.session_token = member(json, "Token");
	return credentials_check(found, member(json, "Expiration"), where);
}

char *
credentials_json_member(const char *body, size_t len, const char *name)
{
	JsonTree   *json = json_tree(body, len);
	int64		number;

	if (json_tree_integer(json, name, &number))
		return psprintf("%lld", (long long) number);
	return member(json, name);
}
