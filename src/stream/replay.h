/*-------------------------------------------------------------------------
 *
 * replay.h
 *	  A run of a stream over its dead letters.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_REPLAY_H
#define PINTEREST_REPLAY_H

#include "postgres.h"

#include "stream/stream.h"

/*
 * Tries the dead letters of a stream that is locked again, within SPI: those that
 * are good records now go through its query and are dead letters no more.
 * Returns how many rows the target was given.
 */
extern int64 replay_run(const Stream *stream);

#endif							/* PINTEREST_REPLAY_H */
