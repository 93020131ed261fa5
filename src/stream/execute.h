/*-------------------------------------------------------------------------
 *
 * execute.h
 *	  Executes the statement of a batch, as the owner of its stream.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_EXECUTE_H
#define PINTEREST_EXECUTE_H

#include "postgres.h"

#include "batch.h"
#include "stream/stream.h"

/* What a batch has come to. */
typedef struct BatchResult
{
	int64		rows;			/* inserted or updated */
	int64		records;		/* read, good and bad */
	int64		rejected;
	int64		bytes;			/* of them, as stored */
	List	   *positions;		/* of SourcePosition */
	SourceRequest request;		/* what was read, and as whom */
} BatchResult;

/*
 * Plans the stream's statement as its owner, and no more: an error if it cannot be
 * executed.  Touches neither network nor data.
 */
extern void execute_dry(const Stream *stream);

/*
 * Executes it as the stream's owner; batch says what is to be read.  Blocks; every
 * wait can be cancelled.
 */
extern void execute_batch(const Stream *stream, Batch *batch, BatchResult *result);

/*
 * Has the reader of a batch read what nobody has asked for, and fills in everything
 * but the rows.
 */
extern void execute_finish(Reader *reader, BatchResult *result);

#endif							/* PINTEREST_EXECUTE_H */
