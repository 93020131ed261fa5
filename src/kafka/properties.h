/*-------------------------------------------------------------------------
 *
 * properties.h
 *	  Options of kafka_json as properties of librdkafka.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_PROPERTIES_H
#define PINTEREST_KAFKA_PROPERTIES_H

#include "postgres.h"

#include <librdkafka/rdkafka.h>

#include "kafka/client.h"
#include "nodes/pg_list.h"

/* Sets one property; an error says what is wrong with it. */
extern void kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* Does this librdkafka have a property of that name?  Then sets it. */
extern bool kafka_property_try(rd_kafka_conf_t *conf, const char *name, const char *value);

/*
 * Checks the values that librdkafka itself knows how to check, and raises with
 * its own words.
 */
extern void kafka_properties_check(List *options);

/*
 * Sets what the options of a server and of a user mapping say to a handle of
 * this role, over what has been set.
 */
extern void kafka_properties_apply(rd_kafka_conf_t *conf, KafkaRole role,
								   List *server_options, List *mapping_options);

#endif							/* PINTEREST_KAFKA_PROPERTIES_H */
