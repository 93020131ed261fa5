/*-------------------------------------------------------------------------
 *
 * properties.h
 *	  The options of kafka_json that are librdkafka's own properties.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_PROPERTIES_H
#define PINTEREST_KAFKA_PROPERTIES_H

#include "postgres.h"

#include <librdkafka/rdkafka.h>

#include "nodes/pg_list.h"

/* Sets one property; an error says what is wrong with it. */
extern void kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* Does this librdkafka have a property of that name?  Then sets it. */
extern bool kafka_property_try(rd_kafka_conf_t *conf, const char *name, const char *value);

/*
 * Sets those of a server's or user mapping's options that are properties: the
 * ones with a dot in their names.
 */
extern void kafka_properties_apply(rd_kafka_conf_t *conf, List *options);

#endif							/* PINTEREST_KAFKA_PROPERTIES_H */
