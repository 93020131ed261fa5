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

/*
 * Runs a stream that is locked, within SPI, up to the present end of its source or
 * until so many records have been read.  Blocks; every wait can be cancelled.
 */
extern void pull_run(const Stream *stream, int64 max_records, BatchResult *result);

/*
 * Is there anything to read behind these positions, or a gap?  In a transaction,
 * which holds no snapshot while it waits.  request is what an earlier run has read.
 * Blocks; every wait can be cancelled.
 */
extern bool pull_look(const Stream *stream, List *positions, const SourceRequest *request);

/* Could it run?  An error if not.  Touches neither network nor data. */
extern void pull_try(const Stream *stream);

#endif							/* PINTEREST_PULL_H */
