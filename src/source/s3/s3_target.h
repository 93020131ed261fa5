/*-------------------------------------------------------------------------
 *
 * s3_target.h
 *	  The targets of s3_json: records as objects below a location.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_TARGET_H
#define PINTEREST_S3_TARGET_H

#include "postgres.h"

#include "pg_compat.h"
#include "source/s3/s3_objects.h"
#include "source/s3/sink.h"
#include "source/source.h"

/* SourceOps.open_target. */
extern Target *s3_open_target(const SourceRequest *request);

/* Nothing can be written to a location. */
pg_noreturn extern void s3_target_refuse(const Location *location, const char *detail,
										 const char *hint);

/*
 * The layout of a sink, in s3_sink_target.c: raises an error if the location
 * does not say where objects go; the folder below which they go; the target,
 * in the current memory context, which touches nothing yet.
 */
extern void sink_check_location(const Location *location);
extern const char *sink_root(const Location *location);

/* Raises an error if there is no folder for a topic. */
extern void sink_check_topic(const SinkFolders *folders, const char *topic);
extern Target *sink_target_open(const SourceRequest *request,
								const S3TargetConfig *config, S3Objects *objects);

/* The target of a stream: in s3_stream_target.c, as are check_objects and find_objects. */
extern Target *stream_target_open(const SourceRequest *request,
								  const S3TargetConfig *config, S3Objects *objects);
extern void s3_check_objects(List *table_options);
extern void s3_find_objects(const SourceRequest *request, List *objects);

/*
 * The offset behind the last record of a topic's partition, 0 if there is none;
 * in s3_sink_end.c.  Lists its folder and reads its last object.  Blocks; every
 * wait can be cancelled.
 */
extern int64 sink_end(const SourceRequest *request, const SinkFolders *folders,
					  const char *topic, int32 partition);

#endif							/* PINTEREST_S3_TARGET_H */
