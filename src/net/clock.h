/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  A clock to measure waits with: it never goes back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CLOCK_H
#define PINTEREST_CLOCK_H

#include "postgres.h"

#include "portability/instr_time.h"

static inline int64
monotonic_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

#endif							/* PINTEREST_CLOCK_H */
