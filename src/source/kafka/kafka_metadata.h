/*-------------------------------------------------------------------------
 *
 * kafka_metadata.h
 *	  What is known of a message besides its value.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_METADATA_H
#define PINTEREST_KAFKA_METADATA_H

#include "postgres.h"

#include "kafka/consumer.h"
#include "source/kafka/kafka.h"

/* SourceOps.metadata */
extern const SourceMetadata kafka_metadata[];

/* An item of a message. */
extern Datum kafka_event_value(const KafkaEvent *event, int item, bool *isnull);

/* An item of the partition that a filter is asked about. */
extern Datum kafka_asked_value(const KafkaAsked *asked, int item, bool *isnull);

#endif							/* PINTEREST_KAFKA_METADATA_H */
