/*-------------------------------------------------------------------------
 *
 * pull_again.h
 *	  A run of a stream once more, when a record of its batch was refused.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PULL_AGAIN_H
#define PINTEREST_PULL_AGAIN_H

#include "postgres.h"

#include "stream/execute.h"

/*
 * Reads the source of a batch that error has ended, see refuse_try, and uses all
 * records but those that are refused, which go to batch->reading.reject like those
 * that are bad.  Blocks; every wait can be cancelled.
 */
extern void pull_again(const Stream *stream, const Batch *batch, ErrorData *error,
					   BatchResult *result);

#endif							/* PINTEREST_PULL_AGAIN_H */
