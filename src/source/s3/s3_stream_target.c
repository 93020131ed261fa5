/*-------------------------------------------------------------------------
 *
 * s3_stream_target.c
 *	  The target of s3_json for streams into the layout of a sink.
 *
 * The stream has decided before which ranges of offsets make an object each
 * (TargetObject), and has that committed.  So nothing has to be looked for here,
 * and an object is never cut.  Records come in order, those of an object one
 * behind the other; its name is that of the first one that there is.
 *
 * After a failure the stream tries the same ranges again.  Those that have an
 * object are known by its name, and by nothing else: the offset in the name lies
 * in the range, whichever records have gone from the range meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/s3.h"
#include "source/s3/s3_source.h"
#include "source/s3/s3_target.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct StreamTarget
{
	Target		base;
	SinkFolders folders;
	S3Objects  *objects;
	List	   *planned;		/* of TargetObject */
	const TargetObject *at;		/* of the last record; or NULL */
	bool		begun;			/* has its object? */
	StringInfoData pending;		/* what of it has not been handed on */
	MemoryContext scratch;		/* of one record */
} StreamTarget;

/*
 * Which objects there are
 */

/*
 * The first offset that is not padded, and the first that begins with no 0: names
 * are in order below the former, and behind those below the latter.
 */
#define TEN_DIGITS INT64CONST(10000000000)
#define NO_ZERO INT64CONST(1000000000)

/* The objects of one partition. */
typedef struct Search
{
	const SinkFolders *folders;
	TargetObject **objects;		/* by offset */
	int			nobjects;
} Search;

static bool
same_partition(const TargetObject *a, const TargetObject *b)
{
	return a->partition == b->partition && strcmp(a->topic, b->topic) == 0;
}

static bool
parse_name(const Search *search, const char *key, SinkName *name)
{
	const TargetObject *object = search->objects[0];

	return sink_name_parse(key, name) && name->partition == object->partition &&
		strlen(object->topic) == name->topic_len &&
		memcmp(object->topic, name->topic, name->topic_len) == 0;
}

/* A StoreFilter that wants nothing. */
static bool
note_object(void *arg, const StoreObject *object)
{
	Search	   *search = arg;
	SinkName	name;

	if (!parse_name(search, object->key, &name))
		return false;
	for (int i = 0; i < search->nobjects; i++)
		if (name.offset >= search->objects[i]->first && name.offset <= search->objects[i]->last)
			search->objects[i]->exists = true;
	return false;
}

/* Store.leap: nothing matters but the names from the first offset to the last. */
static StoreLeap
leap(void *arg, const char *key, char **after)
{
	Search	   *search = arg;
	const TargetObject *object = search->objects[0];
	int64		last = search->objects[search->nobjects - 1]->last;
	SinkName	name;

	if (!parse_name(search, key, &name) || name.offset >= TEN_DIGITS ||
		(last >= TEN_DIGITS && object->first > NO_ZERO))
		return LEAP_ON;
	if (name.offset > last)
		return LEAP_END;
	if (name.offset + 1 >= object->first)
		return LEAP_ON;
	*after = psprintf("%s%s", sink_folder(search->folders, object->topic, object->partition),
					  sink_name(object->topic, object->partition, object->first - 1));
	return LEAP_TO;
}

/* Store.leapt_too_far */
static bool
leapt_too_far(void *arg, const char *first)
{
	return false;
}

/* Lists the folder of a partition. */
static void
search_partition(const SourceRequest *request, Search *search)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest sink objects",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Store	   *store = s3_store_open(request, search->folders->location);

	store->narrowed = true;
	store->prefixes = list_make1(sink_folder(search->folders, search->objects[0]->topic,
											 search->objects[0]->partition));
	store->filter = note_object;
	store->filter_arg = search;
	store->in_order = true;
	store->leap = leap;
	store->leapt_too_far = leapt_too_far;
	(void) store->ops->next(store);
	store->ops->close(store);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

void
s3_find_objects(const SourceRequest *request, List *objects)
{
	SinkFolders folders;
	Search		search = {.folders = &folders};
	ListCell   *lc;

	(void) sink_folders(s3_location(request->table_options), &folders);
	search.objects = palloc(sizeof(TargetObject *) * Max(list_length(objects), 1));
	foreach(lc, objects)
	{
		TargetObject *object = lfirst(lc);

		if (search.nobjects > 0 && !same_partition(object, search.objects[0]))
		{
			search_partition(request, &search);
			search.nobjects = 0;
		}
		search.objects[search.nobjects++] = object;
	}
	if (search.nobjects > 0)
		search_partition(request, &search);
}

