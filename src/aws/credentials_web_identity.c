/*-------------------------------------------------------------------------
 *
 * credentials_web_identity.c
 *	  Keys of a role for a token in a file: how service accounts of Kubernetes
 *	  sign in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials_find.h"

CredentialOutcome
find_by_web_identity(const CredentialConfig *config, CredentialFinding *found)
{
	const char *file = credentials_variable("AWS_WEB_IDENTITY_TOKEN_FILE");
	StsRole		role = {0};

	role.arn = credentials_variable("AWS_ROLE_ARN");
	role.session_name = credentials_variable("AWS_ROLE_SESSION_NAME");
	found->hint = "The environment is the one the database server was started with.";
	if (file == NULL)
		return credentials_absent(found, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
	if (role.arn == NULL)
		return credentials_failed(found, "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
	found->hint = NULL;
	return sts_assume_role_with_web_identity(config, file, &role, found);
}
