/*-------------------------------------------------------------------------
 *
 * consumer.c
 *	  Messages of partitions, from given offsets on, as they come.
 *
 * All partitions come through one queue, which librdkafka's threads fill.
 * When it holds as much as it may, they stop fetching, and those of before 2.2
 * look again only a second later, however fast the queue empties meanwhile.  A
 * request to the broker wakes them: so when the queue has been nearly full and
 * is half empty, we send a cheap one, and do not wait for its answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "kafka/consumer.h"
#include "kafka/handle.h"
#include "kafka/topics.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

/* Messages that are taken out of the queue in one go. */
#define BATCH 1000

/* Of queued.max.messages.kbytes; see client.c. */
#define QUEUE_SIZE (64 * 1024 * 1024)

typedef struct OpenTopic
{
	const char *name;
	rd_kafka_topic_t *topic;
} OpenTopic;

/* A partition that is being read. */
typedef struct Running
{
	OpenTopic  *topic;
	int			partition;
	void	   *split;
} Running;

struct KafkaConsumer
{
	MemoryContext context;
	KafkaClient *client;
	MemoryContextCallback callback;
	rd_kafka_queue_t *queue;
	List	   *topics;			/* of OpenTopic */
	List	   *running;		/* of Running */

	rd_kafka_message_t *batch[BATCH];	/* NULL: dropped */
	int			next;			/* of these */
	int			count;
	Running    *last;			/* whose message came last */
	KafkaEvent	event;

	/* poking */
	int64		bytes;			/* of the messages so far */
	int64		messages;
	bool		was_full;		/* since the last time */

	TimestampTz silent_since;	/* no message has come; 0: one has */
};

/*
 * Beginning and end
 */

/*
 * All of a batch together: librdkafka's threads take memory from the same arena
 * all the time.
 */
static void
drop_batch(KafkaConsumer *consumer)
{
	for (int i = 0; i < consumer->count; i++)
		if (consumer->batch[i] != NULL)
			rd_kafka_message_destroy(consumer->batch[i]);
	consumer->next = 0;
	consumer->count = 0;
}

/* Lets go of all that a handle must not be destroyed with. */
static void
let_go(void *arg)
{
	KafkaConsumer *consumer = arg;
	ListCell   *lc;

	if (consumer->queue == NULL)
		return;
	drop_batch(consumer);
	foreach(lc, consumer->running)
	{
		Running    *running = lfirst(lc);

		rd_kafka_consume_stop(running->topic->topic, running->partition);
	}
	consumer->running = NIL;
	foreach(lc, consumer->topics)
		rd_kafka_topic_destroy(((OpenTopic *) lfirst(lc))->topic);
	consumer->topics = NIL;
	rd_kafka_queue_destroy(consumer->queue);
	consumer->queue = NULL;
}

KafkaConsumer *
kafka_consumer_create(KafkaClient *client)
{
	KafkaConsumer *consumer = palloc0(sizeof(KafkaConsumer));

	consumer->context = CurrentMemoryContext;
	consumer->client = client;
	consumer->callback.func = let_go;
	consumer->callback.arg = consumer;

	/* called before the client's own callback, which is older */
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &consumer->callback);
	consumer->queue = rd_kafka_queue_new(client->rk);
	return consumer;
}

void
kafka_consumer_end(KafkaConsumer *consumer)
{
	let_go(consumer);
	if (consumer->client != NULL)
		kafka_client_release(consumer->client);
	consumer->client = NULL;
}

/*
 * Partitions
 */

static OpenTopic *
open_topic(KafkaConsumer *consumer, const char *name)
{
	MemoryContext before;
	OpenTopic  *topic;
	ListCell   *lc;

	foreach(lc, consumer->topics)
	{
		topic = lfirst(lc);
		if (strcmp(topic->name, name) == 0)
			return topic;
	}
	before = MemoryContextSwitchTo(consumer->context);
	topic = palloc(sizeof(OpenTopic));
	topic->name = pstrdup(name);
	consumer->topics = lappend(consumer->topics, topic);
	MemoryContextSwitchTo(before);
	topic->topic = rd_kafka_topic_new(consumer->client->rk, name, NULL);
	if (topic->topic == NULL)
	{
		consumer->topics = list_delete_ptr(consumer->topics, topic);
		kafka_raise(rd_kafka_last_error(), NULL, "read topic", name);
	}
	return topic;
}

