/*-------------------------------------------------------------------------
 *
 * kinesis_stream.c
 *	  A stream: its shards and how they follow each other.
 *
 * Kinesis developer guide, "Resharding": a shard is split into two, or merged
 * with its neighbour; it is closed then, and its children take the records of
 * its hash keys from there on.  A parent that is not listed has passed the
 * stream's retention.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "net/date.h"
#include "source/kinesis/kinesis.h"
#include "utils/memutils.h"

/* A listing that makes no sense is taken again so often, a second apart. */
#define MAX_LISTINGS 10

int64
kinesis_answer_time(const AwsCall *call)
{
	const char *date = aws_call_header(call, "Date");
	int64		seconds;

	if (date == NULL || !http_date_parse(date, &seconds))
		return -1;
	return seconds * 1000;
}

/* ---------- listing ---------- */

static void
append_page(ShardMap *map, const KinesisShardPage *page)
{
	Size		size = sizeof(Shard) * (map->nshards + page->nshards);

	if (page->nshards == 0)
		return;
	map->shards = map->shards == NULL ?
		MemoryContextAllocHuge(CurrentMemoryContext, size) : repalloc_huge(map->shards, size);
	for (int i = 0; i < page->nshards; i++)
	{
		Shard	   *shard = &map->shards[map->nshards++];

		memset(shard, 0, sizeof(Shard));
		shard->listed = page->shards[i];
		shard->wanted = true;
		shard->time_end = PG_INT64_MAX;
		shard->behind = -1;
		shard->read_until = -1;
		shard->taken_arrival = -1;
		shard->takes_all = hash_key_is_first(&shard->listed.first_key) &&
			hash_key_is_last(&shard->listed.last_key);
	}
}

bool
kinesis_list_map(ShardMap *map, AwsService *service, AwsCall *call, const char *stream,
				 int64 *requests)
{
	KinesisRequest request;
	char	   *token = NULL;

	kinesis_request_init(&request);
	map->nshards = 0;
	do
	{
		KinesisShardPage *page;

		(*requests)++;
		kinesis_list_shards(&request, stream, token, stream);
		if (!kinesis_ask_unless(service, call, &request, "ExpiredNextTokenException"))
			return false;
		page = kinesis_shard_page(aws_call_body(call), stream);
		append_page(map, page);
		if (page->next_token != NULL && token != NULL && strcmp(page->next_token, token) == 0)
			kinesis_bad_answer(stream, "ListShards");
		token = page->next_token;
	} while (token != NULL);
	return true;
}

/* qsort comparator: by where they begin */
static int
compare_ranges(const void *a, const void *b)
{
	return hash_key_compare(&(*(Shard *const *) a)->listed.first_key,
							&(*(Shard *const *) b)->listed.first_key);
}

/*
 * Do the open shards take every hash key, and each only once?  A listing taken
 * while a shard is being split may have it closed and its children not yet
 * there, and records be written to them already.
 */
static bool
is_whole(const ShardMap *map)
{
	Shard	  **open = palloc(sizeof(Shard *) * Max(map->nshards, 1));
	int			nopen = 0;
	bool		whole = true;

	for (int i = 0; i < map->nshards; i++)
		if (map->shards[i].listed.end_sequence == NULL)
			open[nopen++] = &map->shards[i];
	qsort(open, nopen, sizeof(Shard *), compare_ranges);
	for (int i = 0; i < nopen; i++)
		whole = whole && (i == 0 ? hash_key_is_first(&open[i]->listed.first_key) :
						  hash_key_follows(&open[i - 1]->listed.last_key,
										   &open[i]->listed.first_key));
	if (nopen > 0)
		whole = whole && hash_key_is_last(&open[nopen - 1]->listed.last_key);
	pfree(open);
	return whole;
}

/* ---------- who follows whom ---------- */

/* Comparators of qsort and bsearch, by id */
static int
compare_ids(const void *a, const void *b)
{
	return strcmp((*(Shard *const *) a)->listed.id, (*(Shard *const *) b)->listed.id);
}

static int
compare_id(const void *id, const void *shard)
{
	return strcmp(id, (*(Shard *const *) shard)->listed.id);
}