void
s3_check_objects(List *table_options)
{
	const Location *location = s3_location(table_options);

	if (location->layout != LAYOUT_SINK)
		s3_target_refuse(location, "The layout of the table is not that of a sink.",
						 "Streams write into foreign tables with the option layout 'sink'.");
	sink_check_location(location);
}

/*
 * Writing
 */

/* The object whose range a record is in; a record is in one, or it is no record of the stream's. */
static const TargetObject *
find_object(const StreamTarget *target, const char *topic, int32 partition, int64 offset)
{
	ListCell   *lc;

	foreach(lc, target->planned)
	{
		const TargetObject *object = lfirst(lc);

		if (offset >= object->first && offset <= object->last &&
			partition == object->partition && strcmp(topic, object->topic) == 0)
			return object;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("offset %lld of partition %d of topic \"%s\" is not that of a record the stream has read",
					(long long) offset, partition, topic),
			 errhint("The query of a stream into a folder must leave topic, partition and offset as they are.")));
}

static void
end_object(StreamTarget *target)
{
	if (!target->begun)
		return;
	objects_write(target->objects, &target->pending, true);
	target->begun = false;
}

/* The current object begins, with the record of that offset. */
static void
begin_object(StreamTarget *target, int64 offset)
{
	const TargetObject *object = target->at;
	const SinkFolders *folders = &target->folders;

	sink_check_topic(folders, object->topic);
	objects_begin(target->objects,
				  psprintf("%s%s%s", sink_folder(folders, object->topic, object->partition),
						   sink_name(object->topic, object->partition, offset),
						   objects_suffix(target->objects)));
	target->begun = true;
}

static void
put_record(StreamTarget *target, const TargetRecord *record)
{
	const TargetObject *object = target->at;
	const char *topic = TextDatumGetCString(record->metadata[ITEM_TOPIC]);
	int32		partition = DatumGetInt32(record->metadata[ITEM_PARTITION]);
	int64		offset = DatumGetInt64(record->metadata[ITEM_OFFSET]);
	bool		first;

	if (object == NULL || offset < object->first || offset > object->last ||
		partition != object->partition || strcmp(topic, object->topic) != 0)
	{
		end_object(target);
		target->at = object = find_object(target, topic, partition, offset);
	}
	if (object->exists)
		return;
	first = !target->begun;
	if (first)
		begin_object(target, offset);
	objects_append(target->objects, &target->pending, first, record);
	if (target->pending.len >= OBJECTS_PIECE)
		objects_write(target->objects, &target->pending, false);
}

static void
stream_put(Target *base, const TargetRecord *record)
{
	StreamTarget *target = (StreamTarget *) base;
	MemoryContext old;

	if (record->absent[ITEM_TOPIC] || record->absent[ITEM_PARTITION] || record->absent[ITEM_OFFSET])
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a row has no topic, partition or offset")));
	MemoryContextReset(target->scratch);
	old = MemoryContextSwitchTo(target->scratch);
	put_record(target, record);
	MemoryContextSwitchTo(old);
}

static void
stream_finish(Target *base)
{
	StreamTarget *target = (StreamTarget *) base;

	end_object(target);
	objects_finish(target->objects);
}

/* What is complete is taken up by the next run, so nobody is told that it stays. */
static char *
stream_remains(Target *base)
{
	return NULL;
}

static const TargetOps stream_ops = {
	.put = stream_put,
	.finish = stream_finish,
	.remains = stream_remains,
};

Target *
stream_target_open(const SourceRequest *request, const S3TargetConfig *config, S3Objects *objects)
{
	StreamTarget *target = palloc0(sizeof(StreamTarget));

	target->base.ops = &stream_ops;
	target->base.takes = 1 << ITEM_TOPIC | 1 << ITEM_PARTITION | 1 << ITEM_OFFSET;
	target->base.takes_bytes = true;
	target->base.wants_value = true;
	(void) sink_folders(config->location, &target->folders);
	target->objects = objects;
	target->planned = request->objects;
	initStringInfo(&target->pending);
	target->scratch = AllocSetContextCreate(CurrentMemoryContext, "pinterest stream record",
											ALLOCSET_SMALL_SIZES);
	return &target->base;
}
