/*-------------------------------------------------------------------------
 *
 * s3.c
 *	  The source of s3_json: the objects of a location.
 *
 * A split is an object, and so is a body.  Objects come out of a store, a
 * bucket or a directory, and are decompressed on the way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "net/url.h"
#include "option.h"
#include "source/decompress.h"
#include "source/s3.h"
#include "source/source.h"
#include "source/store.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Setting pinterest.s3_connections. */
int			pinterest_s3_connections = 64;

enum
{
	ITEM_PATH,
	ITEM_SIZE,
	ITEM_LAST_MODIFIED,
	ITEM_ETAG,
	ITEM_LINE,
	ITEM_TOPIC,
	ITEM_PARTITION,
	ITEM_OFFSET,
	ITEM_HIVE					/* no item: a hive_key column */
};

static const SourceMetadata s3_metadata[] = {
	{"path", ITEM_PATH, TEXTOID, true},
	{"size", ITEM_SIZE, INT8OID, true},
	{"last_modified", ITEM_LAST_MODIFIED, TIMESTAMPTZOID, true},
	{"etag", ITEM_ETAG, TEXTOID, true},
	{"line", ITEM_LINE, INT8OID},
	{"topic", ITEM_TOPIC, TEXTOID, true},
	{"partition", ITEM_PARTITION, INT4OID, true},
	{"offset", ITEM_OFFSET, INT8OID},
	{"value", METADATA_RAW, BYTEAOID},
	{"error", METADATA_ERROR, TEXTOID},
	{NULL}
};

typedef struct S3Source
{
	Source		base;
	Store	   *store;
	Decompressor *decompressor;
	const StoreObject *object;	/* the current one, NULL before the first */
	SinkName	sink;			/* of the current one, if named so */
	bool		is_sink_object;
	const SourceFilter *filter; /* NULL: everything is wanted */
	const Location *location;
	MemoryContext listing_context;	/* of what narrows the listing */
	bool		listing;		/* has it begun? */
} S3Source;

/*
 * Options
 */

static void
validate_table(List *options)
{
	Location   *location = location_parse(option_text(options, "location"),
										  option_enum(options, "layout"));

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

static void
validate_server(List *options)
{
	if (option_given(options, "endpoint"))
		(void) endpoint_parse(option_text(options, "endpoint"));
	credentials_validate(options);
}

static void
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

/* How to reach the bucket, from the server and the mapping of the user. */
static S3Access *
s3_access(const SourceRequest *request)
{
	ForeignServer *server = GetForeignServer(request->serverid);
	List	   *options = request->server_options;
	CredentialConfig *credentials = credentials_config(request->serverid, request->userid, options);
	S3Access   *access = palloc0(sizeof(S3Access));

	/* the machine's identity asks for no mapping */
	if (credentials->source == CREDENTIALS_USER_MAPPING)
		credentials->mapping = mapped_keys(server, request->userid);
	access->region = option_text(options, "region");
	access->endpoint = option_text(options, "endpoint");
	access->path_style = option_given(options, "path_style") ?
		option_boolean(options, "path_style") : access->endpoint != NULL;
	access->credentials = credentials;
	access->private_addresses = superuser_arg(server->owner);
	access->connections = pinterest_s3_connections;
	return access;
}

/*
 * Reading
 */

static Source *
s3_open(const SourceRequest *request)
{
	S3Source   *s3 = palloc0(sizeof(S3Source));
	List	   *options = request->table_options;
	Location   *location = location_parse(option_text(options, "location"),
										  option_enum(options, "layout"));

	s3->base.ops = &s3_source_ops;
	s3->store = location->scheme == LOCATION_FILE ? file_store_open(location) :
		bucket_store_open(location, s3_access(request));
	s3->location = location;
	s3->listing_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest listing",
												ALLOCSET_SMALL_SIZES);
	s3->decompressor = decompress_open(option_enum(options, "compression"));
	return &s3->base;
}

/* Makes an object the one that metadata_value and hive_value tell of. */
static void
set_object(S3Source *s3, const StoreObject *object)
{
	s3->object = object;
	s3->is_sink_object = object != NULL && sink_name_parse(object->key, &s3->sink);
}

/* A StoreFilter: lets the source's filter look at a listed object. */
static bool
wants_object(void *arg, const StoreObject *object)
{
	S3Source   *s3 = arg;
	const StoreObject *current = s3->object;
	bool		wanted;

	set_object(s3, object);
	wanted = s3->filter->wants(s3->filter->arg);
	set_object(s3, current);
	return wanted;
}

static void
s3_set_filter(Source *source, const SourceFilter *filter)
{
	S3Source   *s3 = (S3Source *) source;

	s3->filter = filter;
	s3->store->filter = wants_object;
	s3->store->filter_arg = s3;
}

/* Adds a place to look at, once. */
static List *
add_place(List *places, const char *place)
{
	ListCell   *lc;

	foreach(lc, places)
		if (strcmp(lfirst(lc), place) == 0)
			return places;
	return lappend(places, unconstify(char *, place));
}

/*
 * The keys of paths that belong to the location.  A file has many names, but a
 * listing gives it only one: with neither "//" (refused here) nor "." and ".."
 * (hidden elements, which match no location).
 */
