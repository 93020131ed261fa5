/*-------------------------------------------------------------------------
 *
 * sink.h
 *	  Runs of streams that write objects.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_STREAM_SINK_H
#define PINTEREST_STREAM_SINK_H

#include "postgres.h"

#include "source/source.h"
#include "stream/stream.h"

/* A run, which takes several transactions. */
typedef struct SinkRun
{
	int64		id;				/* nobody else's */
	bool		to_end;			/* up to the end that the source has now, and then
								 * objects that are not full as well */
	MemoryContext context;		/* of what follows; outlives the transactions */
	bool		began;			/* are the ends known? */
	List	   *ends;			/* of SourceBacklog, with to_end: where it ends */
	List	   *last;			/* of SinkObject, the last one chosen of each split:
								 * when it was, nobody else had written behind it */
	int64		rows;			/* given to the target so far */
	const SourceRequest *request;	/* what the last step has read, if it has chosen;
									 * as long as its transaction */
} SinkRun;

/* Begins one, whose memory is in the current context. */
extern void sink_run_begin(SinkRun *run, bool to_end);

/*
 * What is to be done next in a run of a stream that is locked, within SPI and in
 * a transaction of its own, which is to be committed then; false if there was
 * nothing to do.  Blocks; every wait can be cancelled.
 */
extern bool sink_step(const Stream *stream, SinkRun *run);

/* The two steps.  is_first_try: no run has tried to write these objects (SinkObject). */
extern bool sink_choose(const Stream *stream, SinkRun *run);
extern void sink_write(const Stream *stream, SinkRun *run, List *objects, bool is_first_try);

/* As the stream's owner: looks which objects are there, as in source.h. */
extern void sink_find_objects(const Stream *stream, List *targets);

#endif							/* PINTEREST_STREAM_SINK_H */
