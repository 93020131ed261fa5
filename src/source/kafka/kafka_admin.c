/*-------------------------------------------------------------------------
 *
 * kafka_admin.c
 *	  The topics of a cluster, for the SQL functions that administer sources.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "kafka/admin.h"
#include "kafka/topics.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "source/admin.h"
#include "source/kafka/kafka.h"

/* The option that is not a configuration of the topic's. */
#define REPLICATION_FACTOR "replication_factor"

static const char *const states[] = {"online", "under-replicated", "offline"};

static List *
list_topics(const SourceRequest *request)
{
	KafkaClient *client = kafka_client_acquire(request, KAFKA_CONSUMER);
	List	   *sources = NIL;
	List	   *topics = kafka_topic_states(client);
	ListCell   *lc;

	foreach(lc, topics)
	{
		const KafkaTopicState *topic = lfirst(lc);
		AdminSource *source = palloc(sizeof(AdminSource));

		source->name = topic->name;
		source->splits = topic->npartitions;
		source->state = states[topic->state];
		sources = lappend(sources, source);
	}
	kafka_client_release(client);
	return sources;
}

static const KafkaTopicState *
find_topic(KafkaClient *client, const char *name)
{
	List	   *topics = kafka_topic_states(client);
	ListCell   *lc;

	foreach(lc, topics)
		if (strcmp(((KafkaTopicState *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("topic \"%s\" does not exist", name),
			 errhint("A topic that the user may not describe looks the same.")));
}

/* Where the partitions that have a leader begin or end; NULL for the others. */
static const char **
find_positions(KafkaClient *client, const KafkaTopicState *topic, int64 what)
{
	const char **found = palloc0(sizeof(char *) * Max(topic->npartitions, 1));
	KafkaPosition *positions = palloc(sizeof(KafkaPosition) * Max(topic->npartitions, 1));
	int			n = 0;

	for (int i = 0; i < topic->npartitions; i++)
		if (topic->partitions[i].leader != NULL)
			positions[n++] = (KafkaPosition) {topic->name, i, what};
	kafka_find_positions(client, positions, n);
	for (int i = 0; i < n; i++)
		found[positions[i].partition] = psprintf("%lld", (long long) positions[i].offset);
	return found;
}

/* As create_topic takes them. */
static List *
topic_options(KafkaClient *client, const KafkaTopicState *topic)
{
	List	   *config = kafka_topic_config(client, topic->name);
	int			replicas = 0;

	for (int i = 0; i < topic->npartitions; i++)
		replicas = Max(replicas, topic->partitions[i].replicas);
	return lcons(makeDefElem(REPLICATION_FACTOR, (Node *) makeString(psprintf("%d", replicas)), -1),
				 config);
}

static List *
describe_topic(const SourceRequest *request, const char *name, List **options)
{
	KafkaClient *client = kafka_client_acquire(request, KAFKA_CONSUMER);
	const KafkaTopicState *topic = find_topic(client, name);
	const char **begins = find_positions(client, topic, KAFKA_BEGINNING);
	const char **ends = find_positions(client, topic, KAFKA_END);
	List	   *splits = NIL;

	for (int i = 0; i < topic->npartitions; i++)
	{
		AdminSplit *split = palloc0(sizeof(AdminSplit));

		split->name = psprintf("%d", i);
		split->begins = begins[i];
		split->ends = ends[i];
		split->place = topic->partitions[i].leader;
		split->state = states[topic->partitions[i].state];
		splits = lappend(splits, split);
	}
	*options = topic_options(client, topic);
	kafka_client_release(client);
	return splits;
}

/* Kafka's own topics hold what the cluster lives on. */
static void
check_name(const char *name)
{
	if (kafka_topic_is_internal(name))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for topic \"%s\"", name),
				 errdetail("Topics whose names begin with \"__\" are Kafka's own.")));
}

static int
parse_factor(const char *text)
{
	size_t		len = strlen(text);

	if (len == 0 || len > 4 || strspn(text, "0123456789") != len || atoi(text) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", REPLICATION_FACTOR, text),
				 errhint("It is the number of brokers that keep each partition.")));
	return atoi(text);
}

static void
create_topic(const SourceRequest *request, const char *name, int splits, List *options)
{
	KafkaClient *client;
	List	   *config = NIL;
	int			replication_factor = -1;
	ListCell   *lc;

	check_name(name);
	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, REPLICATION_FACTOR) == 0)
			replication_factor = parse_factor(defGetString(def));
		else
			config = lappend(config, def);
	}
	client = kafka_client_acquire(request, KAFKA_CONSUMER);
	kafka_create_topic(client, name, splits, replication_factor, config);
	kafka_client_release(client);
}

static void
grow_topic(const SourceRequest *request, const char *name, int splits)
{
	KafkaClient *client;

	check_name(name);
	client = kafka_client_acquire(request, KAFKA_CONSUMER);
	kafka_grow_topic(client, name, splits);
	kafka_client_release(client);
}

static void
drop_topic(const SourceRequest *request, const char *name)
{
	KafkaClient *client;

	check_name(name);
	client = kafka_client_acquire(request, KAFKA_CONSUMER);
	kafka_drop_topic(client, name);
	kafka_client_release(client);
}

const SourceAdmin kafka_admin = {
	.list = list_topics,
	.describe = describe_topic,
	.create = create_topic,
	.alter = grow_topic,
	.drop = drop_topic,
};
