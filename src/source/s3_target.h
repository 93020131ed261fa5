/*-------------------------------------------------------------------------
 *
 * s3_target.h
 *	  The target of s3_json: records as objects below a location.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_TARGET_H
#define PINTEREST_S3_TARGET_H

#include "postgres.h"

#include "source/compress.h"
#include "source/target.h"
#include "source/upload.h"

/* What a location and the options of its table say about writing. */
typedef struct S3TargetConfig
{
	const Location *location;
	int64		rows_per_object;
	Compression compression;
	bool		array;			/* each object one array, not lines */
} S3TargetConfig;

/*
 * Raises an error if nothing can be written there: it has wildcards, or a
 * layout that cannot be written.
 */
extern void s3_target_check(const Location *location);

/* Lives in the current memory context, and touches nothing yet. */
extern Target *s3_target_open(const S3TargetConfig *config, Upload *upload);

#endif							/* PINTEREST_S3_TARGET_H */
