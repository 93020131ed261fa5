/*-------------------------------------------------------------------------
 *
 * kinesis_pace.h
 *	  How many requests that write go out at a time, and when.
 *
 * A shard takes 1,000 records and 1 MB a second, and refuses what is more.  That
 * is the pace, not a failure: requests rest for a random while, and half as many
 * go out at a time; one more after each round of those that went well.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_PACE_H
#define PINTEREST_KINESIS_PACE_H

#include "postgres.h"

typedef struct KinesisPace
{
	int			limit;			/* requests under way at a time */
	int			most;			/* that limit may grow to */
	int			successes;		/* since it last grew */
	int			refusals;		/* in a row */
	int64		refused_at;		/* us */
	int64		rest_until;		/* us */
} KinesisPace;

extern void kinesis_pace_init(KinesisPace *pace, int most);

/* A request that was sent then (us) went well. */
extern void kinesis_pace_success(KinesisPace *pace);

/* All or, with headway, some of its records were refused. */
extern void kinesis_pace_refusal(KinesisPace *pace, int64 sent_at, bool headway);

/* Milliseconds until the rest is over, at most 100; 0: it is. */
extern int	kinesis_pace_wait(const KinesisPace *pace);

#endif							/* PINTEREST_KINESIS_PACE_H */
