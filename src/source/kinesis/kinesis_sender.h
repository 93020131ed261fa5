/*-------------------------------------------------------------------------
 *
 * kinesis_sender.h
 *	  Records on their way into a stream: many at a time, each key's in order.
 *
 * A request tells of each of its records whether it is there.  Those that were
 * refused for now go again, until it is known of all that they are there; what
 * was written stays in any case.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_SENDER_H
#define PINTEREST_KINESIS_SENDER_H

#include "postgres.h"

#include "aws/kinesis.h"
#include "source/source.h"

typedef struct KinesisSender KinesisSender;

/*
 * To a stream, through the gateway of the request's server if it has one.  Lives
 * in the current memory context, as does what it is given.  Gets the keys to sign
 * with, and so may block.
 */
extern KinesisSender *kinesis_sender_create(const SourceRequest *request, const char *stream);

/*
 * Takes a record, which is copied: that of a row of the statement.  With ordered
 * it comes behind all others that have been taken so with its partition key.
 * Blocks while too many are on their way; raises an error if one of them has
 * failed for good.
 */
extern void kinesis_sender_put(KinesisSender *sender, const KinesisPut *record, int64 row,
							   bool ordered);

/* Returns when all records are there.  Blocks as put does. */
extern void kinesis_sender_flush(KinesisSender *sender);

/* How many records are known to be there. */
extern int64 kinesis_sender_delivered(const KinesisSender *sender);

/*
 * There was an error: sends nothing more, waits half a second at most for what is
 * under way, and returns of how many records it is not known whether they are
 * there.  Raises nothing.
 */
extern int64 kinesis_sender_give_up(KinesisSender *sender);

#endif							/* PINTEREST_KINESIS_SENDER_H */
