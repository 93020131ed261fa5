/*
 * kafka_loop BOOTSTRAP TOPIC [STEP FIRST]: reads every message of a topic, or of
 * every STEPth partition from FIRST on, with bare librdkafka, up to the ends it
 * has now, and prints how many there were, their bytes and the seconds from the
 * first call to the last message: what kafka_json is measured against.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 1000
#define MAX_PARTITIONS 1000

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void
check(int truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "%s: %s\n", what, rd_kafka_err2str(rd_kafka_last_error()));
	exit(1);
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char		reason[512];

	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
	{
		fprintf(stderr, "%s\n", reason);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	static rd_kafka_message_t *messages[BATCH];
	static int64_t ends[MAX_PARTITIONS];
	double		begin = now();
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	rd_kafka_queue_t *queue;
	const struct rd_kafka_metadata *metadata;
	int			left = 0;
	long long	count = 0;
	long long	bytes = 0;
	int			step = argc == 5 ? atoi(argv[3]) : 1;
	int			first = argc == 5 ? atoi(argv[4]) : 0;

	if ((argc != 3 && argc != 5) || step < 1)
		return 2;
	set(conf, "bootstrap.servers", argv[1]);
	set(conf, "fetch.message.max.bytes", "4194304");
	set(conf, "fetch.wait.max.ms", "1");
	set(conf, "queued.min.messages", "10000000");
	set(conf, "queued.max.messages.kbytes", "1048576");
	set(conf, "auto.offset.reset", "earliest");
	rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
	check(rk != NULL, "rd_kafka_new");
	topic = rd_kafka_topic_new(rk, argv[2], NULL);
	check(rd_kafka_metadata(rk, 0, topic, &metadata, 10000) == 0, "metadata");
	queue = rd_kafka_queue_new(rk);
	for (int i = first; i < metadata->topics[0].partition_cnt && i < MAX_PARTITIONS; i += step)
	{
		int64_t		low;

		check(rd_kafka_query_watermark_offsets(rk, argv[2], i, &low, &ends[i], 10000) == 0, "ends");
		if (low == ends[i])
			continue;
		check(rd_kafka_consume_start_queue(topic, i, low, queue) == 0, "start");
		left++;
	}
	while (left > 0)
	{
		ssize_t		n = rd_kafka_consume_batch_queue(queue, 0, messages, BATCH);

		if (n == 0)
		{
			messages[0] = rd_kafka_consume_queue(queue, 1000);
			n = messages[0] != NULL;
		}
		for (ssize_t i = 0; i < n; i++)
		{
			rd_kafka_message_t *message = messages[i];

			if (message->err == 0)
			{
				count++;
				bytes += message->len;
				left -= message->offset == ends[message->partition] - 1;
			}
			rd_kafka_message_destroy(message);
		}
	}
	printf("%lld %lld %.4f\n", count, bytes, now() - begin);
	fflush(stdout);
	_Exit(0);
}
