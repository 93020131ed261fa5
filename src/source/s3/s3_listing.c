/*-------------------------------------------------------------------------
 *
 * s3_listing.c
 *	  Which objects a scan lists, and which of these it reads.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/s3_source.h"
#include "utils/memutils.h"

void
s3_set_object(S3Source *s3, const StoreObject *object)
{
	s3->object = object;
	s3->is_sink_object = object != NULL && sink_name_parse(object->key, &s3->sink);
}

/*
 * A StoreFilter.  Leaves out what does not lie where its name belongs: where
 * folders say which objects can be there, those that cannot would else be met or
 * not, depending on how the listing is narrowed.
 */
static bool
wants_object(void *arg, const StoreObject *object)
{
	S3Source   *s3 = arg;
	const StoreObject *current = s3->object;
	bool		wanted;

	s3_set_object(s3, object);
	wanted = !s3->in_folders || sink_folders_fit(&s3->folders, object->key, &s3->sink);
	if (!wanted)
		s3->misplaced++;
	else if (s3->positions != NULL)
		wanted = s3_object_is_new(s3);
	else if (s3->filter != NULL)
		wanted = s3->filter->wants(s3->filter->arg) && s3_offsets_wanted(s3);
	s3_set_object(s3, current);
	return wanted;
}

void
s3_listing_init(S3Source *s3)
{
	s3->listing_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest listing",
												ALLOCSET_SMALL_SIZES);
	s3->in_folders = sink_folders(s3->location, &s3->folders);
	s3->store->filter = s3->in_folders ? wants_object : NULL;
	s3->store->filter_arg = s3;
}

void
s3_filter_objects(S3Source *s3)
{
	s3->store->filter = wants_object;
}

void
s3_set_filter(Source *source, const SourceFilter *filter)
{
	S3Source   *s3 = (S3Source *) source;

	s3->filter = filter;
	s3_filter_objects(s3);
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

/* By topics and partitions, where the location says in which folders they are. */
static bool
narrow_by_sink(S3Source *s3, List **prefixes)
{
	const SourceFilter *filter = s3->filter;
	List	   *topics;
	List	   *partitions;
	bool		topics_known;
	bool		partitions_known;

	if (!s3->in_folders)
		return false;
	topics_known = filter->known(filter->arg, ITEM_TOPIC, NULL, &topics);
	partitions_known = filter->known(filter->arg, ITEM_PARTITION, NULL, &partitions);
	return sink_folders_narrow(&s3->folders, topics_known ? &topics : NULL,
							   partitions_known ? &partitions : NULL, prefixes);
}

void
s3_listing_begin(S3Source *s3)
{
	MemoryContext old;
	List	   *values;

	s3->listing = true;
	s3->misplaced = 0;
	if (s3->filter == NULL)
		return;
	s3_offsets_begin(s3);
	MemoryContextReset(s3->listing_context);
	old = MemoryContextSwitchTo(s3->listing_context);
	s3->store->narrowed = true;
	if (s3->filter->known(s3->filter->arg, ITEM_PATH, NULL, &values))
		s3->store->prefixes = keys_of_paths(s3->location, values);
	else
		s3->store->narrowed = narrow_by_folder(s3, &s3->store->prefixes) ||
			narrow_by_sink(s3, &s3->store->prefixes);
	MemoryContextSwitchTo(old);
}

void
s3_listing_end(S3Source *s3)
{
	if (s3->misplaced == 0 || s3->told_misplaced)
		return;
	s3->told_misplaced = true;
	ereport(NOTICE,
			(errmsg_plural("%lld object of location \"%s\" was left out: its name does not fit its folder",
						   "%lld objects of location \"%s\" were left out: their names do not fit their folders",
						   (unsigned long) s3->misplaced,
						   (long long) s3->misplaced, s3->location->uri),
			 errhint("Partition N of a sink's topic is in the folder \"partition=N\". A location without \"partition=*\" takes objects from any folder.")));
}
