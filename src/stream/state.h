/*-------------------------------------------------------------------------
 *
 * state.h
 *	  Whether streams are to have workers, and what has become of them.
 *
 * All functions run SQL, as those of catalog.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_STATE_H
#define PINTEREST_STATE_H

#include "postgres.h"

#include "stream/stream.h"

typedef enum StreamState
{
	STREAM_READY,				/* is not to run */
	STREAM_RUNNING,
	STREAM_RETRYING,				/* is to run; the last attempt has failed */
	STREAM_FAILED				/* is not to run: trying again would not help */
} StreamState;

#define state_is_wanted(state) ((state) == STREAM_RUNNING || (state) == STREAM_RETRYING)

typedef enum StateLock
{
	STATE_LOCK_NONE,
	STATE_LOCK_SHARE,			/* waits for who changes it */
	STATE_LOCK_UPDATE			/* to change it; others wait */
} StateLock;

/* STREAM_READY if there is no such stream. */
extern StreamState state_read(const char *name, StateLock lock);

extern void state_set(const char *name, StreamState state);

/*
 * The worker of a stream of this owner has met an error, and goes into this state;
 * false if the stream is not to run any more.
 */
extern bool state_note_error(const char *name, Oid owner, StreamState state,
							 const ErrorData *error);

#endif							/* PINTEREST_STATE_H */
