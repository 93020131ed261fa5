/*-------------------------------------------------------------------------
 *
 * jitter.h
 *	  Random waits: many who were refused at once must not come back at once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JITTER_H
#define PINTEREST_JITTER_H

#include "postgres.h"

#include "net/clock.h"

/* From 0 to ceiling, which is below 2^32. */
static inline int64
jitter(int64 ceiling)
{
	uint32		random = 0;

	if (!pg_strong_random(&random, sizeof(random)))
		random = (uint32) monotonic_us();
	return random % ((uint64) ceiling + 1);
}

#endif							/* PINTEREST_JITTER_H */
