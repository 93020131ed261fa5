/*-------------------------------------------------------------------------
 *
 * kinesis_answer.c
 *	  Kinesis Data Streams: what the short answers say.
 *
 * By jansson; see credentials_reply.c for why no header of the server that
 * declares SQL functions is included here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <jansson.h>
#include <math.h>

#include "aws/kinesis.h"
#include "utils/memutils.h"

typedef struct Document
{
	json_t	   *json;
	MemoryContextCallback on_reset;
} Document;

static void
free_document(void *arg)
{
	json_decref(((Document *) arg)->json);
}

/*
 * The object that a body is, or raises an error.  It goes with the current
 * memory context; a context of its own is deleted when it has been used.
 */
static json_t *
parse_object(StringInfo body, const char *subject, const char *action)
{
	Document   *document = palloc0(sizeof(Document));

	document->on_reset.func = free_document;
	document->on_reset.arg = document;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &document->on_reset);
	document->json = json_loadb(body->data, body->len, 0, NULL);
	if (!json_is_object(document->json))
		kinesis_bad_answer(subject, action);
	return document->json;
}

void
kinesis_bad_answer(const char *subject, const char *action)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not read \"%s\": the service's answer is none to %s", subject,
					action),
			 errhint("Check the endpoint of the server, and that nothing stands between this machine and it.")));
	pg_unreachable();
}

/* Where a document lives while its answer is taken apart. */
static MemoryContext
begin_answer(void)
{
	return MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext,
													   "pinterest kinesis answer",
													   ALLOCSET_SMALL_SIZES));
}

static void
end_answer(MemoryContext result)
{
	MemoryContextDelete(MemoryContextSwitchTo(result));
}

/* A copy of a string, NULL if it is missing or null. */
static char *
copy_string(json_t *json, const char *name, MemoryContext result)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text == NULL ? NULL : MemoryContextStrdup(result, text);
}

static int64
milliseconds(json_t *json, const char *name)
{
	return (int64) rint(json_number_value(json_object_get(json, name)) * 1000);
}

static bool
read_hash_key(json_t *range, const char *name, HashKey *key)
{
	const char *text = json_string_value(json_object_get(range, name));

	return text != NULL && hash_key_parse(text, strlen(text), key);
}

static bool
read_shard(json_t *json, KinesisShard *shard, MemoryContext result)
{
	json_t	   *keys = json_object_get(json, "HashKeyRange");
	json_t	   *sequences = json_object_get(json, "SequenceNumberRange");

	memset(shard, 0, sizeof(KinesisShard));
	shard->id = copy_string(json, "ShardId", result);
	shard->parents[0] = copy_string(json, "ParentShardId", result);
	shard->parents[1] = copy_string(json, "AdjacentParentShardId", result);
	shard->start_sequence = copy_string(sequences, "StartingSequenceNumber", result);
	shard->end_sequence = copy_string(sequences, "EndingSequenceNumber", result);
	return shard->id != NULL && shard->start_sequence != NULL &&
		read_hash_key(keys, "StartingHashKey", &shard->first_key) &&
		read_hash_key(keys, "EndingHashKey", &shard->last_key);
}

KinesisShardPage *
kinesis_shard_page(StringInfo body, const char *subject)
{
	KinesisShardPage *page = palloc0(sizeof(KinesisShardPage));
	MemoryContext result = begin_answer();
	json_t	   *json = parse_object(body, subject, "ListShards");
	json_t	   *shards = json_object_get(json, "Shards");

	if (!json_is_array(shards))
		kinesis_bad_answer(subject, "ListShards");
	page->nshards = (int) json_array_size(shards);
	page->shards = MemoryContextAllocHuge(result, Max(page->nshards, 1) * sizeof(KinesisShard));
	for (int i = 0; i < page->nshards; i++)
		if (!read_shard(json_array_get(shards, i), &page->shards[i], result))
			kinesis_bad_answer(subject, "ListShards");
	page->next_token = copy_string(json, "NextToken", result);
	end_answer(result);
	return page;
}

KinesisSummary *
kinesis_summary(StringInfo body, const char *subject)
{
	KinesisSummary *summary = palloc0(sizeof(KinesisSummary));
	MemoryContext result = begin_answer();
	json_t	   *json = json_object_get(parse_object(body, subject, "DescribeStreamSummary"),
									   "StreamDescriptionSummary");

	summary->status = copy_string(json, "StreamStatus", result);
	summary->created = milliseconds(json, "StreamCreationTimestamp");
	summary->retention = json_integer_value(json_object_get(json, "RetentionPeriodHours"));
	summary->open_shards = json_integer_value(json_object_get(json, "OpenShardCount"));
	if (summary->status == NULL)
		kinesis_bad_answer(subject, "DescribeStreamSummary");
	end_answer(result);
	return summary;
}

char *
kinesis_iterator(StringInfo body, const char *subject)
{
	MemoryContext result = begin_answer();
	char	   *iterator = copy_string(parse_object(body, subject, "GetShardIterator"),
									   "ShardIterator", result);

	if (iterator == NULL)
		kinesis_bad_answer(subject, "GetShardIterator");
	end_answer(result);
	return iterator;
}

KinesisStreamPage *
kinesis_stream_page(StringInfo body, const char *subject)
{
	KinesisStreamPage *page = palloc0(sizeof(KinesisStreamPage));
	MemoryContext result = begin_answer();
	json_t	   *json = parse_object(body, subject, "ListStreams");
	json_t	   *names = json_object_get(json, "StreamNames");

	if (!json_is_array(names))
		kinesis_bad_answer(subject, "ListStreams");
	for (size_t i = 0; i < json_array_size(names); i++)
	{
		const char *name = json_string_value(json_array_get(names, i));
		MemoryContext old = MemoryContextSwitchTo(result);

		if (name == NULL)
			kinesis_bad_answer(subject, "ListStreams");
		page->names = lappend(page->names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	page->more = json_is_true(json_object_get(json, "HasMoreStreams"));
	page->next_token = copy_string(json, "NextToken", result);
	end_answer(result);
	return page;
}
