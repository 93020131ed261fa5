/*
 * kafka_produce: a bare producer, to compare INSERT with.
 *
 *     kafka_produce BOOTSTRAP TOPIC FILE
 *
 * Sends each line of the file as a message, with the settings that INSERT has by
 * default, and prints the seconds from the first message to the last delivery
 * report.  Connections are made before: a backend keeps its own.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

static long delivered;

static void
fail(const char *what)
{
	fprintf(stderr, "kafka_produce: %s\n", what);
	exit(1);
}

static void
report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	(void) rk;
	(void) opaque;
	if (message->err)
		fail(rd_kafka_err2str(message->err));
	delivered++;
}

static void
set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char		error[512];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
		fail(error);
}

static rd_kafka_t *
connect_to(const char *bootstrap)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char		error[512];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", bootstrap);
	set(conf, "enable.idempotence", "true");
	set(conf, "partitioner", "murmur2_random");
	set(conf, "queue.buffering.max.messages", "100000");
	set(conf, "queue.buffering.max.kbytes", "65536");
	rd_kafka_conf_set_dr_msg_cb(conf, report);
	rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (rk == NULL)
		fail(error);
	return rk;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static long
produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, char *at, char *end)
{
	long		n = 0;

	while (at < end)
	{
		char	   *line_end = memchr(at, '\n', end - at);
		rd_kafka_resp_err_t err;

		while ((err = rd_kafka_producev(rk, RD_KAFKA_V_RKT(topic),
										RD_KAFKA_V_VALUE(at, (line_end - at)),
										RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
										RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			rd_kafka_poll(rk, 200);
		if (err)
			fail(rd_kafka_err2str(err));
		if (++n % 256 == 0)
			rd_kafka_poll(rk, 0);
		at = line_end + 1;
	}
	return n;
}

int
main(int argc, char **argv)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *topic;
	rd_kafka_t *rk;
	struct stat st;
	char	   *data;
	double		start;
	long		n;
	int			file;

	if (argc != 4 || (file = open(argv[3], O_RDONLY)) < 0 || fstat(file, &st) != 0)
		fail("kafka_produce BOOTSTRAP TOPIC FILE");
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (data == MAP_FAILED)
		fail("mmap");
	rk = connect_to(argv[1]);
	topic = rd_kafka_topic_new(rk, argv[2], NULL);
	if (rd_kafka_metadata(rk, 0, topic, &metadata, 10000))
		fail("no metadata");
	rd_kafka_metadata_destroy(metadata);

	/* the first message makes the connections */
	n = produce(rk, topic, data, (char *) memchr(data, '\n', st.st_size) + 1);
	while (delivered < n)
		rd_kafka_flush(rk, 1000);
	delivered = 0;

	start = now();
	n = produce(rk, topic, data, data + st.st_size);
	while (delivered < n)
		rd_kafka_flush(rk, 1000);
	printf("%.3f\n", now() - start);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(rk);
	return 0;
}
