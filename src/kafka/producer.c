/*-------------------------------------------------------------------------
 *
 * producer.c
 *	  Messages to topics, and what became of each of them.
 *
 * Each message carries the number of its row.  The library's threads report to
 * a queue, which we serve now and then, and whenever there is something to wait
 * for: the reports are counted then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "kafka/handle.h"
#include "kafka/producer.h"
#include "kafka/topics.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

/* Reports are looked at after so many messages. */
#define SERVE_EVERY 256

/* What has been sent may still be confirmed for so long after an error, in ms. */
#define LAST_CHANCE 300

/* And what becomes of the rest is told within that, in ms. */
#define PURGE_TIME 100

struct KafkaProducerTopic
{
	char	   *name;
	int			partitions;
	rd_kafka_topic_t *topic;
};

struct KafkaProducer
{
	MemoryContext context;
	KafkaClient *client;
	List	   *topics;			/* of KafkaProducerTopic */
	KafkaDeliveries deliveries;
	MemoryContextCallback callback;
	bool		given_up;
};

static const char what[] = "write to topic";

/*
 * Beginning and end
 */

/* Lets go of all that a handle must not be destroyed with. */
static void
let_go(void *arg)
{
	KafkaProducer *producer = arg;
	ListCell   *lc;

	foreach(lc, producer->topics)
		rd_kafka_topic_destroy(((KafkaProducerTopic *) lfirst(lc))->topic);
	producer->topics = NIL;
	if (producer->client != NULL)
		producer->client->deliveries = NULL;
	producer->client = NULL;
}

KafkaProducer *
kafka_producer_create(KafkaClient *client)
{
	KafkaProducer *producer = palloc0(sizeof(KafkaProducer));

	producer->context = CurrentMemoryContext;
	producer->client = client;
	producer->callback.func = let_go;
	producer->callback.arg = producer;

	/* called before the client's own callback, which is older */
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &producer->callback);
	client->deliveries = &producer->deliveries;
	return producer;
}

void
kafka_producer_end(KafkaProducer *producer)
{
	KafkaClient *client = producer->client;

	let_go(producer);
	if (client != NULL)
		kafka_client_release(client);
}

const KafkaDeliveries *
kafka_producer_deliveries(const KafkaProducer *producer)
{
	return &producer->deliveries;
}

/*
 * Reports
 */

/* Keeps what is to be told of a message that failed, if none before it has. */
static void
note_failed(KafkaDeliveries *deliveries, int64 row, rd_kafka_resp_err_t err,
			int partition, const char *topic, const char *key, size_t key_len)
{
	if (deliveries->failed_row != 0 && deliveries->failed_row < row)
		return;
	deliveries->failed_row = row;
	deliveries->failed_error = err;
	deliveries->failed_partition = partition;
	strlcpy(deliveries->failed_topic, topic, sizeof(deliveries->failed_topic));
	deliveries->failed_key_len = key == NULL ? -1 : Min(key_len, PG_INT32_MAX);
	if (key != NULL)
		memcpy(deliveries->failed_key, key, Min(key_len, KAFKA_SHOWN_KEY));
}

void
kafka_producer_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	KafkaDeliveries *deliveries = ((KafkaClient *) opaque)->deliveries;

	if (deliveries == NULL)
		return;
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		deliveries->delivered++;
		return;
	}
	if (rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED)
		deliveries->doubtful++;

	/* what we have dropped failed by our own doing */
	if (message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
		message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		note_failed(deliveries, (int64) (intptr_t) message->_private, message->err,
					message->partition, rd_kafka_topic_name(message->rkt),
					message->key, message->key_len);
}

/* ", with key …", or nothing: as text, or in hexadecimal what is none. */
static char *
describe_key(const KafkaDeliveries *deliveries)
{
	const char *key = deliveries->failed_key;
	int			len = Min(deliveries->failed_key_len, KAFKA_SHOWN_KEY);
	const char *more = len < deliveries->failed_key_len ? "..." : "";
	int			text_len;		/* a character may be cut at the end */
	char	   *hex;

	if (len < 0)
		return "";
	text_len = *more == '\0' ? len : pg_mbcliplen(key, len, len);
	if (kafka_is_text(key, text_len))
		return psprintf(", with key \"%.*s%s\"", text_len, key, more);
	hex = palloc(len * 2 + 1);
	hex[hex_encode(key, len, hex)] = '\0';
	return psprintf(", with key \\x%s%s", hex, more);
}

/* Raises the error of the first message that failed. */
static void
check_deliveries(const KafkaProducer *producer)
{
	const KafkaDeliveries *deliveries = &producer->deliveries;
	rd_kafka_resp_err_t err = deliveries->failed_error;
	char	   *where;

	if (deliveries->failed_row == 0)
		return;
	/* the error that made the handle useless says more */
	if (err == RD_KAFKA_RESP_ERR__FATAL)
		err = rd_kafka_fatal_error(producer->client->rk, NULL, 0);
	where = deliveries->failed_partition < 0 ? "" :
		psprintf(", for partition %d", deliveries->failed_partition);
	kafka_raise(err,
				psprintf("The message is that of row %lld of the statement%s%s.",
						 (long long) deliveries->failed_row, describe_key(deliveries), where),
				what, deliveries->failed_topic);
}

/*
 * Topics
 */

static int
count_partitions(KafkaProducer *producer, const char *name)
{
	return ((KafkaTopic *) linitial(kafka_topics(producer->client, name)))->partitions;
}

