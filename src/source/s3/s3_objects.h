/*-------------------------------------------------------------------------
 *
 * s3_objects.h
 *	  Records as objects, one object after the other.
 *
 * What the targets of s3_json share: they decide which records make an object,
 * and what it is called.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_OBJECTS_H
#define PINTEREST_S3_OBJECTS_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "source/s3/compress.h"
#include "source/s3/upload.h"
#include "source/target.h"

/* What the options of a table say about its objects. */
typedef struct S3TargetConfig
{
	const Location *location;
	int64		rows_per_object;
	Compression compression;
	bool		array;			/* each object one array, not lines */
} S3TargetConfig;

/* Records are handed on in pieces of about this size. */
#define OBJECTS_PIECE (128 * 1024)

typedef struct S3Objects S3Objects;

/* Lives in the current memory context, and touches nothing yet. */
extern S3Objects *objects_open(const S3TargetConfig *config, Upload *upload);

/* What their names end in: ".json", and what tells the compression. */
extern char *objects_suffix(const S3Objects *objects);

/*
 * Adds a record to bytes of an object, of which it is the first one or not.
 * There must be one before the bytes are handed on as the last ones.  What a row
 * has given as a whole must be valid JSON; it becomes one line.
 */
extern void objects_append(S3Objects *objects, StringInfo bytes, bool first,
						   const TargetRecord *record);

/* Begins an object; the last one has ended.  May block. */
extern void objects_begin(S3Objects *objects, const char *key);

/* Hands bytes of it on, and empties them.  May block. */
extern void objects_write(S3Objects *objects, StringInfo bytes, bool last);

/* As in Upload.  May block. */
extern void objects_settle(S3Objects *objects);
extern void objects_finish(S3Objects *objects);

/* How many are there to stay. */
extern int64 objects_complete(const S3Objects *objects);

/* TargetOps.remains. */
extern char *objects_remains(S3Objects *objects);

#endif							/* PINTEREST_S3_OBJECTS_H */