static List *
keys_of_paths(const Location *location, List *paths)
{
	List	   *keys = NIL;
	ListCell   *lc;

	foreach(lc, paths)
	{
		const char *key = location_key_of(location, lfirst(lc));

		if (key != NULL && location_matches(location, key) &&
			(location->scheme != LOCATION_FILE || strstr(key, "//") == NULL))
			keys = add_place(keys, key);
	}
	return keys;
}

/* By the values of the folder that the location has a wildcard for. */
static bool
narrow_by_folder(S3Source *s3, List **prefixes)
{
	const char *key = location_folder_key(s3->location);
	List	   *values;

	return key != NULL &&
		s3->filter->known(s3->filter->arg, ITEM_HIVE, key, &values) &&
		location_narrow(s3->location, values, prefixes);
}

/*
 * Before the listing begins: looks only where what is known says that there
 * can be something.  The filter decides on each object all the same.
 */
static void
narrow_listing(S3Source *s3)
{
	MemoryContext old;
	List	   *values;

	s3->listing = true;
	if (s3->filter == NULL)
		return;
	MemoryContextReset(s3->listing_context);
	old = MemoryContextSwitchTo(s3->listing_context);
	s3->store->narrowed = true;
	if (s3->filter->known(s3->filter->arg, ITEM_PATH, NULL, &values))
		s3->store->prefixes = keys_of_paths(s3->location, values);
	else
		s3->store->narrowed = narrow_by_folder(s3, &s3->store->prefixes);
	MemoryContextSwitchTo(old);
}

static bool
s3_next(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	s3->object = NULL;			/* it goes with the call, even if that fails */
	if (!s3->listing)
		narrow_listing(s3);
	set_object(s3, s3->store->ops->next(s3->store));
	if (s3->object == NULL)
		return false;
	decompress_reset(s3->decompressor);
	return true;
}

static size_t
read_stored(void *arg, char *buf, size_t room)
{
	Store	   *store = arg;

	return store->ops->read(store, buf, room);
}

static size_t
s3_read(Source *source, char *buf, size_t room)
{
	S3Source   *s3 = (S3Source *) source;

	return decompress_read(s3->decompressor, read_stored, s3->store, buf, room);
}

static Datum
s3_metadata_value(Source *source, int item, const RecordPlace *place, bool *isnull)
{
	S3Source   *s3 = (S3Source *) source;
	const StoreObject *object = s3->object;

	*isnull = false;
	switch (item)
	{
		case ITEM_PATH:
			return CStringGetTextDatum(object->uri);
		case ITEM_SIZE:
			return Int64GetDatum(object->size);
		case ITEM_LAST_MODIFIED:
			return TimestampTzGetDatum(object->last_modified);
		case ITEM_LINE:
			return Int64GetDatum(place->line);
		case ITEM_ETAG:
			*isnull = object->etag == NULL;
			return *isnull ? (Datum) 0 : CStringGetTextDatum(object->etag);
	}

	*isnull = !s3->is_sink_object;
	if (*isnull)
		return (Datum) 0;
	switch (item)
	{
		case ITEM_TOPIC:
			return PointerGetDatum(cstring_to_text_with_len(s3->sink.topic,
															s3->sink.topic_len));
		case ITEM_PARTITION:
			return Int32GetDatum(s3->sink.partition);
		case ITEM_OFFSET:

			/* an object holds consecutive records, named by the first */
			return Int64GetDatum(s3->sink.offset + place->ordinal);
	}
	elog(ERROR, "unknown metadata item %d", item);
}

static char *
s3_hive_value(Source *source, const char *name)
{
	char	   *value = hive_value(((S3Source *) source)->object->key, name);

	/* decoding may have made any bytes */
	if (value != NULL)
		(void) pg_verifymbstr(value, strlen(value), false);
	return value;
}

static char *
s3_place(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	return s3->object == NULL ? NULL : psprintf("object \"%s\"", s3->object->uri);
}

static void
s3_rewind(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	s3->object = NULL;
	s3->listing = false;
	s3->store->ops->rewind(s3->store);
}

static void
s3_close(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	s3->object = NULL;
	s3->store->ops->close(s3->store);
}

static int
s3_counters(Source *source, SourceCounter *counters)
{
	const StoreCounters *done = &((S3Source *) source)->store->counters;
	int			n = 0;

	counters[n++] = (SourceCounter) {"Objects", done->objects};
	counters[n++] = (SourceCounter) {"Objects Filtered", done->filtered};
	counters[n++] = (SourceCounter) {"Bytes", done->bytes};
	counters[n++] = (SourceCounter) {"List Requests", done->list_requests};
	counters[n++] = (SourceCounter) {"Get Requests", done->get_requests};
	counters[n++] = (SourceCounter) {"Retries", done->retries};
	return n;
}

const SourceOps s3_source_ops = {
	.wrapper = "s3_json",
	.subject = "location",
	.metadata = s3_metadata,
	.validate = s3_validate,
	.open = s3_open,
	.set_filter = s3_set_filter,
	.next = s3_next,
	.read = s3_read,
	.metadata_value = s3_metadata_value,
	.hive_value = s3_hive_value,
	.place = s3_place,
	.rewind = s3_rewind,
	.close = s3_close,
	.counters = s3_counters,
};
