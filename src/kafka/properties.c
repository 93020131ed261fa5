/*-------------------------------------------------------------------------
 *
 * properties.c
 *	  The options of kafka_json that are librdkafka's own properties.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "kafka/properties.h"

void
kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char		reason[512];

	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\"", name),
				 errdetail_internal("%s", reason)));
}

bool
kafka_property_try(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	return rd_kafka_conf_set(conf, name, value, NULL, 0) == RD_KAFKA_CONF_OK;
}

void
kafka_properties_apply(rd_kafka_conf_t *conf, List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strchr(def->defname, '.') != NULL)
			kafka_property_set(conf, def->defname, defGetString(def));
	}
}
