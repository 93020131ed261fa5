/*-------------------------------------------------------------------------
 *
 * s3_tables.c
 *	  What IMPORT FOREIGN SCHEMA finds in a folder: one table a topic or
 *	  sub-folder.
 *
 * Folders are listed, not what lies in them: a few requests, whatever the
 * number of objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_table.h"
#include "nodes/makefuncs.h"
#include "option.h"
#include "pg_compat.h"
#include "source/s3/s3.h"
#include "source/s3/sink.h"

/* Where a sink puts its topics, unless told otherwise. */
#define TOPICS "topics"

/* So many folders are looked into to tell whether they are topics. */
#define MAX_PROBES 3

static const char *const plain_metadata[] = {
	"path", "size", "last_modified", "etag", "line", "value", "error", NULL
};

static const char *const sink_metadata[] = {
	"topic", "partition", "offset",
	"path", "size", "last_modified", "etag", "line", "value", "error", NULL
};

pg_noreturn static void
invalid_schema(const char *schema, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid remote schema \"%s\"", schema),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
	pg_unreachable();
}

/*
 * The folder that a remote schema names, with "/" at its end: alone, or below
 * option "location".  The option is needed because a schema's name is cut off
 * like any other.
 */
static char *
folder_of_schema(const char *schema, const char *location)
{
	static const char *const form = "Write s3://bucket/folder or file:///directory, or give option \"location\" and a folder below it.";
	size_t		len = strlen(schema);
	const char *start = "";

	if (len >= NAMEDATALEN - 1)
		invalid_schema(schema, "Its name is so long that it may have been cut off.",
					   "Give the first part of it as option \"location\".");
	if (location != NULL)
	{
		start = psprintf("%s%s", location, location[strlen(location) - 1] == '/' ? "" : "/");
		if (strcmp(schema, ".") == 0 || strcmp(schema, "/") == 0)
			schema = "";
	}
	else if (strstr(schema, "://") == NULL)
		invalid_schema(schema, "It names no place.", form);
	if (strchr(start, '*') != NULL || strchr(schema, '*') != NULL)
		invalid_schema(schema, "Its place holds a wildcard.", form);
	len = strlen(schema);
	return psprintf("%s%s%s", start, schema, len == 0 || schema[len - 1] == '/' ? "" : "/");
}

static List *
table_options(const char *location, ObjectLayout layout)
{
	List	   *options = list_make1(makeDefElem("location", (Node *) makeString(pstrdup(location)), -1));

	if (layout == LAYOUT_SINK)
		options = lappend(options, makeDefElem("layout", (Node *) makeString("sink"), -1));
	return options;
}

static StoreFolder *
list_folder(const SourceRequest *request, const char *uri)
{
	Location   *location = location_parse(uri, LAYOUT_PLAIN);
	Store	   *store = s3_store_open(request, location);
	StoreFolder *folder = store->ops->list_folder(store);

	store->ops->close(store);
	return folder;
}

/* "partition=" and a number, as the sink names the folders of partitions */
static bool
is_partition(const char *name)
{
	const char *digits;

	if (strncmp(name, SINK_PARTITION, strlen(SINK_PARTITION)) != 0)
		return false;
	digits = name + strlen(SINK_PARTITION);
	return *digits != '\0' && strspn(digits, "0123456789") == strlen(digits);
}

/* Do the folders hold partitions, and these objects named as the sink does it? */
static bool
are_topics(const SourceRequest *request, const char *base, List *folders)
{
	for (int i = 0; i < Min(list_length(folders), MAX_PROBES); i++)
	{
		char	   *topic = psprintf("%s%s/", base, (char *) list_nth(folders, i));
		List	   *inside = list_folder(request, topic)->folders;
		char	   *partition = inside == NIL ? "" : linitial(inside);
		ListCell   *lc;
		SinkName	name;

		if (!is_partition(partition))
			continue;
		foreach(lc, list_folder(request, psprintf("%s%s/", topic, partition))->objects)
			if (sink_name_parse(lfirst(lc), &name))
				return true;
	}
	return false;
}

static bool
holds(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/*
 * Is it the folder of a sink?  Then its topics are put into *folders, and
 * where they lie into *base.  *partitioned: their partitions have the folders
 * that the sink gives them, unless it was told otherwise.
 */
static bool
find_topics(const SourceRequest *request, char **base, List **folders,
			bool *partitioned)
{
	List	   *options = request->table_options;
	bool		told = option_given(options, "layout");

	*partitioned = false;
	if (told && option_enum(options, "layout") == LAYOUT_PLAIN)
		return false;
	if (holds(*folders, TOPICS))
	{
		char	   *below = psprintf("%s" TOPICS "/", *base);
		List	   *topics = list_folder(request, below)->folders;

		*partitioned = are_topics(request, below, topics);
		if (told || *partitioned)
		{
			*base = below;
			*folders = topics;
			return true;
		}
	}
	*partitioned = are_topics(request, *base, *folders);
	return told || *partitioned;
}

static SourceTable *
make_table(const char *base, const char *name, ObjectLayout layout, bool partitioned)
{
	SourceTable *table = palloc0(sizeof(SourceTable));
	const char *const *metadata = layout == LAYOUT_SINK ? sink_metadata : plain_metadata;

	table->name = pstrdup(name);
	table->options = table_options(psprintf("%s%s/%s", base, name,
											partitioned ? SINK_PARTITIONS : ""),
								   layout);
	for (; *metadata != NULL; metadata++)
		table->metadata = lappend(table->metadata, unconstify(char *, *metadata));
	return table;
}

List *
s3_tables(const SourceRequest *request, const char *schema)
{
	char	   *base = folder_of_schema(schema, option_text(request->table_options, "location"));
	ObjectLayout layout;
	bool		partitioned;
	List	   *folders;
	List	   *tables = NIL;
	ListCell   *lc;

	s3_source_ops.validate(ForeignTableRelationId, table_options(base, LAYOUT_PLAIN));
	folders = list_folder(request, base)->folders;
	layout = find_topics(request, &base, &folders, &partitioned) ? LAYOUT_SINK : LAYOUT_PLAIN;
	foreach(lc, folders)
	{
		/* NAME=VALUE is a part of a table, not one of its own */
		if (strchr(lfirst(lc), '=') == NULL)
			tables = lappend(tables, make_table(base, lfirst(lc), layout, partitioned));
	}
	if (tables == NIL)
		ereport(NOTICE,
				(errmsg("no folder that could be a table lies in \"%s\"", base),
				 errhint("The remote schema is a folder whose folders become tables.")));
	return tables;
}
