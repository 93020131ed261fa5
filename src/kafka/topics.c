/*-------------------------------------------------------------------------
 *
 * topics.c
 *	  What a cluster says of its topics: partitions, and where they begin and
 *	  end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "kafka/handle.h"
#include "kafka/topics.h"
#include "miscadmin.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A topic just made is not known to all brokers for so long, in ms. */
#define NEW_TOPIC_TIME 500

/* What Kafka allows in names: org.apache.kafka.common.internals.Topic */
#define MAX_TOPIC_NAME 249
#define TOPIC_CHARACTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

bool
kafka_topic_is_pattern(const char *topic)
{
	return *topic == '^';
}

bool
kafka_topic_is_internal(const char *topic)
{
	return strncmp(topic, "__", 2) == 0;
}

static bool
matches(const char *pattern, const char *topic)
{
	return RE_compile_and_execute(cstring_to_text(pattern), unconstify(char *, topic),
								  strlen(topic), REG_ADVANCED, C_COLLATION_OID, 0, NULL);
}

bool
kafka_topic_matches(const char *pattern, const char *topic)
{
	return !kafka_topic_is_internal(topic) && matches(pattern, topic);
}

void
kafka_topic_check(const char *topic)
{
	if (kafka_topic_is_pattern(topic))
	{
		(void) matches(topic, "");
		return;
	}
	if (strlen(topic) > MAX_TOPIC_NAME || strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0 ||
		strspn(topic, TOPIC_CHARACTERS) != strlen(topic))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "topic", topic),
				 errhint("Names of topics have up to %d ASCII letters, digits, \".\", \"_\" and \"-\"; a regular expression begins with \"^\".",
						 MAX_TOPIC_NAME)));
}

/* Ties what librdkafka gave to the current memory context. */
static void
tie(void (*destroy) (void *arg), void *arg)
{
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = destroy;
	callback->arg = arg;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
}

static void
destroy_topic(void *arg)
{
	rd_kafka_topic_destroy(arg);
}

static void
destroy_metadata(void *arg)
{
	rd_kafka_metadata_destroy(arg);
}

static void
destroy_list(void *arg)
{
	rd_kafka_topic_partition_list_destroy(arg);
}

/* The work of a function, in a context of its own. */
static MemoryContext
begin_work(void)
{
	return MemoryContextSwitchTo(AllocSetContextCreate(CurrentMemoryContext,
													   "pinterest kafka request",
													   ALLOCSET_SMALL_SIZES));
}

static void
end_work(MemoryContext before)
{
	MemoryContext work = MemoryContextSwitchTo(before);

	MemoryContextDelete(work);
}

/*
 * Is that what a broker, or librdkafka, says of a topic or partition that was made a
 * moment ago?
 */
