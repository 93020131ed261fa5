/*-------------------------------------------------------------------------
 *
 * s3_offsets.c
 *	  What a range of offsets saves in the folders of a sink.
 *
 * An object's name tells its first offset, and that of the next object, in the
 * listing of its folder, where it has ended.  So an object is read only if a
 * wanted offset lies between the two.
 * (A sink that rotates by schedule gives no exactly-once, and may leave objects
 * that go on behind the next one's start; the documentation warns of it.)
 *
 * In the folder "partition=N" objects are listed in the order of their
 * offsets.  Behind the last wanted one the listing ends; in front of the first
 * wanted one it leaps (S3 API, ListObjectsV2, "start-after").  What it has to find
 * there is the last object that begins at the wanted offset or before, and how far
 * back that may be nobody knows: a leap ends some way ahead of the offset, by what
 * neighbours have been apart so far, and if that was too little, or the partition
 * ends before, it is taken back, and the next one goes half as far.
 *
 * Order holds for offsets of ten digits, which is what the sink pads them to.
 * Longer ones lie among those of ten digits that begin with another digit than 0:
 * leaps take care not to pass them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/s3_source.h"
#include "utils/memutils.h"

/* The first offset that is not padded, and the first that begins with no 0. */
#define TEN_DIGITS INT64CONST(10000000000)
#define NO_ZERO INT64CONST(1000000000)

/* A leap ends so many times the widest distance ahead, and at least so far. */
#define LEAP_MARGIN 8
#define LEAP_MIN 1000

static StoreLeap leap(void *arg, const char *key, char **after);
static bool leapt_too_far(void *arg, const char *first);

void
s3_offsets_begin(S3Source *s3)
{
	const SourceFilter *filter = s3->filter;
	Store	   *store = s3->store;

	s3->by_offset = s3->location->layout == LAYOUT_SINK && filter->has_ranges;
	s3->widest = 0;
	s3->leap_for = -1;
	store->in_order = s3->by_offset;
	if (!s3->by_offset)
		return;
	if (s3->offset_context == NULL)
		s3->offset_context = AllocSetContextCreate(GetMemoryChunkContext(s3), "pinterest offsets",
												   ALLOCSET_SMALL_SIZES);

	/* where objects are looked at one by one, the ranges of one say nothing of others */
	if (filter->looks_at(filter->arg, ITEM_PATH) || filter->looks_at(filter->arg, ITEM_SIZE) ||
		filter->looks_at(filter->arg, ITEM_LAST_MODIFIED) || filter->looks_at(filter->arg, ITEM_ETAG))
		store->leap = NULL;
	else
		store->leap = leap;
	store->leapt_too_far = leapt_too_far;
}

static size_t
folder_len(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash == NULL ? 0 : slash + 1 - key;
}

static bool
same_partition(const SinkName *a, const SinkName *b)
{
	return a->partition == b->partition && a->topic_len == b->topic_len &&
		memcmp(a->topic, b->topic, a->topic_len) == 0;
}

/* The offset at which the current object has ended; PG_INT64_MAX if not known. */
static int64
end_of_object(const S3Source *s3)
{
	const char *key = s3->object->key;
	const char *next = s3->object->next;
	size_t		len = folder_len(key);
	SinkName	name;

	if (next == NULL || folder_len(next) != len || memcmp(key, next, len) != 0 ||
		!sink_name_parse(next, &name) || !same_partition(&name, &s3->sink) ||
		name.offset <= s3->sink.offset)
		return PG_INT64_MAX;
	return name.offset;
}

/* The ranges for the object that the filter was last asked about. */
static List *
wanted_ranges(S3Source *s3)
{
	MemoryContext old;
	List	   *ranges;

	MemoryContextReset(s3->offset_context);
	old = MemoryContextSwitchTo(s3->offset_context);
	ranges = s3->filter->ranges(s3->filter->arg, ITEM_OFFSET);
	MemoryContextSwitchTo(old);
	return ranges;
}

