/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Making, growing and dropping topics, and what a cluster says of the state of its
 *	  partitions.
 *
 * The controller answers when it has decided; brokers hear of it a moment
 * later.  So a change counts as done when brokers, asked several times, all
 * tell of it: librdkafka asks any of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/client.h"
#include "commands/defrem.h"
#include "kafka/admin.h"
#include "kafka/handle.h"
#include "kafka/topics.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "utils/memutils.h"

/* With more brokers than this one is not sure to have been asked. */
#define MAX_ASKED 20

/* An answer of the controller, with what it must not outlive. */
typedef struct AdminCall
{
	KafkaClient *client;
	MemoryContextCallback callback;
	rd_kafka_queue_t *queue;
	rd_kafka_AdminOptions_t *options;
	rd_kafka_NewTopic_t *create;
	rd_kafka_NewPartitions_t *grow;
	rd_kafka_DeleteTopic_t *drop;
	rd_kafka_ConfigResource_t *describe;
	rd_kafka_event_t *event;
} AdminCall;

/*
 * Calls
 */

/*
 * When all is done, so that the client can be given back; or else as memory
 * context callback, called before the client's own, which is older.
 */
static void
let_go(void *arg)
{
	AdminCall  *call = arg;

	if (call->queue == NULL)
		return;
	if (call->event != NULL)
		rd_kafka_event_destroy(call->event);
	if (call->create != NULL)
		rd_kafka_NewTopic_destroy(call->create);
	if (call->grow != NULL)
		rd_kafka_NewPartitions_destroy(call->grow);
	if (call->drop != NULL)
		rd_kafka_DeleteTopic_destroy(call->drop);
	if (call->describe != NULL)
		rd_kafka_ConfigResource_destroy(call->describe);
	if (call->options != NULL)
		rd_kafka_AdminOptions_destroy(call->options);
	rd_kafka_queue_destroy(call->queue);
	call->queue = NULL;
}

static AdminCall *
begin_call(KafkaClient *client, rd_kafka_admin_op_t operation)
{
	AdminCall  *call = palloc0(sizeof(AdminCall));
	char		ignored[KAFKA_REASON_SIZE];

	call->client = client;
	call->callback.func = let_go;
	call->callback.arg = call;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &call->callback);
	call->queue = rd_kafka_queue_new(client->rk);
	call->options = rd_kafka_AdminOptions_new(client->rk, operation);
	rd_kafka_AdminOptions_set_request_timeout(call->options, pinterest_request_timeout,
											  ignored, sizeof(ignored));
	rd_kafka_AdminOptions_set_operation_timeout(call->options, pinterest_request_timeout,
												ignored, sizeof(ignored));
	return call;
}

/* Waits for the answer, which may be an error of the whole call. */
static rd_kafka_event_t *
await_answer(AdminCall *call, const char *what, const char *name)
{
	KafkaWait	wait = kafka_wait_begin(call->client, what, name);

	while ((call->event = rd_kafka_queue_poll(call->queue, kafka_wait_slice(&wait))) == NULL)
		;
	kafka_wait_end(&wait);
	return call->event;
}

