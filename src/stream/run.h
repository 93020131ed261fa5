/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Doing something with a stream that nobody else does meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_RUN_H
#define PINTEREST_RUN_H

#include "postgres.h"

#include "stream/stream.h"

/*
 * Within SPI.  The stream of that name, locked as by catalog_lock_stream.  An error
 * if it is running further out in this session: what its positions will be is not
 * saved yet.
 */
extern Stream *run_lock(const char *name);

/* May it run, here and now?  An error if not. */
extern void run_check(const Stream *stream);

/*
 * Within SPI.  Locks the stream, and has it run: whatever work calls can neither
 * run nor change it, and its name is shown with errors.
 */
extern void run_stream(const char *name, void (*work) (const Stream *stream, void *arg),
					   void *arg);

#endif							/* PINTEREST_RUN_H */
