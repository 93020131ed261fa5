/*-------------------------------------------------------------------------
 *
 * kafka_sample.c
 *	  Which offsets of a snapshot are read where a few must do for all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/kafka/kafka.h"
#include "utils/sampling.h"

/* Pieces that a sample from everywhere is made of: each costs a request. */
#define PIECES 64

/* The newest offsets of a partition may hold no record: then there are others. */
#define MIN_NEWEST 100

/* The newest of each partition. */
static void
draw_newest(List *splits, int64 records)
{
	int64		share = Max(records / Max(list_length(splits), 1), MIN_NEWEST);
	ListCell   *lc;

	foreach(lc, splits)
	{
		KafkaRange *range = &((KafkaSplit *) lfirst(lc))->ranges[0];

		range->first = Max(range->first, range->end - share);
	}
}

/*
 * Adds the piece first <= o < end to a split's ranges, where o counts the
 * offsets of the split from 0; those that are not the split's are left out.
 */
static void
add_piece(KafkaSplit *split, const KafkaRange *whole, int64 first, int64 end)
{
	KafkaRange	range = {whole->first + Max(first, 0), Min(whole->first + end, whole->end)};

	if (range.first < range.end)
		split->ranges[split->nranges++] = range;
}

/*
 * All offsets, one partition after the other, are cut into as many equal parts
 * as there are pieces; each piece lies somewhere in its part.
 */
static void
draw_everywhere(List *splits, int64 total, int64 records)
{
	int			npieces = (int) Min(Max(records, 1), PIECES);
	int64		piece = (records + npieces - 1) / npieces;
	double		part = (double) total / npieces;
	int64		firsts[PIECES];
	int64		before = 0;		/* offsets in the splits before */
	ReservoirStateData random;
	ListCell   *lc;

	reservoir_init_selection_state(&random, npieces);
	for (int i = 0; i < npieces; i++)
		firsts[i] = (int64) (i * part + sampler_fraction(&random) * Max(part - piece, 0));
	foreach(lc, splits)
	{
		KafkaSplit *split = lfirst(lc);
		KafkaRange	whole = split->ranges[0];

		split->ranges = palloc(sizeof(KafkaRange) * npieces);
		split->nranges = 0;
		for (int i = 0; i < npieces; i++)
		{
			/* rounding may make a piece reach into the next part */
			int64		end = firsts[i] + piece;

			if (i + 1 < npieces)
				end = Min(end, firsts[i + 1]);
			add_piece(split, &whole, firsts[i] - before, end - before);
		}
		before += whole.end - whole.first;
	}
}

List *
kafka_draw_sample(List *splits, int64 records, bool newest)
{
	int64		total = 0;
	ListCell   *lc;

	foreach(lc, splits)
	{
		Assert(((KafkaSplit *) lfirst(lc))->nranges == 1);
		total += kafka_split_size(lfirst(lc));
	}
	if (records >= total)
		return splits;
	if (newest)
		draw_newest(splits, records);
	else
		draw_everywhere(splits, total, records);
	foreach(lc, splits)
		if (((KafkaSplit *) lfirst(lc))->nranges == 0)
			splits = foreach_delete_current(splits, lc);
	return splits;
}