/* Ends are exclusive, but the largest number means none. */
static bool
ends_behind(int64 end, int64 offset)
{
	return end > offset || end == PG_INT64_MAX;
}

bool
s3_offsets_wanted(S3Source *s3)
{
	int64		end;
	ListCell   *lc;

	if (!s3->by_offset || !s3->is_sink_object)
		return true;
	end = end_of_object(s3);
	if (end != PG_INT64_MAX)
		s3->widest = Max(s3->widest, end - s3->sink.offset);
	foreach(lc, wanted_ranges(s3))
	{
		int64		first;
		int64		last;

		range_int64(lfirst(lc), &first, &last);
		if (ends_behind(end, first) && ends_behind(last, s3->sink.offset))
			return true;
	}
	return false;
}

/* Is it in the folder of its partition, with an offset of ten digits? */
static bool
lies_in_order(const char *key, const SinkName *name)
{
	char	   *topic = pnstrdup(name->topic, name->topic_len);
	char	   *expected = psprintf("/partition=%d/%s", name->partition,
									sink_name(topic, name->partition, name->offset));
	const char *end = strstr(name->topic + name->topic_len, ".json");
	size_t		len = strlen(expected);

	return name->offset < TEN_DIGITS && end - key >= len &&
		memcmp(end - len, expected, len) == 0;
}

/*
 * Where to leap to, from an offset, to find what is wanted from another one on,
 * and to the end; not beyond the first if that is not worth it.
 */
static int64
leap_target(const S3Source *s3, int64 from, int64 wanted, int64 end)
{
	int64		margin = Max(LEAP_MARGIN * Min(s3->widest, NO_ZERO), LEAP_MIN);
	int64		target = Min(wanted, TEN_DIGITS) - margin;

	target = Min(target, from + (s3->leap_limit - from) / 2);
	if (end > TEN_DIGITS)
		target = Min(target, NO_ZERO - 1);
	return target - from > margin ? target : from;
}

/* Of Store. */
static StoreLeap
leap(void *arg, const char *key, char **after)
{
	S3Source   *s3 = arg;
	StoreObject object = {.key = key, .uri = key};
	const StoreObject *current = s3->object;
	int64		from;
	int64		wanted = -1;
	int64		last = PG_INT64_MAX;
	int64		target;
	ListCell   *lc;

	if (!sink_name_parse(key, &s3->sink) || !lies_in_order(key, &s3->sink))
		return LEAP_ON;
	s3_set_object(s3, &object);
	(void) s3->filter->wants(s3->filter->arg);	/* so that ranges knows the place */
	from = s3->sink.offset;
	foreach(lc, wanted_ranges(s3))
	{
		int64		first;

		range_int64(lfirst(lc), &first, &last);
		if (wanted < 0 && ends_behind(last, from))
			wanted = Max(first, from);
	}
	if (wanted != s3->leap_for)
		s3->leap_limit = TEN_DIGITS;
	s3->leap_for = wanted;
	target = leap_target(s3, from, wanted, last);
	s3->leapt_to = target;
	if (wanted >= 0 && target > from)
		*after = psprintf("%.*s%s", (int) folder_len(key), key,
						  sink_name(pnstrdup(s3->sink.topic, s3->sink.topic_len),
									s3->sink.partition, target));
	s3_set_object(s3, current);
	if (wanted < 0)
		return LEAP_END;
	return target > from ? LEAP_TO : LEAP_ON;
}

/* Of Store: what is wanted may have begun before the first object. */
static bool
leapt_too_far(void *arg, const char *first)
{
	S3Source   *s3 = arg;
	SinkName	name;

	if (first != NULL && sink_name_parse(first, &name) && name.offset <= s3->leap_for)
		return false;
	s3->leap_limit = s3->leapt_to;
	return true;
}
