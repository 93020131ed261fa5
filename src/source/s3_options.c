/*-------------------------------------------------------------------------
 *
 * s3_options.c
 *	  What the options of s3_json mean: who may set them, and how they say to
 *	  reach a bucket.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "net/url.h"
#include "option.h"
#include "source/s3.h"
#include "utils/acl.h"

/* Setting pinterest.s3_connections. */
int			pinterest_s3_connections = 64;

static void
validate_table(List *options)
{
	Location   *location = s3_location(options);

	/* the table's reader acts with the server's rights, as in file_fdw */
	if (location->scheme == LOCATION_FILE &&
		!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set a file:// location"),
				 errdetail("Only roles with the privileges of the role \"%s\" may read files of the server.",
						   "pg_read_server_files")));
}

static void
validate_mapping(List *options)
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

/* Whoever uses the server has the file opened with the database server's rights. */
static void
validate_ca_file(List *options)
{
	const char *path = option_text(options, "ca_file");

	if (path == NULL)
		return;
	if (!is_absolute_path(path))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "ca_file", path),
				 errhint("The value must be an absolute path.")));
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set option \"%s\"", "ca_file"),
				 errdetail("Only roles with the privileges of the role \"%s\" may read files of the server.",
						   "pg_read_server_files")));
}

static void
validate_server(List *options)
{
	validate_ca_file(options);
	if (option_given(options, "endpoint"))
		(void) endpoint_parse(option_text(options, "endpoint"));
	credentials_validate(options);
}

void
s3_validate(Oid catalog, List *options)
{
	if (catalog == ForeignTableRelationId)
		validate_table(options);
	else if (catalog == UserMappingRelationId)
		validate_mapping(options);
	else if (catalog == ForeignServerRelationId)
		validate_server(options);
}

/* The keys that a user's mapping holds. */
static AwsCredentials
mapped_keys(const ForeignServer *server, Oid userid)
{
	UserMapping *mapping = GetUserMapping(userid, server->serverid);
	AwsCredentials keys;

	option_validate(s3_source_ops.wrapper, UserMappingRelationId, mapping->options);
	validate_mapping(mapping->options);
	keys.access_key_id = option_text(mapping->options, "access_key_id");
	keys.secret_access_key = option_text(mapping->options, "secret_access_key");
	keys.session_token = option_text(mapping->options, "session_token");
	if (keys.access_key_id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("user mapping for user \"%s\" and server \"%s\" has no keys",
						MappingUserName(mapping->userid), server->servername),
				 errhint("Set options \"access_key_id\" and \"secret_access_key\" of the user mapping.")));
	return keys;
}

Location *
s3_location(List *table_options)
{
	return location_parse(option_text(table_options, "location"),
						  option_enum(table_options, "layout"));
}

S3Access *
s3_server_access(const SourceRequest *request)
{
	List	   *options = request->server_options;
	S3Access   *access = palloc0(sizeof(S3Access));

	access->region = option_text(options, "region");
	access->endpoint = option_text(options, "endpoint");
	access->ca_file = option_text(options, "ca_file");
	access->path_style = option_given(options, "path_style") ?
		option_boolean(options, "path_style") : access->endpoint != NULL;
	access->private_addresses = superuser_arg(GetForeignServer(request->serverid)->owner);
	access->connections = pinterest_s3_connections;
	return access;
}

void
s3_take_credentials(const SourceRequest *request, S3Access *access)
{
	CredentialConfig *credentials = credentials_config(request->serverid, request->userid,
													   request->server_options);

	/* the machine's identity asks for no mapping */
	if (credentials->source == CREDENTIALS_USER_MAPPING)
		credentials->mapping = mapped_keys(GetForeignServer(request->serverid),
										   request->userid);
	access->credentials = credentials;
}

S3Access *
s3_access(const SourceRequest *request)
{
	S3Access   *access = s3_server_access(request);

	s3_take_credentials(request, access);
	return access;
}
