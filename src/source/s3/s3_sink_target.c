/*-------------------------------------------------------------------------
 *
 * s3_sink_target.c
 *	  The target of s3_json for the layout of a sink.
 *
 * Each record goes to the end of a partition of a topic, which its row may name.
 * Where that end is, is looked for when a statement first gets there; after
 * that the records are counted.  An object holds records one behind the
 * other, so a gap in the offsets begins another one.
 *
 *	  partition -> pending bytes -> the object being written
 *
 * Only one object is written at a time.  The records of all other partitions
 * wait in memory, which is bounded: when it is used up, the object being
 * written ends before it is full, and the partition that takes most of the
 * memory gets its turn.
 *
 * Within a partition an object is begun only when the one before is known to
 * have its name: were that taken, by somebody else who writes to the same
 * partition, the offsets behind would be as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "source/s3/s3_source.h"
#include "source/s3/s3_target.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Bytes of records that wait at most, in all partitions. */
#define MAX_PENDING (16 * 1024 * 1024)

/* "Legal characters in topic names" of Kafka, and its limit. */
#define MAX_TOPIC 249

typedef struct PartitionKey
{
	char		topic[MAX_TOPIC + 1];	/* empty if the location names it */
	int32		partition;
} PartitionKey;

typedef struct Partition
{
	PartitionKey key;			/* hash key: must be first */
	const char *topic;
	int64		next;			/* offset of the next record */
	int64		start;			/* of the first one in the object at hand */
	int64		rows;			/* in it; 0: there is none */
	StringInfoData pending;		/* what of these has not been handed on; no data
								 * between objects */
	uint64		ended;			/* when its last object did: see settled */
	dlist_node	node;			/* in waiting, while there is an object */
} Partition;

typedef struct SinkTarget
{
	Target		base;
	SourceRequest request;
	SinkFolders folders;
	char	   *topic;			/* that the location names, or NULL */
	int64		rows_per_object;
	S3Objects  *objects;
	MemoryContext context;		/* of everything */
	MemoryContext scratch;		/* of one record */
	HTAB	   *partitions;
	Partition  *last;			/* where the last record went; or NULL */
	dlist_head	waiting;		/* partitions that have an object at hand */
	Partition  *writing;		/* that whose object has begun; or NULL */
	int64		pending;		/* bytes, of all partitions */
	uint64		settled;		/* how often the upload has been waited for */
} SinkTarget;

/* ---------- locations ---------- */

void
sink_check_location(const Location *location)
{
	SinkFolders folders;
	const char *end;

	if (!sink_folders(location, &folders) ||
		(!folders.any_topic && sink_folders_topic(&folders) == NULL))
		end = NULL;
	else
		end = strstr(location->pattern + folders.start, SINK_PARTITIONS) + strlen(SINK_PARTITIONS);
	if (end == NULL || *end != '\0')
		s3_target_refuse(location, "It does not say in which folders topics and partitions are.",
						 "With layout \"sink\", insert into a foreign table whose location ends in \"TOPIC/partition=*/\" or \"*/partition=*/\".");
}

/* The folder of the topics, or the one above if it is called as the sink calls it. */
const char *
sink_root(const Location *location)
{
	static const char usual[] = "topics/";
	SinkFolders folders;
	char	   *topic;
	char	   *root;
	char	   *end;

	(void) sink_folders(location, &folders);
	topic = sink_folders_topic(&folders);
	root = pnstrdup(location->pattern,
					folders.start - (topic == NULL ? 0 : strlen(topic) + 1));
	end = root + strlen(root) - strlen(usual);
	if (end > root && end[-1] == '/' && strcmp(end, usual) == 0)
		*end = '\0';
	return root;
}

/* ---------- what rows say ---------- */

void
sink_check_topic(const SinkFolders *folders, const char *topic)
{
	size_t		len = strlen(topic);

	if (!folders->any_topic)
	{
		if (strcmp(topic, sink_folders_topic(folders)) == 0)
			return;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" does not belong to location \"%s\"", topic,
						folders->location->uri)));
	}
	if (len == 0 || len > MAX_TOPIC || topic[0] == '.' || topic[0] == '_' ||
		topic[strspn(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid topic \"%s\"", topic),
				 errdetail("The name of a topic has 1 to %d letters, digits, \"-\", \"_\" and \".\". No scan reads folders whose names begin with \"_\" or \".\".",
						   MAX_TOPIC)));
	if (!location_enters(folders->location, sink_folder(folders, topic, 0)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" does not belong to location \"%s\"", topic,
						folders->location->uri)));
}

