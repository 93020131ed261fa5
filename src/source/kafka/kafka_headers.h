/*-------------------------------------------------------------------------
 *
 * kafka_headers.h
 *	  Headers of a message that is written, from the JSON that reading shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_HEADERS_H
#define PINTEREST_KAFKA_HEADERS_H

#include "postgres.h"

#include "kafka/producer.h"

/*
 * Takes [{"key": "…", "value": "…"}, …] apart, of type json; a value may be
 * null or missing, and stand as "base64" in place of "value".  Raises an error
 * that names the row if it is anything else.  The headers lie in the current
 * memory context.
 */
extern KafkaHeader *kafka_headers_from_json(Datum json, int64 row, int *nheaders);

#endif							/* PINTEREST_KAFKA_HEADERS_H */
