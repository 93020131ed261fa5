/*-------------------------------------------------------------------------
 *
 * key_index.h
 *	  The unique index that a stream with key columns needs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KEY_INDEX_H
#define PINTEREST_KEY_INDEX_H

#include "postgres.h"

#include "stream/stream.h"
#include "utils/rel.h"

/* An error unless ON CONFLICT (key columns) can be said of the target. */
extern void key_index_check(const Stream *stream, Relation target);

#endif							/* PINTEREST_KEY_INDEX_H */