static Running *
find_running(KafkaConsumer *consumer, const rd_kafka_message_t *message)
{
	Running    *last = consumer->last;
	ListCell   *lc;

	if (last != NULL && last->partition == message->partition &&
		last->topic->topic == message->rkt)
		return last;
	foreach(lc, consumer->running)
	{
		Running    *running = lfirst(lc);

		if (running->partition == message->partition &&
			running->topic->topic == message->rkt)
			return consumer->last = running;
	}
	return NULL;
}

void
kafka_consumer_start(KafkaConsumer *consumer, const char *topic, int partition,
					 int64 offset, void *split)
{
	OpenTopic  *opened = open_topic(consumer, topic);
	MemoryContext before = MemoryContextSwitchTo(consumer->context);
	Running    *running = palloc(sizeof(Running));

	running->topic = opened;
	running->partition = partition;
	running->split = split;
	consumer->running = lappend(consumer->running, running);
	MemoryContextSwitchTo(before);
	if (rd_kafka_consume_start_queue(opened->topic, partition, offset, consumer->queue) != 0)
	{
		rd_kafka_resp_err_t err = rd_kafka_last_error();

		consumer->running = list_delete_ptr(consumer->running, running);
		kafka_raise(err, NULL, "read topic", topic);
	}
}

/*
 * What has been fetched of it already is dropped, so that a later start does
 * not see it twice.
 */
void
kafka_consumer_stop(KafkaConsumer *consumer, const char *topic, int partition,
					void *split)
{
	ListCell   *lc;

	foreach(lc, consumer->running)
	{
		Running    *running = lfirst(lc);

		if (running->split != split || running->partition != partition ||
			strcmp(running->topic->name, topic) != 0)
			continue;
		rd_kafka_consume_stop(running->topic->topic, partition);
		for (int i = consumer->next; i < consumer->count; i++)
		{
			rd_kafka_message_t *message = consumer->batch[i];

			if (message == NULL || message->partition != partition ||
				message->rkt != running->topic->topic)
				continue;
			rd_kafka_message_destroy(message);
			consumer->batch[i] = NULL;
		}
		if (consumer->last == running)
			consumer->last = NULL;
		consumer->running = foreach_delete_current(consumer->running, lc);
		pfree(running);
		return;
	}
}

/*
 * Messages
 */

/* Wakes the threads that stopped fetching; see above. */
static void
poke(KafkaConsumer *consumer)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(list_length(consumer->running));
	ListCell   *lc;

	foreach(lc, consumer->running)
	{
		Running    *running = lfirst(lc);

		rd_kafka_topic_partition_list_add(list, running->topic->name,
										  running->partition)->offset = KAFKA_END;
	}
	(void) rd_kafka_offsets_for_times(consumer->client->rk, list, 0);
	rd_kafka_topic_partition_list_destroy(list);
}

static void
keep_fetching(KafkaConsumer *consumer)
{
	int64		size;

	if (!consumer->client->needs_poking || consumer->messages == 0)
		return;
	size = rd_kafka_queue_length(consumer->queue) * (consumer->bytes / consumer->messages);
	if (size > QUEUE_SIZE / 4 * 3)
		consumer->was_full = true;
	else if (consumer->was_full && size < QUEUE_SIZE / 2)
	{
		consumer->was_full = false;
		poke(consumer);
	}
}

/* Waits until there are messages or other events, and takes them out of the queue. */
static void
fill_batch(KafkaConsumer *consumer)
{
	ssize_t		count;
	KafkaWait	wait;

	drop_batch(consumer);
	keep_fetching(consumer);
	count = rd_kafka_consume_batch_queue(consumer->queue, 0, consumer->batch, BATCH);
	if (count > 0)
	{
		consumer->count = count;
		return;
	}

	wait = kafka_wait_begin(consumer->client, "read topic",
							consumer->topics == NIL ? "" :
							((OpenTopic *) linitial(consumer->topics))->name);
	if (consumer->silent_since != 0)
		wait.last_progress = consumer->silent_since;
	consumer->silent_since = wait.last_progress;
	do
	{
		consumer->batch[0] = rd_kafka_consume_queue(consumer->queue, kafka_wait_slice(&wait));
	} while (consumer->batch[0] == NULL);
	consumer->count = 1;
	kafka_wait_end(&wait);
}

