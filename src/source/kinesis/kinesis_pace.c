/*-------------------------------------------------------------------------
 *
 * kinesis_pace.c
 *	  How many requests that write go out at a time, and when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/jitter.h"
#include "source/kinesis/kinesis_pace.h"

#define FIRST_LIMIT 4

/* Rests: up to the first, twice as long after each refusal, up to the last (us). */
#define FIRST_REST 100000
#define LAST_REST 5000000

void
kinesis_pace_init(KinesisPace *pace, int most)
{
	memset(pace, 0, sizeof(KinesisPace));
	pace->most = most;
	pace->limit = Min(FIRST_LIMIT, most);
}

void
kinesis_pace_success(KinesisPace *pace)
{
	pace->refusals = 0;
	if (pace->limit < pace->most && ++pace->successes >= pace->limit)
	{
		pace->limit++;
		pace->successes = 0;
	}
}

/* Requests that were under way at a refusal count with it as one. */
void
kinesis_pace_refusal(KinesisPace *pace, int64 sent_at, bool headway)
{
	int64		now = monotonic_us();

	pace->successes = 0;
	if (sent_at < pace->refused_at)
		return;
	pace->refused_at = now;
	pace->limit = Max(pace->limit / 2, 1);
	pace->refusals = headway ? 1 : pace->refusals + 1;
	pace->rest_until = now +
		jitter(Min((int64) FIRST_REST << Min(pace->refusals - 1, 10), LAST_REST));
}

int
kinesis_pace_wait(const KinesisPace *pace)
{
	int64		rest = pace->rest_until - monotonic_us();

	return rest <= 0 ? 0 : (int) Min(rest / 1000 + 1, 100);
}
