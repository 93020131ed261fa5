/*-------------------------------------------------------------------------
 *
 * credentials_environment.c
 *	  Keys in the environment the server was started with.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials_find.h"

CredentialOutcome
find_in_environment(const CredentialConfig *config, CredentialFinding *found)
{
	found->keys.access_key_id = credentials_variable("AWS_ACCESS_KEY_ID");
	found->keys.secret_access_key = credentials_variable("AWS_SECRET_ACCESS_KEY");
	found->keys.session_token = credentials_variable("AWS_SESSION_TOKEN");
	if (found->keys.session_token == NULL)
		found->keys.session_token = credentials_variable("AWS_SECURITY_TOKEN");

	found->hint = "The environment is the one the database server was started with.";
	if (found->keys.access_key_id == NULL && found->keys.secret_access_key == NULL)
		return credentials_absent(found, "AWS_ACCESS_KEY_ID is not set");
	if (found->keys.access_key_id == NULL || found->keys.secret_access_key == NULL)
		return credentials_failed(found, "%s is not set, %s is",
								  found->keys.access_key_id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
								  found->keys.access_key_id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY");
	return credentials_check(found, credentials_variable("AWS_CREDENTIAL_EXPIRATION"),
							 "the environment");
}
