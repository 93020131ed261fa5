/*-------------------------------------------------------------------------
 *
 * launcher.h
 *	  Starts the workers of streams when the server starts, and those that have
 *	  ended since though they should not have.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_LAUNCHER_H
#define PINTEREST_LAUNCHER_H

#include "postgres.h"

/* Seconds from one look at all databases to the next */
extern int	pinterest_launcher_naptime;

/* Has the server run a launcher, if it is preloading libraries. */
extern void launcher_register(void);

/* Does it? */
extern bool launcher_is_registered(void);

#endif							/* PINTEREST_LAUNCHER_H */
