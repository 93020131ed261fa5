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
#include "source/s3/s3.h"
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
validate_server(List *options)
{
	option_validate_file(options, "ca_file");
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
		credentials_validate_mapping(options);
	else if (catalog == ForeignServerRelationId)
		validate_server(options);
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
	access->credentials = credentials_config(s3_source_ops.wrapper, request->serverid,
											 request->userid, request->server_options,
											 access->region);
}

S3Access *
s3_access(const SourceRequest *request)
{
	S3Access   *access = s3_server_access(request);

	s3_take_credentials(request, access);
	return access;
}
