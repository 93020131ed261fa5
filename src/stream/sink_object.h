/*-------------------------------------------------------------------------
 *
 * sink_object.h
 *	  The objects that a stream is about to write.
 *
 * A row of pinterest._stream_object is an object that waits for records until it
 * is full, or has waited long enough; or, with a last offset, one whose records
 * have been chosen: it is being written now, or was when a run failed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SINK_OBJECT_H
#define PINTEREST_SINK_OBJECT_H

#include "postgres.h"

#include "source/target.h"
#include "stream/stream.h"

typedef struct SinkObject
{
	const char *split;
	int64		first;			/* offsets */
	int64		last;			/* -1: it waits */
	TimestampTz since;			/* when its first record was seen */
} SinkObject;

/* Those chosen by a run, whose id that is, or those that wait; by split and offset. */
extern List *sink_objects(const Stream *stream, bool chosen, int64 *run);

/*
 * Replaces those that wait, and adds the ones that a run has chosen.  Both are
 * Lists of SinkObject.
 */
extern void sink_save_objects(const Stream *stream, List *waiting, List *chosen, int64 run);

/* Those that were chosen have been written. */
extern void sink_forget_chosen(const Stream *stream);

/* The stream, or a split of it, is to be read from elsewhere on; NULL: all splits. */
extern void sink_forget_split(const Stream *stream, const char *split);

/* What the target wants to know of them: a List of TargetObject. */
extern List *sink_targets(List *objects);

#endif							/* PINTEREST_SINK_OBJECT_H */
