/*-------------------------------------------------------------------------
 *
 * s3_target.c
 *	  The targets of s3_json: records as objects below a location.
 *
 * The one here is for the plain layout; s3_sink_target.c has that of a sink, and
 * s3_stream_target.c that of a stream into one.
 * The objects of one statement are called
 *
 *	  20240131T235959Z-0123456789abcdef-000000.json[.gz|.zst]
 *
 * by the time it began, 64 random bits and a number, so that statements may
 * write side by side and names sort as they were written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "option.h"
#include "pgtime.h"
#include "source/s3/s3.h"
#include "source/s3/s3_target.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct PlainTarget
{
	Target		base;
	const Location *location;
	int64		rows_per_object;
	S3Objects  *objects;
	MemoryContext context;		/* of a key */
	char	   *stem;			/* of all names, with the folder; NULL before the
								 * first object */
	int64		begun;			/* objects */
	int64		rows;			/* in the current object; 0: there is none */
	StringInfoData pending;		/* records not yet handed on */
} PlainTarget;

/* The folder, and what all names of this statement begin with. */
static char *
make_stem(const Location *location)
{
	const char *folder = location->pattern;
	size_t		len = strlen(folder);
	pg_time_t	now = timestamptz_to_time_t(GetCurrentTimestamp());
	char		stamp[32];

	pg_strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", pg_gmtime(&now));
	return psprintf("%s%s%s-%s", folder, len == 0 || folder[len - 1] == '/' ? "" : "/",
					stamp, random_hex());
}

static void
begin_object(PlainTarget *target)
{
	MemoryContext old;

	if (target->stem == NULL)
	{
		old = MemoryContextSwitchTo(GetMemoryChunkContext(target));
		target->stem = make_stem(target->location);
		MemoryContextSwitchTo(old);
	}
	MemoryContextReset(target->context);
	old = MemoryContextSwitchTo(target->context);
	objects_begin(target->objects, psprintf("%s-%06lld%s", target->stem,
											(long long) target->begun++,
											objects_suffix(target->objects)));
	MemoryContextSwitchTo(old);
}

static void
end_object(PlainTarget *target)
{
	objects_write(target->objects, &target->pending, true);
	target->base.complete = objects_complete(target->objects);
	target->rows = 0;
}

static void
plain_put(Target *base, const TargetRecord *record)
{
	PlainTarget *target = (PlainTarget *) base;

	if (target->rows == 0)
		begin_object(target);
	objects_append(target->objects, &target->pending, target->rows == 0, record);
	if (++target->rows == target->rows_per_object)
		end_object(target);
	else if (target->pending.len >= OBJECTS_PIECE)
		objects_write(target->objects, &target->pending, false);
}

static void
plain_finish(Target *base)
{
	PlainTarget *target = (PlainTarget *) base;

	if (target->rows > 0)
		end_object(target);
	objects_finish(target->objects);
	base->complete = objects_complete(target->objects);
}

static char *
plain_remains(Target *base)
{
	PlainTarget *target = (PlainTarget *) base;

	base->complete = objects_complete(target->objects);
	return objects_remains(target->objects);
}

static const TargetOps plain_ops = {
	.put = plain_put,
	.finish = plain_finish,
	.remains = plain_remains,
};

static Target *
plain_target_open(const S3TargetConfig *config, S3Objects *objects)
{
	PlainTarget *target = palloc0(sizeof(PlainTarget));

	target->base.ops = &plain_ops;
	target->base.takes_bytes = true;
	target->base.wants_value = true;
	target->location = config->location;
	target->rows_per_object = config->rows_per_object;
	target->objects = objects;
	target->context = AllocSetContextCreate(CurrentMemoryContext, "pinterest object",
											ALLOCSET_SMALL_SIZES);
	initStringInfo(&target->pending);
	return &target->base;
}

/* ---------- opening ---------- */

void
s3_target_refuse(const Location *location, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("cannot write to location \"%s\"", location->uri),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
	pg_unreachable();
}

/* The table's owner lends the right to all who may insert. */
static void
check_may_write_files(Oid ownerid)
{
	if (!has_privs_of_role(ownerid, ROLE_PG_WRITE_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write to a file:// location"),
				 errdetail("The owner of the foreign table must have the privileges of the role \"%s\".",
						   "pg_write_server_files")));
}

/* The folder that must exist for files to be written. */
static const char *
root_of(const Location *location)
{
	const char *path = location->pattern;

	if (location->layout == LAYOUT_SINK)
		return sink_root(location);
	return path[strlen(path) - 1] == '/' ? path : psprintf("%s/", path);
}

static Upload *
open_upload(const SourceRequest *request, const Location *location)
{
	if (location->scheme == LOCATION_FILE)
	{
		check_may_write_files(request->ownerid);
		return file_upload_open(root_of(location));
	}
	return bucket_upload_open(location, s3_access(request),
							  location->layout == LAYOUT_PLAIN);
}

Target *
s3_open_target(const SourceRequest *request)
{
	List	   *options = request->table_options;
	const Location *location = s3_location(options);
	S3TargetConfig config;
	S3Objects  *objects;
	Target	   *target;

	config.location = location;
	config.rows_per_object = option_integer(options, "rows_per_object", 0);
	config.compression = option_enum(options, "compression");
	config.array = strcmp(option_text(options, "format"), "array") == 0;
	if (location->layout == LAYOUT_SINK)
		sink_check_location(location);
	else if (strchr(location->pattern, '*') != NULL)
		s3_target_refuse(location, "It has wildcards.",
						 "Insert into a foreign table whose location is a folder.");
	objects = objects_open(&config, open_upload(request, location));
	if (request->objects != NIL)
		target = stream_target_open(request, &config, objects);
	else if (location->layout == LAYOUT_SINK)
		target = sink_target_open(request, &config, objects);
	else
		target = plain_target_open(&config, objects);
	target->name = location->uri;
	target->unit = "objects";
	return target;
}