/* The topic and partition of a record. */
static void
find_key(const SinkTarget *target, const TargetRecord *record, PartitionKey *key)
{
	memset(key, 0, sizeof(PartitionKey));
	if (!record->absent[ITEM_TOPIC])
	{
		char	   *topic = TextDatumGetCString(record->metadata[ITEM_TOPIC]);

		sink_check_topic(&target->folders, topic);
		if (target->topic == NULL)
			strlcpy(key->topic, topic, sizeof(key->topic));
	}
	else if (target->topic == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a row has no topic, and location \"%s\" names none",
						target->base.name),
				 errhint("Give the value of a column with the option metadata 'topic'.")));
	if (!record->absent[ITEM_PARTITION])
		key->partition = DatumGetInt32(record->metadata[ITEM_PARTITION]);
	if (key->partition < 0)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("invalid partition %d", key->partition),
				 errdetail("Partitions are counted from 0.")));
}

static Partition *
find_partition(SinkTarget *target, const TargetRecord *record)
{
	PartitionKey key;
	Partition  *partition;
	bool		found;
	int64		end;

	find_key(target, record, &key);
	if (target->last != NULL && target->last->key.partition == key.partition &&
		strcmp(target->last->key.topic, key.topic) == 0)
		return target->last;
	target->last = hash_search(target->partitions, &key, HASH_FIND, NULL);
	if (target->last != NULL)
		return target->last;

	/* looking may fail */
	end = sink_end(&target->request, &target->folders,
				   target->topic != NULL ? target->topic : key.topic, key.partition);
	partition = hash_search(target->partitions, &key, HASH_ENTER, &found);
	partition->topic = target->topic != NULL ? target->topic : partition->key.topic;
	partition->next = end;
	partition->rows = 0;
	partition->pending.data = NULL;
	partition->ended = 0;
	target->last = partition;
	return partition;
}

/* Which offset does a record get? */
static int64
find_offset(const Partition *partition, const TargetRecord *record)
{
	int64		offset = partition->next;

	if (!record->absent[ITEM_OFFSET])
		offset = DatumGetInt64(record->metadata[ITEM_OFFSET]);
	if (offset < partition->next)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("offset %lld of partition %d of topic \"%s\" is not free",
						(long long) offset, partition->key.partition, partition->topic),
				 errdetail("The next offset there is %lld.", (long long) partition->next),
				 errhint("Insert rows in the order of their offsets, or leave the offset NULL to append them.")));
	if (offset == PG_INT64_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("partition %d of topic \"%s\" has no offsets left",
						partition->key.partition, partition->topic)));
	return offset;
}

/* ---------- objects ---------- */

/* Hands on what is pending of the object being written. */
static void
hand_on(SinkTarget *target, Partition *partition, bool last)
{
	target->pending -= partition->pending.len;
	objects_write(target->objects, &partition->pending, last);
}

static void
end_object(SinkTarget *target)
{
	Partition  *partition = target->writing;

	hand_on(target, partition, true);
	target->base.complete = objects_complete(target->objects);
	pfree(partition->pending.data);
	partition->pending.data = NULL;
	partition->rows = 0;
	partition->ended = target->settled + 1;
	dlist_delete(&partition->node);
	target->writing = NULL;
}

/* Makes the object of a partition the one that is written. */
static void
begin_object(SinkTarget *target, Partition *partition)
{
	char	   *key;

	if (target->writing == partition)
		return;
	if (target->writing != NULL)
		end_object(target);
	if (partition->ended > target->settled)
	{
		objects_settle(target->objects);
		target->settled++;
	}
	key = psprintf("%s%s%s", sink_folder(&target->folders, partition->topic, partition->key.partition),
				   sink_name(partition->topic, partition->key.partition, partition->start),
				   objects_suffix(target->objects));
	objects_begin(target->objects, key);
	target->writing = partition;
}

