/*
 * mock_kafka.c
 *		A stand-in of a Kafka cluster that needs nothing but librdkafka: its mock
 *		cluster, in a process of its own.
 *
 *		cc -o mock_kafka mock_kafka.c $(pkg-config --cflags --libs rdkafka)
 *		mock_kafka [BROKERS] [TOPIC PARTITIONS]...
 *
 * It listens on 127.0.0.1, prints its bootstrap servers as the first line, and
 * ends when its standard input, if that is a pipe, is closed, else by a signal.
 * Each line of standard input is a command, answered by "ok" or "error: ...":
 *
 *		topic NAME PARTITIONS			makes a topic
 *		down BROKER						closes its connections, refuses new ones
 *		up BROKER
 *		rtt BROKER MILLISECONDS			every answer of it takes that long
 *		leader NAME PARTITION BROKER	moves the leader; broker 0 for none
 *		topic_error NAME CODE			what metadata says of the topic
 *		error API CODE [COUNT]			the next requests of that kind fail
 *		slow BROKER API CODE MILLISECONDS
 *										the next one fails (0: does not) and takes
 *										that long
 *
 * BROKER counts from 1; API and CODE are the numbers of the Kafka protocol
 * ("Protocol guide: error codes, API keys"), for example 1 for Fetch.
 *
 * What it is not: of each partition it keeps only the last 5 MiB, compressed as
 * they came, in at most 100,000 batches, and forgets without a word what is
 * before; it looks up no timestamps; it writes no control records, so aborted
 * transactions stay visible; it makes any topic that is asked for, with four
 * partitions; it can neither sign in nor encrypt nor compact.
 *
 * So 11,154 pins of 800 bytes, 9 MB, want several partitions.  A producer of
 * librdkafka gives messages without a key to one partition for 10 ms
 * ("sticky.partitioning.linger.ms"): with eight there is room for its whims.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS 5

/* The line's words; returns how many */
static int
split(char *line, char **words)
{
	int			count = 0;
	char	   *rest = line;
	char	   *word;

	while (count < WORDS && (word = strtok_r(rest, " \t\n", &rest)) != NULL)
		words[count++] = word;
	return count;
}

/* Returns whether the words are such a command; sets *error to its outcome */
static int
obey(rd_kafka_mock_cluster_t *cluster, int count, char **words,
	 rd_kafka_resp_err_t *error)
{
	const char *name = words[0];
	int			number[WORDS] = {0};

	for (int i = 1; i < count; i++)
		number[i] = atoi(words[i]);
	*error = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (strcmp(name, "topic") == 0 && count == 3)
		*error = rd_kafka_mock_topic_create(cluster, words[1], number[2], 1);
	else if (strcmp(name, "down") == 0 && count == 2)
		*error = rd_kafka_mock_broker_set_down(cluster, number[1]);
	else if (strcmp(name, "up") == 0 && count == 2)
		*error = rd_kafka_mock_broker_set_up(cluster, number[1]);
	else if (strcmp(name, "rtt") == 0 && count == 3)
		*error = rd_kafka_mock_broker_set_rtt(cluster, number[1], number[2]);
	else if (strcmp(name, "leader") == 0 && count == 4)
		*error = rd_kafka_mock_partition_set_leader(cluster, words[1], number[2],
													number[3] ? number[3] : -1);
	else if (strcmp(name, "topic_error") == 0 && count == 3)
		rd_kafka_mock_topic_set_error(cluster, words[1],
									  (rd_kafka_resp_err_t) number[2]);
	else if (strcmp(name, "slow") == 0 && count == 5)
		*error = rd_kafka_mock_broker_push_request_error_rtts(
			cluster, number[1], (int16_t) number[2], 1,
			(rd_kafka_resp_err_t) number[3], number[4]);
	else if (strcmp(name, "error") == 0 && (count == 3 || count == 4))
		for (int i = 0; i < (count == 4 ? number[3] : 1); i++)
			rd_kafka_mock_push_request_errors(cluster, (int16_t) number[1], 1,
											  (rd_kafka_resp_err_t) number[2]);
	else
		return 0;
	return 1;
}

static void
serve(rd_kafka_mock_cluster_t *cluster)
{
	char		line[1024];

	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		char	   *words[WORDS];
		int			count = split(line, words);
		rd_kafka_resp_err_t error;

		if (count == 0 || !obey(cluster, count, words, &error))
			puts("error: no such command");
		else if (error)
			printf("error: %s\n", rd_kafka_err2str(error));
		else
			puts("ok");
	}
}

int
main(int argc, char **argv)
{
	char		message[512];
	int			brokers = argc > 1 ? atoi(argv[1]) : 1;
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *handle;
	rd_kafka_mock_cluster_t *cluster;
	struct stat input;

	if (brokers < 1 || (argc > 1 && argc % 2 != 0))
	{
		fprintf(stderr, "usage: mock_kafka [BROKERS] [TOPIC PARTITIONS]...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Of the mock cluster itself: its connections come and go */
	rd_kafka_conf_set(conf, "log_level", "3", message, sizeof(message));
	handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, message, sizeof(message));
	if (handle == NULL)
	{
		fprintf(stderr, "mock_kafka: %s\n", message);
		return 1;
	}
	cluster = rd_kafka_mock_cluster_new(handle, brokers);
	if (cluster == NULL)
	{
		fprintf(stderr, "mock_kafka: no brokers\n");
		return 1;
	}
	for (int i = 2; i < argc; i += 2)
		if (rd_kafka_mock_topic_create(cluster, argv[i], atoi(argv[i + 1]), 1))
		{
			fprintf(stderr, "mock_kafka: could not make topic \"%s\"\n", argv[i]);
			return 1;
		}
	puts(rd_kafka_mock_cluster_bootstraps(cluster));

	if (fstat(STDIN_FILENO, &input) == 0 && S_ISFIFO(input.st_mode))
		serve(cluster);
	else
		for (;;)
			pause();
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(handle);
	return 0;
}
