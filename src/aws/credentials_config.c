/*-------------------------------------------------------------------------
 *
 * credentials_config.c
 *	  What options say about credentials, and who may use which.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials_find.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "net/url.h"
#include "option.h"

/* Lengths and characters: "STS API Reference, AssumeRole". */
static void
check_text(List *options, const char *name, int min, int max, const char *others)
{
	const char *value = option_text(options, name);
	int			len = value == NULL ? 0 : strlen(value);
	bool		valid = len >= min && len <= max;

	if (value == NULL)
		return;
	for (int i = 0; valid && i < len; i++)
		valid = (value[i] >= '0' && value[i] <= '9') ||
			(value[i] >= 'A' && value[i] <= 'Z') ||
			(value[i] >= 'a' && value[i] <= 'z') || strchr(others, value[i]) != NULL;
	if (!valid)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", name, value),
				 errhint("It has %d to %d letters, digits and characters of \"%s\".",
						 min, max, others)));
}

static void
check_needs(List *options, const char *name, const char *other)
{
	if (option_given(options, name) && !option_given(options, other))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" needs option \"%s\"", name, other)));
}

void
credentials_validate(List *options)
{
	CredentialSource source = option_enum(options, "credential_source");
	const char *arn = option_text(options, "role_arn");

	if (source != CREDENTIALS_USER_MAPPING && !superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"credential_source\" to \"%s\"",
						credentials_source_name(source)),
				 errdetail("It uses an identity that belongs to the server's machine."),
				 errhint("Only superusers may do that.")));
	if (option_given(options, "profile") && source != CREDENTIALS_PROFILE &&
		source != CREDENTIALS_CHAIN)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" needs option \"%s\"", "profile", "credential_source"),
				 errhint("Set \"credential_source\" to \"profile\" or \"chain\".")));
	check_needs(options, "external_id", "role_arn");
	check_needs(options, "role_session_name", "role_arn");
	check_text(options, "region", 1, 63, "-_");
	check_text(options, "role_arn", 20, 2048, "_+=,.@-:/");
	check_text(options, "external_id", 2, 1224, "_+=,.@:/-");
	check_text(options, "role_session_name", 2, 64, "_+=,.@-");
	if (arn != NULL && strncmp(arn, "arn:", 4) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "role_arn", arn),
				 errhint("It looks like \"arn:aws:iam::123456789012:role/NAME\".")));
	if (option_given(options, "sts_endpoint"))
		(void) endpoint_parse(option_text(options, "sts_endpoint"));
}

void
credentials_validate_mapping(List *options)
{
	bool		key = option_given(options, "access_key_id");

	if (key != option_given(options, "secret_access_key"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" is missing",
						key ? "secret_access_key" : "access_key_id"),
				 errhint("Options \"access_key_id\" and \"secret_access_key\" belong together.")));
	if (!key && option_given(options, "session_token"))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"session_token\" needs \"access_key_id\" and \"secret_access_key\"")));
}

/*
 * The trust model of postgres_fdw's password_required: the identity of the
 * machine is lent by superusers, through a server they own, or used by them.
 * Options are checked when set, but a server may change hands; and where its
 * wrapper has no validator, its owner may have set them.
 */
static void
check_allowed(CredentialSource source, const ForeignServer *server, Oid userid)
{
	if (source == CREDENTIALS_USER_MAPPING || superuser_arg(server->owner))
		return;
	if (superuser_arg(userid) &&
		OidIsValid(GetForeignDataWrapper(server->fdwid)->fdwvalidator))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to use credential_source \"%s\" of server \"%s\"",
					credentials_source_name(source), server->servername),
			 errdetail("It uses an identity that belongs to the server's machine."),
			 errhint("The foreign server must be owned by a superuser, or be used by one.")));
}

/* The keys that a user's mapping holds. */
static AwsCredentials
mapped_keys(const char *wrapper, const ForeignServer *server, Oid userid)
{
	List	   *mapping = option_mapping(server->serverid, userid);
	AwsCredentials keys;

	option_validate(wrapper, UserMappingRelationId, mapping);
	credentials_validate_mapping(mapping);
	keys.access_key_id = option_text(mapping, "access_key_id");
	keys.secret_access_key = option_text(mapping, "secret_access_key");
	keys.session_token = option_text(mapping, "session_token");
	if (keys.access_key_id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("user \"%s\" has no keys for server \"%s\"",
						GetUserNameFromId(userid, false), server->servername),
				 errhint("Set \"access_key_id\" and \"secret_access_key\" with CREATE USER MAPPING or ALTER USER MAPPING, or have a superuser set option \"credential_source\" of the server.")));
	return keys;
}

CredentialConfig *
credentials_config(const char *wrapper, Oid serverid, Oid userid, List *server_options,
				   const char *region)
{
	ForeignServer *server = GetForeignServer(serverid);
	CredentialConfig *config = palloc0(sizeof(CredentialConfig));

	config->source = option_enum(server_options, "credential_source");
	check_allowed(config->source, server, userid);
	config->server = server->servername;
	config->serverid = serverid;
	config->region = region;
	config->profile = option_text(server_options, "profile");
	config->role_arn = option_text(server_options, "role_arn");
	config->external_id = option_text(server_options, "external_id");
	config->role_session_name = option_text(server_options, "role_session_name");
	config->sts_endpoint = option_text(server_options, "sts_endpoint");
	config->sts_policy = superuser_arg(server->owner) ? ADDRESS_PRIVATE : ADDRESS_PUBLIC;

	/* the machine's identity asks for no mapping */
	if (config->source == CREDENTIALS_USER_MAPPING)
		config->mapping = mapped_keys(wrapper, server, userid);
	return config;
}

char *
credentials_origin(const CredentialConfig *config, const AwsCredentials *keys)
{
	static const char *const origins[] = {
		"From the user mapping",
		"From the environment of the database server",
		"From a profile in the files of the database server's user",
		"From the container",
		"From the instance",
		"By the web identity token",
		"From the first of the chain that has some"
	};

	return psprintf("%s%s%s.", origins[config->source],
					config->role_arn == NULL ? "" : ", and then a role assumed with them",
					keys->session_token == NULL ? "" : "; they are temporary");
}
