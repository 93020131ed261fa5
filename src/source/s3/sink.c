/*-------------------------------------------------------------------------
 *
 * sink.c
 *	  What the names of a sink's objects say, and where they lie.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/sink.h"

/* ----------------
 * Names
 * ----------------
 */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Reads the run of digits that ends before end, back to a "+", as a number
 * from 0 to max.  Returns where the "+" is, or NULL.
 */
static const char *
number_before(const char *start, const char *end, int64 max, int64 *number)
{
	const char *digit = end;

	while (digit > start && is_digit(digit[-1]))
		digit--;
	if (digit == end || digit == start || digit[-1] != '+')
		return NULL;
	*number = 0;
	for (const char *p = digit; p < end; p++)
	{
		int			value = *p - '0';

		if (*number > (max - value) / 10)
			return NULL;
		*number = *number * 10 + value;
	}
	return digit - 1;
}

static bool
cut_suffix(const char *start, const char **end, const char *suffix)
{
	size_t		len = strlen(suffix);

	if (*end - start < len || memcmp(*end - len, suffix, len) != 0)
		return false;
	*end -= len;
	return true;
}

/*
 * Read from the right: the topic is what remains, whatever it holds.  That
 * the siblings end in .keys.json and .headers.json makes their offset no number.
 */
bool
sink_name_parse(const char *key, SinkName *name)
{
	const char *slash = strrchr(key, '/');
	const char *start = slash ? slash + 1 : key;
	const char *end = start + strlen(start);
	int64		partition;

	(void) (cut_suffix(start, &end, ".gz") ||
			cut_suffix(start, &end, ".zst") ||
			cut_suffix(start, &end, ".zstd"));
	if (!cut_suffix(start, &end, ".json"))
		return false;
	end = number_before(start, end, PG_INT64_MAX, &name->offset);
	if (end == NULL)
		return false;
	end = number_before(start, end, PG_INT32_MAX, &partition);
	if (end == NULL || end == start)
		return false;
	name->topic = start;
	name->topic_len = end - start;
	name->partition = (int32) partition;
	return true;
}

/* ----------------
 * Folders
 * ----------------
 */

/* Is it the folder "partition=*"? */
static bool
is_any_partition(const char *element)
{
	return strncmp(element, SINK_PARTITIONS, strlen(SINK_PARTITIONS)) == 0;
}

bool
sink_folders(const Location *location, SinkFolders *folders)
{
	const char *pattern = location->pattern;
	const char *element = strchr(pattern, '*');
	size_t		len;

	if (location->layout != LAYOUT_SINK || element == NULL)
		return false;
	while (element > pattern && element[-1] != '/')
		element--;
	len = strcspn(element, "/");
	folders->location = location;
	folders->any_topic = !is_any_partition(element);
	folders->start = element - pattern;
	if (!folders->any_topic)
		return true;

	/* "**" may stand for any number of folders */
	return strstr(pnstrdup(element, len), "**") == NULL && element[len] == '/' &&
		is_any_partition(element + len + 1);
}

bool
sink_folders_fit(const SinkFolders *folders, const char *key, const SinkName *name)
{
	const char *folder = key + folders->start;
	char		partition[32];

	if (folders->any_topic)
	{
		if (strncmp(folder, name->topic, name->topic_len) != 0 ||
			folder[name->topic_len] != '/')
			return false;
		folder += name->topic_len + 1;
	}
	snprintf(partition, sizeof(partition), SINK_PARTITION "%d/", name->partition);
	return strncmp(folder, partition, strlen(partition)) == 0;
}

/* The folders of topics that the location takes. */
static List *
topic_folders(const SinkFolders *folders, List *topics)
{
	const Location *location = folders->location;
	List	   *places = NIL;
	ListCell   *lc;

	foreach(lc, topics)
	{
		char	   *place = psprintf("%.*s%s/", (int) folders->start, location->pattern,
									 (char *) lfirst(lc));

		if (*(char *) lfirst(lc) != '\0' && strchr(lfirst(lc), '/') == NULL &&
			location_enters(location, place))
			places = lappend(places, place);
	}
	return places;
}

bool
sink_folders_narrow(const SinkFolders *folders, List **topics, List **partitions,
					List **places)
{
	List	   *above;
	ListCell   *lc;
	ListCell   *lc2;

	if (partitions != NULL && *partitions == NIL)
	{
		*places = NIL;
		return true;
	}
	if (!folders->any_topic)
		above = list_make1(pnstrdup(folders->location->pattern, folders->start));
	else if (topics != NULL)
		above = topic_folders(folders, *topics);
	else
		return false;

	if (partitions == NULL || list_length(above) * list_length(*partitions) > SINK_MAX_PLACES)
	{
		*places = above;
		return folders->any_topic && list_length(above) <= SINK_MAX_PLACES;
	}
	*places = NIL;
	foreach(lc, above)
		foreach(lc2, *partitions)
		*places = lappend(*places, psprintf("%s" SINK_PARTITION "%s/", (char *) lfirst(lc),
											(char *) lfirst(lc2)));
	return true;
}

char *
sink_folders_topic(const SinkFolders *folders)
{
	const char *pattern = folders->location->pattern;
	const char *end = pattern + folders->start - 1;
	const char *start = end;

	if (folders->any_topic)
		return NULL;
	while (start > pattern && start[-1] != '/')
		start--;
	return end > start ? pnstrdup(start, end - start) : NULL;
}

char *
sink_folder(const SinkFolders *folders, const char *topic, int32 partition)
{
	return psprintf("%.*s%s%s" SINK_PARTITION "%d/", (int) folders->start,
					folders->location->pattern, folders->any_topic ? topic : "",
					folders->any_topic ? "/" : "", partition);
}

char *
sink_name(const char *topic, int32 partition, int64 offset)
{
	return psprintf("%s+%d+%010lld", topic, partition, (long long) offset);
}