static void
end_object_of(SinkTarget *target, Partition *partition)
{
	begin_object(target, partition);
	end_object(target);
}

/* The partition with the most bytes that wait. */
static Partition *
fullest(SinkTarget *target)
{
	Partition  *most = NULL;
	dlist_iter	iter;

	dlist_foreach(iter, &target->waiting)
	{
		Partition  *partition = dlist_container(Partition, node, iter.cur);

		if (most == NULL || partition->pending.len > most->pending.len)
			most = partition;
	}
	return most;
}

/* Adds a record to the object at hand of its partition. */
static void
add_record(SinkTarget *target, Partition *partition, int64 offset, const TargetRecord *record)
{
	int			before;

	if (partition->rows > 0 && offset != partition->next)
		end_object_of(target, partition);
	if (partition->rows == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(target->context);

		initStringInfo(&partition->pending);
		MemoryContextSwitchTo(old);
		partition->start = offset;
		dlist_push_tail(&target->waiting, &partition->node);
	}
	before = partition->pending.len;
	objects_append(target->objects, &partition->pending, partition->rows == 0, record);
	target->pending += partition->pending.len - before;
	partition->rows++;
	partition->next = offset + 1;
}

static void
sink_put(Target *base, const TargetRecord *record)
{
	SinkTarget *target = (SinkTarget *) base;
	MemoryContext old;
	Partition  *partition;

	MemoryContextReset(target->scratch);
	old = MemoryContextSwitchTo(target->scratch);
	partition = find_partition(target, record);
	add_record(target, partition, find_offset(partition, record), record);
	if (partition->rows == target->rows_per_object)
		end_object_of(target, partition);
	else if (partition->pending.len >= OBJECTS_PIECE &&
			 (target->writing == NULL || target->writing == partition))
	{
		begin_object(target, partition);
		hand_on(target, partition, false);
	}
	else if (target->pending > MAX_PENDING)
	{
		partition = fullest(target);
		begin_object(target, partition);
		hand_on(target, partition, false);
	}
	MemoryContextSwitchTo(old);
}

static void
sink_finish(Target *base)
{
	SinkTarget *target = (SinkTarget *) base;
	MemoryContext old = MemoryContextSwitchTo(target->scratch);

	if (target->writing != NULL)
		end_object(target);
	while (!dlist_is_empty(&target->waiting))
	{
		MemoryContextReset(target->scratch);
		end_object_of(target, dlist_head_element(Partition, node, &target->waiting));
	}
	objects_finish(target->objects);
	base->complete = objects_complete(target->objects);
	MemoryContextSwitchTo(old);
}

static char *
sink_remains(Target *base)
{
	SinkTarget *target = (SinkTarget *) base;

	base->complete = objects_complete(target->objects);
	return objects_remains(target->objects);
}

static const TargetOps sink_ops = {
	.put = sink_put,
	.finish = sink_finish,
	.remains = sink_remains,
};

Target *
sink_target_open(const SourceRequest *request, const S3TargetConfig *config, S3Objects *objects)
{
	SinkTarget *target = palloc0(sizeof(SinkTarget));
	HASHCTL		hash = {0};

	target->base.ops = &sink_ops;
	target->base.takes_bytes = true;
	target->base.wants_value = true;
	target->base.takes = 1 << ITEM_TOPIC | 1 << ITEM_PARTITION | 1 << ITEM_OFFSET;
	target->request = *request;
	(void) sink_folders(config->location, &target->folders);
	target->topic = sink_folders_topic(&target->folders);
	target->rows_per_object = config->rows_per_object;
	target->objects = objects;
	target->context = CurrentMemoryContext;
	target->scratch = AllocSetContextCreate(CurrentMemoryContext, "pinterest sink record",
											ALLOCSET_SMALL_SIZES);
	hash.keysize = sizeof(PartitionKey);
	hash.entrysize = sizeof(Partition);
	hash.hcxt = CurrentMemoryContext;
	target->partitions = hash_create("pinterest sink partitions", 64, &hash,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&target->waiting);
	return &target->base;
}
