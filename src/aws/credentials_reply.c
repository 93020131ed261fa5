/*-------------------------------------------------------------------------
 *
 * credentials_reply.c
 *	  Answers in JSON, such as the keys that the metadata services of instances
 *	  and containers send: all of jansson stands behind this file.
 *
 * Functions of jansson may bear the name of a function of the server, which
 * is then the one that is called (json_object does).  None of those may be
 * used; scripts/lint checks it.  For the same reason this file includes no
 * header of the server that declares SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <jansson.h>

#include "aws/clean_text.h"
#include "aws/credentials_find.h"
#include "utils/memutils.h"

typedef struct Reply
{
	json_t	   *json;
	MemoryContextCallback on_reset;
} Reply;

static void
free_reply(void *arg)
{
	json_decref(((Reply *) arg)->json);
}

/* The parsed document, freed with the current memory context; or NULL. */
static json_t *
parse(const char *body, size_t len)
{
	Reply	   *reply = palloc0(sizeof(Reply));

	reply->on_reset.func = free_reply;
	reply->on_reset.arg = reply;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &reply->on_reset);
	reply->json = json_loadb(body, len, 0, NULL);
	return reply->json;
}

/* A copy of a string of the document; NULL if it has none of that name. */
static char *
member(json_t *json, const char *name)
{
	const char *value = json_string_value(json_object_get(json, name));

	return value == NULL ? NULL : pstrdup(value);
}

CredentialOutcome
credentials_from_json(const char *body, size_t len, const char *where,
					  CredentialFinding *found)
{
	json_t	   *json = parse(body, len);
	char	   *code;
	char		clean[80];

	if (!json_is_object(json))
		return credentials_failed(found, "the answer of %s is no JSON object", where);

	code = member(json, "Code");
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
	json_t	   *value = json_object_get(parse(body, len), name);

	if (json_is_integer(value))
		return psprintf("%lld", (long long) json_integer_value(value));
	return json_is_string(value) ? pstrdup(json_string_value(value)) : NULL;
}