static bool
may_be_new(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
		err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

/* For a while it is worth another try. */
static rd_kafka_resp_err_t
pardon_new(rd_kafka_resp_err_t err, TimestampTz begun)
{
	if (may_be_new(err) &&
		!TimestampDifferenceExceeds(begun, GetCurrentTimestamp(), NEW_TOPIC_TIME))
		return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	return err;
}

/* An error of a topic or of one of its partitions, or none. */
static rd_kafka_resp_err_t
topic_error(const struct rd_kafka_metadata_topic *topic)
{
	if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return topic->err;
	for (int i = 0; i < topic->partition_cnt; i++)
		if (topic->partitions[i].leader < 0)
			return RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
	return topic->partition_cnt > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR :
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* Who is asked for all topics, in a message. */
static char *
bootstrap_servers(KafkaClient *client)
{
	const rd_kafka_conf_t *conf = rd_kafka_conf(client->rk);
	size_t		size = 0;
	char	   *servers;

	(void) rd_kafka_conf_get(conf, "bootstrap.servers", NULL, &size);
	servers = palloc0(size + 1);
	(void) rd_kafka_conf_get(conf, "bootstrap.servers", servers, &size);
	return servers;
}

const struct rd_kafka_metadata *
kafka_ask_metadata(KafkaClient *client, const char *name)
{
	KafkaWait	wait = kafka_wait_begin(client, name == NULL ? "list the topics of" : "find topic",
										name == NULL ? bootstrap_servers(client) : name);
	TimestampTz begun = GetCurrentTimestamp();
	rd_kafka_topic_t *topic = NULL;
	const struct rd_kafka_metadata *metadata;

	if (name != NULL)
	{
		topic = rd_kafka_topic_new(client->rk, name, NULL);
		if (topic == NULL)
			kafka_raise(rd_kafka_last_error(), NULL, wait.what, wait.subject);
		tie(destroy_topic, topic);
	}
	for (;;)
	{
		rd_kafka_resp_err_t err = rd_kafka_metadata(client->rk, name == NULL, topic, &metadata,
													kafka_wait_slice(&wait));

		if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			err = name == NULL ? err : topic_error(&metadata->topics[0]);
			if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
				break;
			rd_kafka_metadata_destroy(metadata);
			err = pardon_new(err, begun);
		}
		kafka_wait_failed(&wait, err);
	}
	tie(destroy_metadata, unconstify(struct rd_kafka_metadata *, metadata));
	kafka_wait_end(&wait);
	return metadata;
}

static int
compare_topics(const ListCell *a, const ListCell *b)
{
	return strcmp(((KafkaTopic *) lfirst(a))->name, ((KafkaTopic *) lfirst(b))->name);
}

/* Those of the topics that are users', and match the pattern unless it is NULL. */
static List *
select_topics(const struct rd_kafka_metadata *metadata, const char *pattern,
			  MemoryContext context)
{
	MemoryContext before = MemoryContextSwitchTo(context);
	List	   *topics = NIL;

	for (int i = 0; i < metadata->topic_cnt; i++)
	{
		const struct rd_kafka_metadata_topic *found = &metadata->topics[i];
		KafkaTopic *topic;

		if (pattern == NULL ? kafka_topic_is_internal(found->topic) :
			!kafka_topic_matches(pattern, found->topic))
			continue;
		topic = palloc(sizeof(KafkaTopic));
		topic->name = pstrdup(found->topic);
		topic->partitions = found->partition_cnt;
		topics = lappend(topics, topic);
	}
	list_sort(topics, compare_topics);
	MemoryContextSwitchTo(before);
	return topics;
}

List *
kafka_topics(KafkaClient *client, const char *name)
{
	MemoryContext before = begin_work();
	MemoryContext work = CurrentMemoryContext;
	List	   *topics;

	if (kafka_topic_is_pattern(name))
		topics = select_topics(kafka_ask_metadata(client, NULL), name, before);
	else
	{
		KafkaTopic *topic = MemoryContextAlloc(before, sizeof(KafkaTopic));

		topic->name = MemoryContextStrdup(before, name);
		topic->partitions = kafka_ask_metadata(client, name)->topics[0].partition_cnt;
		MemoryContextSwitchTo(before);
		topics = list_make1(topic);
		MemoryContextSwitchTo(work);
	}
	end_work(before);
	return topics;
}

List *
kafka_all_topics(KafkaClient *client)
{
	MemoryContext before = begin_work();
	List	   *topics = select_topics(kafka_ask_metadata(client, NULL), NULL, before);

	end_work(before);
	return topics;
}

List *
kafka_brokers(KafkaClient *client)
{
	MemoryContext before = begin_work();
	MemoryContext work = CurrentMemoryContext;
	const struct rd_kafka_metadata *metadata = kafka_ask_metadata(client, NULL);
	List	   *brokers = NIL;

	MemoryContextSwitchTo(before);
	for (int i = 0; i < metadata->broker_cnt; i++)
	{
		KafkaBroker *broker = palloc(sizeof(KafkaBroker));

		broker->id = metadata->brokers[i].id;
		broker->host = pstrdup(metadata->brokers[i].host);
		broker->port = metadata->brokers[i].port;
		brokers = lappend(brokers, broker);
	}
	MemoryContextDelete(work);
	return brokers;
}

/* The first error among answers, or none. */
static rd_kafka_resp_err_t
position_error(const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++)
		if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR)
			return list->elems[i].err;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * Who leads a partition may have changed; librdkafka goes on asking the one it
 * knows.
 */
static void
refresh_leaders(KafkaWait *wait)
{
	const struct rd_kafka_metadata *metadata;

	if (rd_kafka_metadata(wait->client->rk, false, NULL, &metadata,
						  kafka_wait_slice(wait)) == RD_KAFKA_RESP_ERR_NO_ERROR)
		rd_kafka_metadata_destroy(metadata);
}

static void
set_positions(rd_kafka_topic_partition_list_t *list, const KafkaPosition *positions)
{
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = positions[i].offset;
}

/* is_new: the topic or partitions of it have just been made, that is certain. */
static void
find_positions(KafkaClient *client, KafkaPosition *positions, int n, bool is_new)
{
	TimestampTz begun = GetCurrentTimestamp();
	MemoryContext before;
	KafkaWait	wait;
	rd_kafka_topic_partition_list_t *list;

	if (n == 0)
		return;
	before = begin_work();
	list = rd_kafka_topic_partition_list_new(n);
	tie(destroy_list, list);
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, positions[i].topic, positions[i].partition);
	wait = kafka_wait_begin(client, "find positions in topic", positions[0].topic);
	for (;;)
	{
		rd_kafka_resp_err_t err;

		set_positions(list, positions);
		err = rd_kafka_offsets_for_times(client->rk, list, kafka_wait_slice(&wait));
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
			err = position_error(list);
		if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		kafka_wait_failed(&wait, is_new && may_be_new(err) ?
						  RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : pardon_new(err, begun));
		if (err != RD_KAFKA_RESP_ERR__TIMED_OUT)
			refresh_leaders(&wait);
	}
	kafka_wait_end(&wait);
	for (int i = 0; i < n; i++)
		positions[i].offset = list->elems[i].offset;
	end_work(before);
}

void
kafka_find_positions(KafkaClient *client, KafkaPosition *positions, int n)
{
	find_positions(client, positions, n, false);
}

void
kafka_await_leaders(KafkaClient *client, const char *name)
{
	const KafkaTopic *topic = linitial(kafka_topics(client, name));
	KafkaPosition *positions = palloc(sizeof(KafkaPosition) * topic->partitions);

	for (int i = 0; i < topic->partitions; i++)
		positions[i] = (KafkaPosition) {name, i, KAFKA_END};
	find_positions(client, positions, topic->partitions, true);
}
