/*-------------------------------------------------------------------------
 *
 * kinesis_metadata.h
 *	  What is known of a record besides its data.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_METADATA_H
#define PINTEREST_KINESIS_METADATA_H

#include "postgres.h"

#include "source/kinesis/kinesis_body.h"

/* Items besides those of kinesis.h */
enum
{
	KINESIS_ITEM_STREAM = KINESIS_ITEM_HASH_KEY + 1,
	KINESIS_ITEM_SHARD,
	KINESIS_ITEM_SUB_SEQUENCE
};

/* SourceOps.metadata */
extern const SourceMetadata kinesis_metadata[];

/* An item of a record, whose current body this is; all but stream and shard. */
extern Datum kinesis_record_value(const ReplyRecord *record, const KinesisBody *body,
								  int item, bool *isnull);

#endif							/* PINTEREST_KINESIS_METADATA_H */
