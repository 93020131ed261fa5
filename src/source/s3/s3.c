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
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "option.h"
#include "source/s3/decompress.h"
#include "source/s3/s3.h"
#include "source/s3/s3_source.h"
#include "source/s3/s3_target.h"
#include "source/source.h"
#include "source/s3/store.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* The place of "Objects Missing" among the counters, if it is counted. */
#define COUNTER_MISSING 2

static const SourceMetadata s3_metadata[] = {
	{"path", ITEM_PATH, TEXTOID, true},
	{"size", ITEM_SIZE, INT8OID, true},
	{"last_modified", ITEM_LAST_MODIFIED, TIMESTAMPTZOID, true},
	{"etag", ITEM_ETAG, TEXTOID, true},
	{"line", ITEM_LINE, INT8OID},
	{"topic", ITEM_TOPIC, TEXTOID, true},
	{"partition", ITEM_PARTITION, INT4OID, true},
	{"offset", ITEM_OFFSET, INT8OID, false, true},
	{"value", METADATA_RAW, BYTEAOID},
	{"error", METADATA_ERROR, TEXTOID},
	{NULL}
};

/*
 * Reading
 */

/* The store waits, or has waited. */
static void
s3_on_wait(void *arg)
{
	Source	   *source = arg;

	if (source->on_wait != NULL)
		source->on_wait(source->on_wait_arg);
}

Store *
s3_store_open(const SourceRequest *request, const Location *location)
{
	if (location->scheme == LOCATION_FILE)
		return file_store_open(location);
	return bucket_store_open(location, s3_access(request));
}

static Source *
s3_open(const SourceRequest *request)
{
	S3Source   *s3 = palloc0(sizeof(S3Source));
	List	   *options = request->table_options;
	Location   *location = s3_location(options);

	s3->base.ops = &s3_source_ops;

	s3->store = s3_store_open(request, location);
	s3->store->skip_missing = strcmp(option_text(options, "missing_objects"), "skip") == 0;
	s3->silent = strcmp(option_text(options, "log_verbosity"), "silent") == 0;
	s3->store->on_wait = s3_on_wait;
	s3->store->on_wait_arg = s3;
	s3->location = location;
	s3_listing_init(s3);
	s3->base.lists_by_turns = s3->store->ops->list == NULL;
	s3->lines = strcmp(option_text(options, "format"), "lines") == 0;
	s3->compression = option_enum(options, "compression");
	s3->decompressor = decompress_open(s3->compression);
	return &s3->base;
}

static bool
s3_next(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	if (source->enough)
		return false;
	s3->object = NULL;			/* it goes with the call, even if that fails */
	if (!s3->listing)
		s3_listing_begin(s3);
	s3_set_object(s3, s3->store->ops->next(s3->store));
	if (s3->object == NULL)
	{
		if (s3->supply == NULL)
			s3_listing_end(s3);
		return false;
	}
	if (s3->positions != NULL)
		s3_note_object(s3);
	s3->consumed = 0;
	decompress_reset(s3->decompressor);
	if (s3_in_part(s3))
		s3_begin_part(s3);
	return true;
}

size_t
s3_read_stored(void *arg, char *buf, size_t room)
{
	S3Source   *s3 = arg;
	size_t		n = s3->store->ops->read(s3->store, buf, room);

	s3->consumed += n;
	return n;
}

static int64
s3_consumed(Source *source)
{
	return ((S3Source *) source)->consumed;
}

static size_t
s3_read(Source *source, char *buf, size_t room)
{
	S3Source   *s3 = (S3Source *) source;

	if (s3_in_part(s3))
		return s3_read_part(s3, buf, room);
	return decompress_read(s3->decompressor, s3_read_stored, s3, buf, room);
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

	if (s3->object == NULL)
		return NULL;
	if (s3_in_part(s3))
		return psprintf("object \"%s\" from byte %lld", s3->object->uri,
						(long long) s3_part_from(s3) + 1);
	return psprintf("object \"%s\"", s3->object->uri);
}

/*
 * The rest of a scan
 */

static void
s3_rewind(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	s3->object = NULL;
	s3->listing = false;
	s3->cut.key = NULL;
	s3->store->ops->rewind(s3->store);
}

static void
s3_close(Source *source)
{
	S3Source   *s3 = (S3Source *) source;

	s3->object = NULL;
	s3->store->ops->close(s3->store);
}

static void
s3_progress(Source *source, SourceProgress *progress)
{
	const Store *store = ((S3Source *) source)->store;

	progress->waiting = store->status.waiting;
	progress->bodies = store->counters.objects;
	progress->known = Max(store->status.known, store->counters.objects);
	progress->complete = store->status.complete;
	progress->bytes = store->counters.bytes + store->status.partial;
	progress->in_flight = store->status.in_flight;
	progress->retries = store->counters.retries;
}

static int
s3_counters(Source *source, SourceCounter *counters)
{
	const Store *store = ((S3Source *) source)->store;
	const StoreCounters *done = &store->counters;
	int			n = 0;

	counters[n++] = (SourceCounter) {"Objects", done->objects};
	counters[n++] = (SourceCounter) {"Objects Filtered", done->filtered};
	if (store->skip_missing)
		counters[n++] = (SourceCounter) {"Objects Missing", done->missing};
	counters[n++] = (SourceCounter) {"Bytes", done->bytes};
	counters[n++] = (SourceCounter) {"List Requests", done->list_requests};
	counters[n++] = (SourceCounter) {"Get Requests", done->get_requests};
	counters[n++] = (SourceCounter) {"Retries", done->retries};
	return n;
}

static void
s3_report(Source *source, const char *table, const SourceCounter *totals)
{
	S3Source   *s3 = (S3Source *) source;
	int64		missing = s3->store->skip_missing ? totals[COUNTER_MISSING].value : 0;

	if (missing > 0 && !s3->silent)
		ereport(NOTICE,
				(errmsg_plural("%lld object of s3_json table \"%s\" was missing",
							   "%lld objects of s3_json table \"%s\" were missing",
							   (unsigned long) missing, (long long) missing, table),
				 errdetail_plural("It was listed, but gone when it was to be read, and was left out.",
								  "They were listed, but gone when they were to be read, and were left out.",
								  (unsigned long) missing)));
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
	.consumed = s3_consumed,
	.metadata_value = s3_metadata_value,
	.hive_value = s3_hive_value,
	.place = s3_place,
	.list = s3_list,
	.set_supply = s3_set_supply,
	.rewind = s3_rewind,
	.close = s3_close,
	.progress = s3_progress,
	.counters = s3_counters,
	.report = s3_report,
	.positions = &s3_positions,
	.open_target = s3_open_target,
	.check_objects = s3_check_objects,
	.find_objects = s3_find_objects,
	.check = s3_check,
	.tables = s3_tables,
};