static void
link_parent(Shard *shard, int place, Shard **by_id, int nshards)
{
	const char *id = shard->listed.parents[place];
	Shard	  **parent = id == NULL ? NULL :
		bsearch(id, by_id, nshards, sizeof(Shard *), compare_id);

	if (parent == NULL || *parent == shard)
		return;
	shard->parents[place] = *parent;
	shard->parents_left++;
	(*parent)->children = lappend((*parent)->children, shard);
}

/* Shards that wait for each other would wait for ever. */
static bool
has_circle(const ShardMap *map)
{
	int		   *left = palloc(sizeof(int) * Max(map->nshards, 1));
	List	   *free_shards = NIL;
	int			nfreed = 0;

	for (int i = 0; i < map->nshards; i++)
	{
		left[i] = map->shards[i].parents_left;
		if (left[i] == 0)
			free_shards = lappend(free_shards, &map->shards[i]);
	}
	while (free_shards != NIL)
	{
		Shard	   *shard = llast(free_shards);
		ListCell   *lc;

		free_shards = list_delete_last(free_shards);
		nfreed++;
		foreach(lc, shard->children)
		{
			Shard	   *child = lfirst(lc);

			if (--left[child - map->shards] == 0)
				free_shards = lappend(free_shards, child);
		}
	}
	pfree(left);
	return nfreed < map->nshards;
}

static void
link_shards(ShardMap *map, const char *stream)
{
	Shard	  **by_id = palloc(sizeof(Shard *) * Max(map->nshards, 1));
	bool		twice = false;

	for (int i = 0; i < map->nshards; i++)
		by_id[i] = &map->shards[i];
	qsort(by_id, map->nshards, sizeof(Shard *), compare_ids);
	for (int i = 1; i < map->nshards; i++)
		twice = twice || strcmp(by_id[i - 1]->listed.id, by_id[i]->listed.id) == 0;
	for (int i = 0; i < map->nshards; i++)
	{
		Shard	   *shard = &map->shards[i];

		shard->subject = psprintf("%s of stream %s", shard->listed.id, stream);
		link_parent(shard, 0, by_id, map->nshards);
		if (shard->listed.parents[0] == NULL || shard->listed.parents[1] == NULL ||
			strcmp(shard->listed.parents[0], shard->listed.parents[1]) != 0)
			link_parent(shard, 1, by_id, map->nshards);
	}
	if (twice || has_circle(map))
		kinesis_bad_answer(stream, "ListShards");
}

/* ---------- the map ---------- */

static KinesisSummary *
describe(AwsService *service, AwsCall *call, const char *stream)
{
	KinesisRequest request;

	kinesis_request_init(&request);
	kinesis_describe(&request, stream, stream);
	return kinesis_summary(kinesis_ask(service, call, &request), stream);
}

ShardMap *
kinesis_shard_map(AwsService *service, const char *stream, int64 *requests)
{
	ShardMap   *map = palloc0(sizeof(ShardMap));
	AwsCall    *call = kinesis_call(service);
	KinesisSummary *summary = describe(service, call, stream);
	int			listings = 1;

	(*requests)++;
	map->taken_at = kinesis_answer_time(call);
	map->arn = summary->arn;
	map->created = summary->created;
	map->retention = summary->retention * 3600 * 1000;
	if (strcmp(summary->status, "CREATING") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stream \"%s\" is still being created", stream)));
	while (!kinesis_list_map(map, service, call, stream, requests) || !is_whole(map))
	{
		if (listings++ == MAX_LISTINGS)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("the shards of stream \"%s\" are inconsistent", stream),
					 errdetail("The hash keys of the open shards have gaps or overlap in each of %d listings.",
							   MAX_LISTINGS),
					 errhint("The stream may be being resharded. Run the query again.")));
		kinesis_rest(service, 1000);
	}
	link_shards(map, stream);
	return map;
}

/* A stream of the same name made anew has nothing to do with the one before. */
void
kinesis_check_same(AwsService *service, const char *stream, const ShardMap *map)
{
	KinesisSummary *summary = describe(service, kinesis_call(service), stream);

	if (summary->created != map->created)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("stream \"%s\" was deleted and created anew while it was being read",
						stream),
				 errhint("Run the query again.")));
}
