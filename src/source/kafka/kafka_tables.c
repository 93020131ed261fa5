/*-------------------------------------------------------------------------
 *
 * kafka_tables.c
 *	  What IMPORT FOREIGN SCHEMA finds in a cluster: one table a topic.
 *
 * Kafka has no schemas; by convention, what topics belong to stands before a
 * dot in their names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/topics.h"
#include "nodes/makefuncs.h"
#include "source/kafka/kafka.h"

static SourceTable *
make_table(const char *topic, const char *name)
{
	SourceTable *table = palloc0(sizeof(SourceTable));

	table->name = pstrdup(name);
	table->options = list_make1(makeDefElem("topic", (Node *) makeString(pstrdup(topic)), -1));
	for (const SourceMetadata *item = kafka_source_ops.metadata; item->name != NULL; item++)
		table->metadata = lappend(table->metadata, pstrdup(item->name));
	return table;
}

/* A schema's name is cut off like any other: it may not be what was meant. */
static void
check_length(const char *schema)
{
	if (strlen(schema) >= NAMEDATALEN - 1)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid remote schema \"%s\"", schema),
				 errdetail("Its name is so long that it may have been cut off."),
				 errhint("Write \".\" for all topics, and LIMIT TO those that are meant.")));
}

List *
kafka_tables(const SourceRequest *request, const char *schema)
{
	bool		all = strcmp(schema, ".") == 0 || kafka_topic_is_pattern(schema);
	char	   *prefix = all ? "" : psprintf("%s.", schema);
	KafkaClient *client;
	List	   *topics;
	List	   *tables = NIL;
	ListCell   *lc;

	check_length(schema);
	kafka_topic_check(kafka_topic_is_pattern(schema) ? schema : "any");
	client = kafka_client_acquire(request, KAFKA_CONSUMER);
	topics = kafka_topic_is_pattern(schema) ? kafka_topics(client, schema) :
		kafka_all_topics(client);
	kafka_client_release(client);
	foreach(lc, topics)
	{
		const char *topic = ((KafkaTopic *) lfirst(lc))->name;

		if (strncmp(topic, prefix, strlen(prefix)) == 0 && topic[strlen(prefix)] != '\0')
			tables = lappend(tables, make_table(topic, topic + strlen(prefix)));
	}
	if (tables == NIL)
		ereport(NOTICE,
				(errmsg("no topic belongs to remote schema \"%s\"", schema),
				 errhint("The remote schema is \".\" for all topics, what stands before a dot in their names, or a regular expression that begins with \"^\".")));
	return tables;
}
