/*-------------------------------------------------------------------------
 *
 * kafka_target.h
 *	  The targets of kafka_json: messages to a cluster, or to a REST proxy.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_TARGET_H
#define PINTEREST_KAFKA_TARGET_H

#include "postgres.h"

#include "source/source.h"

/* SourceOps.open_target */
extern Target *kafka_open_target(const SourceRequest *request);

/* The same, of a server with option rest_proxy. */
extern Target *kafka_rest_target_open(const SourceRequest *request);

/*
 * The topic that a row is for, given those of the table and of the row; an
 * error if the table is not for it.  given is NULL if the row does not say.
 */
extern const char *kafka_target_topic(const char *table_topic, const char *given, int64 row);

#endif							/* PINTEREST_KAFKA_TARGET_H */