/* The same; raises such an error. */
static rd_kafka_event_t *
finish_call(AdminCall *call, const char *what, const char *name)
{
	(void) await_answer(call, what, name);
	if (rd_kafka_event_error(call->event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		kafka_raise(rd_kafka_event_error(call->event),
					rd_kafka_event_error_string(call->event), what, name);
	return call->event;
}

/* The outcome for the topic; what is only late is waited for anyhow. */
static void
check_outcome(const rd_kafka_topic_result_t **results, size_t n, const char *what,
			  const char *name)
{
	rd_kafka_resp_err_t err;
	const char *reason;

	if (n != 1)
		elog(ERROR, "unexpected answer from the Kafka cluster");
	err = rd_kafka_topic_result_error(results[0]);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR || err == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT)
		return;
	reason = rd_kafka_topic_result_error_string(results[0]);
	if (reason != NULL && strcmp(reason, rd_kafka_err2str(err)) == 0)
		reason = NULL;
	kafka_raise(err, reason, what, name);
}

/*
 * States
 */

/* The partition's leader as people know it. */
static const char *
describe_leader(const struct rd_kafka_metadata *metadata, int32 id)
{
	for (int i = 0; i < metadata->broker_cnt; i++)
		if (metadata->brokers[i].id == id)
			return psprintf("broker %d at %s:%d", id, metadata->brokers[i].host,
							metadata->brokers[i].port);
	return psprintf("broker %d", id);
}

static void
take_partition(KafkaPartition *partition, const struct rd_kafka_metadata *metadata,
			   const struct rd_kafka_metadata_partition *found)
{
	partition->replicas = found->replica_cnt;
	if (found->leader < 0)
		partition->state = KAFKA_OFFLINE;
	else
	{
		partition->leader = describe_leader(metadata, found->leader);
		partition->state = found->isr_cnt < found->replica_cnt ?
			KAFKA_UNDER_REPLICATED : KAFKA_ONLINE;
	}
}

static KafkaTopicState *
make_state(const struct rd_kafka_metadata *metadata,
		   const struct rd_kafka_metadata_topic *found)
{
	KafkaTopicState *topic = palloc0(sizeof(KafkaTopicState));

	topic->name = pstrdup(found->topic);
	topic->npartitions = found->partition_cnt;
	topic->partitions = palloc0(sizeof(KafkaPartition) * Max(found->partition_cnt, 1));
	for (int i = 0; i < found->partition_cnt; i++)
	{
		/* they may be told in any order */
		int			number = found->partitions[i].id;

		if (number < 0 || number >= found->partition_cnt)
			continue;
		take_partition(&topic->partitions[number], metadata, &found->partitions[i]);
		topic->state = Max(topic->state, topic->partitions[number].state);
	}
	return topic;
}

static int
compare_states(const ListCell *a, const ListCell *b)
{
	return strcmp(((KafkaTopicState *) lfirst(a))->name, ((KafkaTopicState *) lfirst(b))->name);
}

/* Those of Kafka's own too, and how many brokers there are. */
static List *
all_states(KafkaClient *client, int *brokers)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(context, "pinterest kafka topics",
											   ALLOCSET_DEFAULT_SIZES);
	const struct rd_kafka_metadata *metadata;
	List	   *states = NIL;

	MemoryContextSwitchTo(work);
	metadata = kafka_ask_metadata(client, NULL);
	MemoryContextSwitchTo(context);
	for (int i = 0; i < metadata->topic_cnt; i++)
		states = lappend(states, make_state(metadata, &metadata->topics[i]));
	*brokers = metadata->broker_cnt;
	MemoryContextDelete(work);
	list_sort(states, compare_states);
	return states;
}

List *
kafka_topic_states(KafkaClient *client)
{
	int			ignored;
	List	   *states = all_states(client, &ignored);
	ListCell   *lc;

	foreach(lc, states)
		if (kafka_topic_is_internal(((KafkaTopicState *) lfirst(lc))->name))
			states = foreach_delete_current(states, lc);
	return states;
}

/*
 * Configurations
 */

/* What decides how long records are kept is told even if it is the cluster's default. */
static bool
is_worth_telling(const rd_kafka_ConfigEntry_t *entry)
{
	static const char *const always[] = {"cleanup.policy", "retention.bytes", "retention.ms"};
	const char *name = rd_kafka_ConfigEntry_name(entry);

	if (rd_kafka_ConfigEntry_value(entry) == NULL)	/* a secret one */
		return false;
	for (int i = 0; i < lengthof(always); i++)
		if (strcmp(name, always[i]) == 0)
			return true;
	return rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst_node(DefElem, a)->defname, lfirst_node(DefElem, b)->defname);
}

static List *
take_config(const rd_kafka_ConfigResource_t *topic)
{
	size_t		n;
	const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topic, &n);
	List	   *config = NIL;

	for (size_t i = 0; i < n; i++)
		if (is_worth_telling(entries[i]))
			config = lappend(config,
							 makeDefElem(pstrdup(rd_kafka_ConfigEntry_name(entries[i])),
										 (Node *) makeString(pstrdup(rd_kafka_ConfigEntry_value(entries[i]))), -1));
	list_sort(config, compare_names);
	return config;
}

/* Of the call or of the topic: may the user not know, or has nobody an answer? */
static bool
is_unknown(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		err == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
		err == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
}

/* Is the broker known that is to answer?  In a stand-in of a cluster there is none. */
static bool
has_controller(KafkaClient *client)
{
	const struct rd_kafka_metadata *metadata = kafka_ask_metadata(client, NULL);
	int32		id = rd_kafka_controllerid(client->rk, 0);

	for (int i = 0; i < metadata->broker_cnt; i++)
		if (metadata->brokers[i].id == id)
			return true;
	return false;
}

