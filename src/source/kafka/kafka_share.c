/*-------------------------------------------------------------------------
 *
 * kafka_share.c
 *	  Shares: what a process of a parallel scan takes of a partition at a time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/kafka/kafka.h"

/* A range of a partition; the topic's name follows, with its zero byte. */
typedef struct PackedShare
{
	KafkaRange	range;
	int64		begin;			/* of the partition */
	int64		end;
	int			partition;
} PackedShare;

void
kafka_pack_share(KafkaSplit *split, int64 size, StringInfo packed)
{
	KafkaRange *range = &split->ranges[split->at];
	PackedShare share = {0};

	share.range.first = range->first;
	share.range.end = Min(range->end, range->first + size);
	share.begin = split->begin;
	share.end = split->end;
	share.partition = split->partition;
	resetStringInfo(packed);
	appendBinaryStringInfo(packed, (const char *) &share, sizeof(share));
	appendBinaryStringInfo(packed, split->topic, strlen(split->topic) + 1);

	range->first = share.range.end;
	if (range->first == range->end)
		split->at++;
}

KafkaSplit *
kafka_unpack_share(StringInfo packed)
{
	PackedShare share;
	KafkaSplit *split = palloc0(sizeof(KafkaSplit));

	memcpy(&share, packed->data, sizeof(share));
	split->topic = pstrdup(packed->data + sizeof(share));
	split->partition = share.partition;
	split->begin = share.begin;
	split->end = share.end;
	split->ranges = palloc(sizeof(KafkaRange));
	split->ranges[0] = share.range;
	split->nranges = 1;
	return split;
}

bool
kafka_is_behind(const KafkaSplit *share, const KafkaSplit *split)
{
	return share->partition == split->partition &&
		strcmp(share->topic, split->topic) == 0 &&
		share->ranges[0].first >= split->ranges[split->nranges - 1].end;
}
