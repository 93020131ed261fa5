/*-------------------------------------------------------------------------
 *
 * s3_sink_end.c
 *	  Where a topic's partition ends in the folder of a sink.
 *
 * The name of an object tells its first offset only, so the records of the last
 * one have to be counted.  They are read as a scan reads them: what a scan takes
 * for a record has an offset.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/path.h"
#include "nodes/makefuncs.h"
#include "option.h"
#include "pg_compat.h"
#include "record.h"
#include "source/s3/s3.h"
#include "source/s3/s3_target.h"
#include "utils/memutils.h"

/* What the listing is looked through for. */
typedef struct LastObject
{
	const char *topic;
	int32		partition;
	int64		start;			/* -1: there is none */
	List	   *uris;			/* of the objects that start there: there may be
								 * one compressed and one not */
	MemoryContext context;		/* of uris */
} LastObject;

/* A StoreFilter that wants nothing. */
static bool
note_object(void *arg, const StoreObject *object)
{
	LastObject *last = arg;
	SinkName	name;
	MemoryContext old;

	if (!sink_name_parse(object->key, &name) || name.partition != last->partition ||
		strlen(last->topic) != name.topic_len ||
		memcmp(last->topic, name.topic, name.topic_len) != 0 || name.offset < last->start)
		return false;
	old = MemoryContextSwitchTo(last->context);
	if (name.offset > last->start)
	{
		list_free_deep(last->uris);
		last->uris = NIL;
	}
	last->start = name.offset;
	last->uris = lappend(last->uris, pstrdup(object->uri));
	MemoryContextSwitchTo(old);
	return false;
}

static void
find_last_object(const SourceRequest *request, const SinkFolders *folders, LastObject *last)
{
	Store	   *store = s3_store_open(request, folders->location);

	store->narrowed = true;
	store->prefixes = list_make1(sink_folder(folders, last->topic, last->partition));
	store->filter = note_object;
	store->filter_arg = last;
	(void) store->ops->next(store);
	store->ops->close(store);
}

/* The table's options, but for the place. */
static List *
options_for_object(List *table_options, const char *uri)
{
	List	   *options = list_make1(makeDefElem("location", (Node *) makeString(pstrdup(uri)), -1));
	ListCell   *lc;

	foreach(lc, table_options)
	{
		DefElem    *option = lfirst(lc);

		if (strcmp(option->defname, "location") != 0)
			options = lappend(options, option);
	}
	return options;
}

static void
name_object(void *arg)
{
	errcontext("counting the records of object \"%s\"", (char *) arg);
}

static int64
count_records(const SourceRequest *request, const char *uri)
{
	SourceRequest one = *request;
	Source	   *source;
	Records    *records;
	RecordPlace place;
	JsonNode   *root;
	int			nslots;
	int64		count = 0;
	ErrorContextCallback context = {
		error_context_stack, name_object, unconstify(char *, uri)
	};

	error_context_stack = &context;
	one.table_options = options_for_object(request->table_options, uri);
	source = s3_source_ops.open(&one);
	root = json_path_tree(NIL, NULL, &nslots);
	records = records_create(source, one.table_options, root, nslots, true);
	while (records_next(records, &place) != NULL)
		count++;
	s3_source_ops.close(source);
	error_context_stack = context.previous;
	return count;
}

int64
sink_end(const SourceRequest *request, const SinkFolders *folders, const char *topic,
		 int32 partition)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest sink end",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	LastObject	last = {topic, partition, -1, NIL, context};
	int64		count = 1;		/* an empty object has its name all the same */
	int64		start;
	ListCell   *lc;

	find_last_object(request, folders, &last);
	foreach(lc, last.uris)
	{
		int64		records = count_records(request, lfirst(lc));

		count = Max(count, records);
	}
	start = last.start;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	if (start < 0)
		return 0;
	return start <= PG_INT64_MAX - count ? start + count : PG_INT64_MAX;
}
