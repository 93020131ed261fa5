/*-------------------------------------------------------------------------
 *
 * sink.h
 *	  What the names of a sink's objects say, and where they lie.
 *
 * The Confluent S3 sink connector, with JsonFormat, its default partitioner
 * and the default file.delim, writes
 *
 *	  topics/TOPIC/partition=N/TOPIC+N+OFFSET.json[.gz]
 *
 * where OFFSET, of ten digits or more, is that of the object's first record.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SINK_H
#define PINTEREST_SINK_H

#include "postgres.h"

#include "source/s3/location.h"

/* What names the folder of a partition, and the folders of all partitions. */
#define SINK_PARTITION "partition="
#define SINK_PARTITIONS SINK_PARTITION "*/"

/* What the name of a sink object says. */
typedef struct SinkName
{
	const char *topic;			/* not NUL-terminated */
	size_t		topic_len;
	int32		partition;
	int64		offset;			/* of the object's first record */
} SinkName;

/*
 * Takes TOPIC+PARTITION+OFFSET.json, with or without .gz, .zst or .zstd, apart;
 * false if the last element of key is not of that form, as with the siblings
 * that hold keys and headers.
 */
extern bool sink_name_parse(const char *key, SinkName *name);

/*
 * The folders that a location says its objects lie in: its first wildcard is
 * "partition=*", or the folder above that, for the topics, has a wildcard.
 */
typedef struct SinkFolders
{
	const Location *location;
	bool		any_topic;		/* does it leave the topic open? */
	size_t		start;			/* bytes of its pattern before the topic's
								 * folder if so, else before the partition's */
} SinkFolders;

/* False if the location says nothing of such folders. */
extern bool sink_folders(const Location *location, SinkFolders *folders);

/* Does an object, which matches the location, lie where its name belongs? */
extern bool sink_folders_fit(const SinkFolders *folders, const char *key,
							 const SinkName *name);

/*
 * Where alone there can be objects that fit: a List of starts of keys, each
 * ending in "/", none the start of another.  topics and partitions are the only
 * ones wanted (char *, each once), NULL if any are.  False if that narrows
 * nothing, or to more than so many places.
 */
#define SINK_MAX_PLACES 256
extern bool sink_folders_narrow(const SinkFolders *folders, List **topics,
								List **partitions, List **places);

/* The topic whose folder the location names; NULL if it leaves the topic open. */
extern char *sink_folders_topic(const SinkFolders *folders);

/* The folder of a partition, and the name of an object without its suffix. */
extern char *sink_folder(const SinkFolders *folders, const char *topic, int32 partition);
extern char *sink_name(const char *topic, int32 partition, int64 offset);

#endif							/* PINTEREST_SINK_H */
