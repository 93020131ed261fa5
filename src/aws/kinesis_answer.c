/*-------------------------------------------------------------------------
 *
 * kinesis_answer.c
 *	  Kinesis Data Streams: what the short answers say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "aws/kinesis.h"
#include "net/json_tree.h"
#include "utils/memutils.h"

/*
 * The object that a body is, or raises an error.  It goes with the current
 * memory context; a context of its own is deleted when it has been used.
 */
static JsonTree *
parse_object(StringInfo body, const char *subject, const char *action)
{
	JsonTree   *json = json_tree(body->data, body->len);

	if (!json_tree_is_object(json))
		kinesis_bad_answer(subject, action);
	return json;
}

void
kinesis_bad_answer(const char *subject, const char *action)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not read \"%s\": the service's answer is not valid for %s", subject,
					action),
			 errhint("Check the endpoint and the region of the server, and that nothing stands between this machine and it.")));
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

/* The member of that name; where there is none, the whole. */
static const JsonTree *
part_of(const JsonTree *json, const char *name)
{
	const JsonTree *part = json_tree_member(json, name);

	return part == NULL ? json : part;
}

/* A copy of a string, NULL if it is missing or null. */
static char *
copy_string(const JsonTree *json, const char *name, MemoryContext result)
{
	const char *text = json_tree_string(json, name);

	return text == NULL ? NULL : MemoryContextStrdup(result, text);
}

static int64
milliseconds(const JsonTree *json, const char *name)
{
	return (int64) rint(json_tree_number(json, name) * 1000);
}

static bool
read_hash_key(const JsonTree *range, const char *name, HashKey *key)
{
	const char *text = json_tree_string(range, name);

	return text != NULL && hash_key_parse(text, strlen(text), key);
}

static bool
read_shard(const JsonTree *json, KinesisShard *shard, MemoryContext result)
{
	JsonTree   *keys = json_tree_member(json, "HashKeyRange");
	JsonTree   *sequences = json_tree_member(json, "SequenceNumberRange");

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
	const JsonTree *json = part_of(parse_object(body, subject, "ListShards"), "StreamDescription");
	JsonTree   *shards = json_tree_member(json, "Shards");

	page->nshards = json_tree_length(shards);
	if (page->nshards < 0)
		kinesis_bad_answer(subject, "ListShards");
	page->shards = MemoryContextAllocHuge(result, Max(page->nshards, 1) * sizeof(KinesisShard));
	for (int i = 0; i < page->nshards; i++)
		if (!read_shard(json_tree_element(shards, i), &page->shards[i], result))
			kinesis_bad_answer(subject, "ListShards");
	page->next_token = copy_string(json, "NextToken", result);
	page->more = json_tree_is_true(json, "HasMoreShards");
	end_answer(result);
	return page;
}

/* How many shards are open, by the list in the answer to DescribeStream. */
static int64
count_open(const JsonTree *description)
{
	JsonTree   *shards = json_tree_member(description, "Shards");
	int64		open = 0;

	if (json_tree_length(shards) < 0 || json_tree_is_true(description, "HasMoreShards"))
		return -1;
	for (int i = 0; i < json_tree_length(shards); i++)
		open += json_tree_string(json_tree_member(json_tree_element(shards, i),
												  "SequenceNumberRange"),
								 "EndingSequenceNumber") == NULL;
	return open;
}

KinesisSummary *
kinesis_summary(StringInfo body, const char *subject)
{
	KinesisSummary *summary = palloc0(sizeof(KinesisSummary));
	MemoryContext result = begin_answer();
	const JsonTree *json = parse_object(body, subject, "DescribeStreamSummary");

	json = part_of(part_of(json, "StreamDescriptionSummary"), "StreamDescription");
	summary->arn = copy_string(json, "StreamARN", result);
	summary->status = copy_string(json, "StreamStatus", result);
	summary->created = milliseconds(json, "StreamCreationTimestamp");
	(void) json_tree_integer(json, "RetentionPeriodHours", &summary->retention);
	summary->mode = copy_string(json_tree_member(json, "StreamModeDetails"), "StreamMode", result);
	if (!json_tree_integer(json, "OpenShardCount", &summary->open_shards))
		summary->open_shards = count_open(json);
	if (summary->status == NULL)
		kinesis_bad_answer(subject, "DescribeStreamSummary");
	end_answer(result);
	return summary;
}

KinesisConsumer *
kinesis_consumer(StringInfo body, const char *subject)
{
	KinesisConsumer *consumer = palloc0(sizeof(KinesisConsumer));
	MemoryContext result = begin_answer();
	const JsonTree *json = parse_object(body, subject, "DescribeStreamConsumer");

	json = part_of(json, "ConsumerDescription");
	consumer->arn = copy_string(json, "ConsumerARN", result);
	consumer->status = copy_string(json, "ConsumerStatus", result);
	if (consumer->arn == NULL || consumer->status == NULL)
		kinesis_bad_answer(subject, "DescribeStreamConsumer");
	end_answer(result);
	return consumer;
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
	JsonTree   *json = parse_object(body, subject, "ListStreams");
	JsonTree   *names = json_tree_member(json, "StreamNames");

	if (json_tree_length(names) < 0)
		kinesis_bad_answer(subject, "ListStreams");
	for (int i = 0; i < json_tree_length(names); i++)
	{
		const char *name = json_tree_text(json_tree_element(names, i));
		MemoryContext old = MemoryContextSwitchTo(result);

		if (name == NULL)
			kinesis_bad_answer(subject, "ListStreams");
		page->names = lappend(page->names, pstrdup(name));
		MemoryContextSwitchTo(old);
	}
	page->more = json_tree_is_true(json, "HasMoreStreams");
	page->next_token = copy_string(json, "NextToken", result);
	end_answer(result);
	return page;
}

/* The answer to PutRecords has an entry for each record, that to PutRecord is one. */
bool
kinesis_put_results(StringInfo body, int n, KinesisPutResult *results)
{
	MemoryContext result = begin_answer();
	JsonTree   *json = json_tree(body->data, body->len);
	JsonTree   *entries = json_tree_member(json, "Records");
	bool		understood = entries == NULL ? n == 1 : json_tree_length(entries) == n;

	for (int i = 0; understood && i < n; i++)
	{
		JsonTree   *entry = entries == NULL ? json : json_tree_element(entries, i);

		results[i].code = copy_string(entry, "ErrorCode", result);
		results[i].message = copy_string(entry, "ErrorMessage", result);
		understood = results[i].code != NULL ||
			json_tree_string(entry, "SequenceNumber") != NULL;
	}
	end_answer(result);
	return understood;
}
