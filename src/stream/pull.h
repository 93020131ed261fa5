/*-------------------------------------------------------------------------
 *
 * pull.h
 *	  A run of a stream, from its positions on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PULL_H
#define PINTEREST_PULL_H

#include "postgres.h"

#include "stream/execute.h"
#include "stream/share.h"

/* A run, or what another kind of run begins with. */
typedef struct Pull
{
	const Stream *stream;
	Share		share;
	SourceResume resume;		/* whose argument begins with the Pull */
	MemoryContext context;
	List	   *ends;			/* of SourcePosition: nothing is read behind their ends,
								 * which are offsets; NIL: of what there is now */
	List	   *gaps;			/* of SourceGap */
	bool		sees_gap;		/* of pull_look */
} Pull;

/* A run from the stream's positions on, of all its splits. */
extern void pull_begin(Pull *pull, const Stream *stream);

/* Executes it, and saves what has come of it; objects as in Batch.  Blocks. */
extern void pull_execute(Pull *pull, int64 max_records, List *objects, BatchResult *result);

/* SourceResume.gap, with a Pull for its argument: an error, or a gap to be saved. */
extern void pull_meet_gap(void *arg, const SourceGap *gap);

/* Saves them, and warns of each. */
extern void pull_save_gaps(const Pull *pull);

/*
 * Runs a stream that is locked, within SPI, up to the present end of its source or
 * until so many records have been read; with ends (see Pull), of some earlier end.
 * Blocks; every wait can be cancelled.
 */
extern void pull_run(const Stream *stream, int64 max_records, List *ends, BatchResult *result);

/*
 * Is there anything to read behind these positions, or a gap?  In a transaction,
 * which holds no snapshot while it waits.  request is what an earlier run has read.
 * Blocks; every wait can be cancelled.
 */
extern bool pull_look(const Stream *stream, List *positions, const SourceRequest *request);

/* Could it run?  An error if not.  Touches neither network nor data. */
extern void pull_try(const Stream *stream);

#endif							/* PINTEREST_PULL_H */