/* Fills in what there is to know of a message. */
static void
take_message(KafkaConsumer *consumer, const rd_kafka_message_t *message)
{
	KafkaEvent *event = &consumer->event;
	rd_kafka_timestamp_type_t type;

	event->kind = KAFKA_MESSAGE;
	event->value = message->payload;
	event->len = message->len;
	event->key = message->key;
	event->key_len = message->key_len;
	event->time = rd_kafka_message_timestamp(message, &type);
	event->has_time = type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
	event->appended = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
	consumer->bytes += message->len + message->key_len;
	consumer->messages++;
	consumer->silent_since = 0;
}

/* Makes an event of it; false if there is nothing to tell. */
static bool
take_event(KafkaConsumer *consumer, rd_kafka_message_t *message)
{
	KafkaEvent *event = &consumer->event;
	Running    *running = find_running(consumer, message);

	if (running == NULL)
		return false;			/* it has been stopped */
	event->split = running->split;
	event->offset = message->offset;
	event->message = message;
	switch (message->err)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			take_message(consumer, message);
			return true;
		case RD_KAFKA_RESP_ERR__PARTITION_EOF:
			event->kind = KAFKA_AT_END;
			return true;
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
			event->kind = KAFKA_GONE;
			return true;
		default:
			if (!kafka_error_is_transient(message->err))
				kafka_raise(message->err, rd_kafka_message_errstr(message), "read topic",
							running->topic->name);
			return false;
	}
}

const KafkaEvent *
kafka_consumer_next(KafkaConsumer *consumer)
{
	for (;;)
	{
		rd_kafka_message_t *message;

		if (consumer->next == consumer->count)
			fill_batch(consumer);
		message = consumer->batch[consumer->next++];
		if (message != NULL && take_event(consumer, message))
			return &consumer->event;
	}
}

/*
 * Headers
 */

bool
kafka_is_text(const char *bytes, size_t len)
{
	if (memchr(bytes, '\0', len) != NULL)
		return false;
	if (GetDatabaseEncoding() == PG_UTF8)
		return pg_encoding_verifymbstr(PG_UTF8, bytes, len) == len;
	for (size_t i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(bytes[i]))
			return false;
	return true;
}

static void
append_base64(StringInfo json, const void *bytes, size_t len)
{
	int			room = pg_b64_enc_len(len);

	appendStringInfoChar(json, '"');
	enlargeStringInfo(json, room + 1);
	json->len += pg_b64_encode(bytes, len, json->data + json->len, room);
	json->data[json->len] = '\0';
	appendStringInfoChar(json, '"');
}

/* ,"value": "…" or ,"base64": "…" */
static void
append_header_value(StringInfo json, const void *value, size_t len)
{
	if (value == NULL)
		appendStringInfoString(json, ", \"value\": null");
	else if (kafka_is_text(value, len))
	{
		appendStringInfoString(json, ", \"value\": ");
		escape_json(json, pnstrdup(value, len));
	}
	else
	{
		appendStringInfoString(json, ", \"base64\": ");
		append_base64(json, value, len);
	}
}

bool
kafka_message_headers(const KafkaEvent *event, StringInfo json)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t		len;

	if (rd_kafka_message_headers(event->message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	appendStringInfoChar(json, '[');
	for (size_t i = 0;
		 rd_kafka_header_get_all(headers, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
		 i++)
	{
		appendStringInfoString(json, i == 0 ? "{\"key\": " : ", {\"key\": ");
		if (kafka_is_text(name, strlen(name)))
			escape_json(json, name);
		else
			append_base64(json, name, strlen(name));
		append_header_value(json, value, len);
		appendStringInfoChar(json, '}');
	}
	appendStringInfoChar(json, ']');
	return true;
}