List *
kafka_topic_config(KafkaClient *client, const char *name)
{
	static const char what[] = "describe topic";
	AdminCall  *call;
	const rd_kafka_ConfigResource_t *topic = NULL;
	rd_kafka_event_t *answer;
	rd_kafka_resp_err_t err;
	List	   *config = NIL;
	size_t		n = 1;

	if (!has_controller(client))
		return NIL;
	call = begin_call(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	call->describe = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
	rd_kafka_DescribeConfigs(client->rk, &call->describe, 1, call->options, call->queue);
	answer = await_answer(call, what, name);
	err = rd_kafka_event_error(answer);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		topic = rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer), &n)[0];
	if (n != 1)
		elog(ERROR, "unexpected answer from the Kafka cluster");
	if (topic != NULL)
		err = rd_kafka_ConfigResource_error(topic);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		config = take_config(topic);
	else if (!is_unknown(err))
		kafka_raise(err, topic != NULL ? rd_kafka_ConfigResource_error_string(topic) :
					rd_kafka_event_error_string(answer), what, name);
	let_go(call);
	return config;
}

/*
 * Changes
 */

/*
 * Has it as many partitions as it is to have, 0: is it gone?  Sets how many
 * brokers could say otherwise.
 */
static bool
has_come(KafkaClient *client, const char *name, int partitions, int *brokers)
{
	List	   *states = all_states(client, brokers);
	ListCell   *lc;

	foreach(lc, states)
	{
		const KafkaTopicState *topic = lfirst(lc);

		if (strcmp(topic->name, name) == 0)
			return partitions > 0 && topic->npartitions >= partitions &&
				topic->state != KAFKA_OFFLINE;
	}
	return partitions == 0;
}

/* Until all brokers asked say so. */
static void
wait_until(KafkaClient *client, const char *what, const char *name, int partitions)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "pinterest kafka change",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(work);
	KafkaWait	wait = kafka_wait_begin(client, what, name);
	int			brokers = 1;
	int			agree = 0;

	while (agree < (brokers == 1 ? 1 : 2 * Min(brokers, MAX_ASKED)))
	{
		MemoryContextReset(work);
		(void) kafka_wait_slice(&wait);
		if (has_come(client, name, partitions, &brokers))
			agree++;
		else
		{
			agree = 0;
			kafka_wait_failed(&wait, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
		}
	}
	kafka_wait_end(&wait);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(work);
}

void
kafka_create_topic(KafkaClient *client, const char *name, int partitions,
				   int replication_factor, List *config)
{
	static const char what[] = "create topic";
	AdminCall  *call = begin_call(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *answer;
	char		reason[KAFKA_REASON_SIZE];
	size_t		n;
	ListCell   *lc;

	call->create = rd_kafka_NewTopic_new(name, partitions, replication_factor,
										 reason, sizeof(reason));
	if (call->create == NULL)
		kafka_raise(RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, reason, what, name);
	foreach(lc, config)
	{
		DefElem    *def = lfirst_node(DefElem, lc);
		rd_kafka_resp_err_t err = rd_kafka_NewTopic_set_config(call->create, def->defname,
															   defGetString(def));

		if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
			kafka_raise(err, NULL, what, name);
	}
	rd_kafka_CreateTopics(client->rk, &call->create, 1, call->options, call->queue);
	answer = finish_call(call, what, name);
	results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer), &n);
	check_outcome(results, n, what, name);
	let_go(call);
	wait_until(client, what, name, Max(partitions, 1));
	kafka_await_leaders(client, name);
}

void
kafka_grow_topic(KafkaClient *client, const char *name, int partitions)
{
	static const char what[] = "alter topic";
	AdminCall  *call = begin_call(client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *answer;
	char		reason[KAFKA_REASON_SIZE];
	size_t		n;

	call->grow = rd_kafka_NewPartitions_new(name, partitions, reason, sizeof(reason));
	if (call->grow == NULL)
		kafka_raise(RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, reason, what, name);
	rd_kafka_CreatePartitions(client->rk, &call->grow, 1, call->options, call->queue);
	answer = finish_call(call, what, name);
	results = rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(answer), &n);
	check_outcome(results, n, what, name);
	let_go(call);
	wait_until(client, what, name, partitions);
	kafka_await_leaders(client, name);
}

void
kafka_drop_topic(KafkaClient *client, const char *name)
{
	static const char what[] = "drop topic";
	AdminCall  *call = begin_call(client, RD_KAFKA_ADMIN_OP_DELETETOPICS);
	const rd_kafka_topic_result_t **results;
	rd_kafka_event_t *answer;
	size_t		n;

	call->drop = rd_kafka_DeleteTopic_new(name);
	rd_kafka_DeleteTopics(client->rk, &call->drop, 1, call->options, call->queue);
	answer = finish_call(call, what, name);
	results = rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(answer), &n);
	check_outcome(results, n, what, name);
	let_go(call);
	wait_until(client, what, name, 0);
}
