/*-------------------------------------------------------------------------
 *
 * aftermath.h
 *	  What is done with a service although there was an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_AFTERMATH_H
#define PINTEREST_AFTERMATH_H

#include "postgres.h"

/*
 * Calls work, which limits its own waits, where an error is under way or a
 * memory context is reset: with a memory context and a resource owner for it
 * alone, without interrupts; errors are dropped.  Does nothing if the whole
 * server is going down.
 */
extern void aftermath(void (*work) (void *arg), void *arg);

#endif							/* PINTEREST_AFTERMATH_H */
