/*-------------------------------------------------------------------------
 *
 * source.c
 *	  The sources there are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "source/source.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

static const SourceOps *const sources[] = {
	&s3_source_ops,
	&kafka_source_ops,
	&kinesis_source_ops,
};

const SourceOps *
source_of_wrapper(const char *wrapper)
{
	for (int i = 0; i < lengthof(sources); i++)
		if (strcmp(sources[i]->wrapper, wrapper) == 0)
			return sources[i];
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("foreign-data wrapper \"%s\" does not belong to pinterest_pipeline", wrapper)));
}

/*
 * Wrappers may be renamed, and others be made with the same functions; so a
 * wrapper is known by its handler, called after the wrapper it came with.
 */
const SourceOps *
source_of_server(Oid serverid)
{
	ForeignServer *server = GetForeignServer(serverid);
	ForeignDataWrapper *wrapper = GetForeignDataWrapper(server->fdwid);
	char	   *handler = OidIsValid(wrapper->fdwhandler) ?
		get_func_name(wrapper->fdwhandler) : NULL;

	for (int i = 0; handler != NULL && i < lengthof(sources); i++)
		if (strcmp(psprintf("%s_handler", sources[i]->wrapper), handler) == 0)
			return sources[i];
	return source_of_wrapper(wrapper->fdwname);
}

const SourceOps *
source_of_usable_server(const char *name, SourceRequest *request)
{
	Oid			serverid = get_foreign_server_oid(name, false);
	AclResult	result = server_aclcheck(serverid, GetUserId(), ACL_USAGE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_SERVER, name);
	request->serverid = serverid;
	request->userid = GetUserId();
	request->server_options = GetForeignServer(serverid)->options;
	return source_of_server(serverid);
}

const SourceMetadata *
source_metadata(const SourceOps *ops, const char *name)
{
	for (const SourceMetadata *item = ops->metadata; item->name != NULL; item++)
		if (strcmp(item->name, name) == 0)
			return item;
	return NULL;
}