KafkaProducerTopic *
kafka_producer_topic(KafkaProducer *producer, const char *name)
{
	int			partitions = count_partitions(producer, name);
	MemoryContext before = MemoryContextSwitchTo(producer->context);
	KafkaProducerTopic *topic = palloc0(sizeof(KafkaProducerTopic));

	topic->name = pstrdup(name);
	topic->partitions = partitions;
	producer->topics = lappend(producer->topics, topic);
	topic->topic = rd_kafka_topic_new(producer->client->rk, name, NULL);
	if (topic->topic == NULL)
	{
		producer->topics = list_delete_ptr(producer->topics, topic);
		kafka_raise(rd_kafka_last_error(), NULL, what, name);
	}
	MemoryContextSwitchTo(before);
	return topic;
}

/* Partitions may have been added since the topic was looked up. */
static void
check_partition(KafkaProducer *producer, KafkaProducerTopic *topic, int partition)
{
	if (partition >= topic->partitions)
		topic->partitions = count_partitions(producer, topic->name);
	if (partition < 0 || partition >= topic->partitions)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("partition %d of topic \"%s\" does not exist", partition, topic->name),
				 errdetail("Row %lld of the statement is for it. The partitions of the topic are 0 to %d.",
						   (long long) producer->deliveries.put + 1, topic->partitions - 1)));
}

/*
 * Messages
 */

/* Waits until something has been delivered: the queue has room then. */
static void
wait_for_room(KafkaProducer *producer, const KafkaProducerTopic *topic)
{
	KafkaWait	wait = kafka_wait_begin(producer->client, what, topic->name);
	int64		delivered = producer->deliveries.delivered;

	while (producer->deliveries.delivered == delivered)
	{
		rd_kafka_poll(producer->client->rk, kafka_wait_slice(&wait));
		check_deliveries(producer);
	}
	kafka_wait_end(&wait);
}

/* NULL if there are none; nothing here raises. */
static rd_kafka_headers_t *
make_headers(const KafkaMessage *message)
{
	rd_kafka_headers_t *headers;

	if (message->nheaders == 0)
		return NULL;
	headers = rd_kafka_headers_new(message->nheaders);
	for (int i = 0; i < message->nheaders; i++)
		rd_kafka_header_add(headers, message->headers[i].name, -1,
							message->headers[i].value, message->headers[i].len);
	return headers;
}

static rd_kafka_resp_err_t
produce(KafkaProducer *producer, KafkaProducerTopic *topic, const KafkaMessage *message)
{
	void	   *row = (void *) (intptr_t) (producer->deliveries.put + 1);
	int			partition = message->partition == KAFKA_ANY_PARTITION ?
		RD_KAFKA_PARTITION_UA : message->partition;
	rd_kafka_headers_t *headers = make_headers(message);
	rd_kafka_resp_err_t err;

	/* the macros cast in a way that cannot be const */
	err = rd_kafka_producev(producer->client->rk, RD_KAFKA_V_RKT(topic->topic),
							RD_KAFKA_V_PARTITION(partition),
							RD_KAFKA_V_VALUE(unconstify(char *, message->value), message->len),
							RD_KAFKA_V_KEY(unconstify(char *, message->key), message->key_len),
							RD_KAFKA_V_TIMESTAMP(message->time),
							RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
							RD_KAFKA_V_OPAQUE(row), RD_KAFKA_V_HEADERS(headers),
							RD_KAFKA_V_END);

	/* only a message that was taken owns them */
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR && headers != NULL)
		rd_kafka_headers_destroy(headers);
	return err;
}

void
kafka_producer_put(KafkaProducer *producer, KafkaProducerTopic *topic,
				   const KafkaMessage *message)
{
	rd_kafka_resp_err_t err;

	if (message->partition != KAFKA_ANY_PARTITION)
		check_partition(producer, topic, message->partition);
	while ((err = produce(producer, topic, message)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		wait_for_room(producer, topic);
	if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		note_failed(&producer->deliveries, producer->deliveries.put + 1, err,
					message->partition, topic->name, message->key, message->key_len);
		check_deliveries(producer);
	}
	if (++producer->deliveries.put % SERVE_EVERY == 0)
	{
		rd_kafka_poll(producer->client->rk, 0);
		check_deliveries(producer);
	}
}

/* A flush sends what still waits for company, and serves the reports. */
void
kafka_producer_flush(KafkaProducer *producer)
{
	KafkaDeliveries *deliveries = &producer->deliveries;
	KafkaWait	wait;

	if (deliveries->put == 0)
		return;
	wait = kafka_wait_begin(producer->client, what,
							((KafkaProducerTopic *) llast(producer->topics))->name);
	while (deliveries->delivered < deliveries->put)
	{
		int64		delivered = deliveries->delivered;

		(void) rd_kafka_flush(producer->client->rk, kafka_wait_slice(&wait));
		check_deliveries(producer);
		if (deliveries->delivered > delivered)
			kafka_wait_progress(&wait);
	}
	kafka_wait_end(&wait);
}

/* Serves reports until none is due any more, or for so long. */
static void
await_reports(KafkaProducer *producer, int ms)
{
	for (; ms > 0 && rd_kafka_outq_len(producer->client->rk) > 0; ms -= 10)
		rd_kafka_poll(producer->client->rk, 10);
}

void
kafka_producer_give_up(KafkaProducer *producer)
{
	rd_kafka_t *rk;

	if (producer->given_up || producer->client == NULL)
		return;
	producer->given_up = true;
	rk = producer->client->rk;
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
	await_reports(producer, LAST_CHANCE);
	rd_kafka_purge(rk, RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
	await_reports(producer, PURGE_TIME);
}
