/*-------------------------------------------------------------------------
 *
 * properties.c
 *	  Options of kafka_json as properties of librdkafka.
 *
 * Only what stands in the table below ever reaches librdkafka, where merely
 * setting a property may load code.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "kafka/options.h"
#include "kafka/properties.h"
#include "option.h"
#include "pg_compat.h"

/* The handles a property is for; librdkafka complains in the log about others. */
#define CONSUMER 1
#define PRODUCER 2
#define BOTH (CONSUMER | PRODUCER)

#define ERROR_SIZE 512

typedef struct Property
{
	const char *name;
	int			handles;
	bool		boolean;		/* our spellings of a boolean are more than its */
} Property;

static const Property properties[] = {
	{"bootstrap.servers", BOTH},
	{"client.id", BOTH},
	{"client.rack", BOTH},

	{"security.protocol", BOTH},
	{"ssl.ca.location", BOTH},
	{"ssl.ca.pem", BOTH},
	{"ssl.crl.location", BOTH},
	{"ssl.certificate.location", BOTH},
	{"ssl.certificate.pem", BOTH},
	{"ssl.key.location", BOTH},
	{"ssl.key.pem", BOTH},
	{"ssl.key.password", BOTH},
	{"ssl.keystore.location", BOTH},
	{"ssl.keystore.password", BOTH},
	{"ssl.endpoint.identification.algorithm", BOTH},
	{"ssl.cipher.suites", BOTH},
	{"ssl.curves.list", BOTH},
	{"ssl.sigalgs.list", BOTH},
	{"sasl.username", BOTH},
	{"sasl.password", BOTH},

	{"broker.address.family", BOTH},
	{"broker.address.ttl", BOTH},
	{"connections.max.idle.ms", BOTH},
	{"metadata.max.age.ms", BOTH},
	{"reconnect.backoff.ms", BOTH},
	{"reconnect.backoff.max.ms", BOTH},
	{"socket.connection.setup.timeout.ms", BOTH},
	{"socket.keepalive.enable", BOTH, true},
	{"socket.nagle.disable", BOTH, true},
	{"socket.receive.buffer.bytes", BOTH},
	{"socket.send.buffer.bytes", BOTH},
	{"socket.timeout.ms", BOTH},
	{"receive.message.max.bytes", BOTH},
	{"message.max.bytes", BOTH},

	{"isolation.level", CONSUMER},
	{"check.crcs", CONSUMER, true},
	{"fetch.error.backoff.ms", CONSUMER},
	{"fetch.max.bytes", CONSUMER},
	{"max.partition.fetch.bytes", CONSUMER},

	{"acks", PRODUCER},
	{"enable.idempotence", PRODUCER, true},
	{"batch.num.messages", PRODUCER},
	{"batch.size", PRODUCER},
	{"compression.level", PRODUCER},
	{"compression.type", PRODUCER},
	{"delivery.timeout.ms", PRODUCER},
	{"linger.ms", PRODUCER},
	{"partitioner", PRODUCER},
	{"queue.buffering.max.kbytes", PRODUCER},
	{"request.timeout.ms", PRODUCER},
	{"retry.backoff.ms", PRODUCER},
};

static const Property *
find_property(const char *name)
{
	for (int i = 0; i < lengthof(properties); i++)
		if (strcmp(properties[i].name, name) == 0)
			return &properties[i];
	return NULL;
}

/* Sets one, as given in the options; false and error if librdkafka refuses. */
static bool
set_property(rd_kafka_conf_t *conf, const Property *property, List *options,
			 char error[ERROR_SIZE])
{
	const char *value = property->boolean ?
		(option_boolean(options, property->name) ? "true" : "false") :
		option_text(options, property->name);

	return rd_kafka_conf_set(conf, property->name, value, error, ERROR_SIZE) == RD_KAFKA_CONF_OK;
}

/* Its words as a sentence of ours; they hold no other value than this one's. */
pg_noreturn static void
refuse_value(const char *name, char *error)
{
	error[strcspn(error, "\n")] = '\0';
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"%s\"", name),
			 errdetail("librdkafka says: %s.", error)));
	pg_unreachable();
}

void
kafka_property_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char		error[ERROR_SIZE];

	if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) != RD_KAFKA_CONF_OK)
		refuse_value(name, error);
}

bool
kafka_property_try(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	return rd_kafka_conf_set(conf, name, value, NULL, 0) == RD_KAFKA_CONF_OK;
}

void
kafka_properties_check(List *options)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const char *refused = NULL;
	char		error[ERROR_SIZE];
	ListCell   *lc;

	/* no value here can make a getter raise: they have been validated */
	foreach(lc, options)
	{
		const char *name = lfirst_node(DefElem, lc)->defname;
		const Property *property = find_property(name);

		if (refused == NULL && property != NULL && !set_property(conf, property, options, error))
			refused = name;
	}
	rd_kafka_conf_destroy(conf);
	if (refused != NULL)
		refuse_value(refused, error);
}

/* Those of a list that are for the handle. */
static void
set_properties(rd_kafka_conf_t *conf, int handle, List *options)
{
	char		error[ERROR_SIZE];
	ListCell   *lc;

	foreach(lc, options)
	{
		const Property *property = find_property(lfirst_node(DefElem, lc)->defname);

		if (property != NULL && (property->handles & handle) != 0 &&
			!set_property(conf, property, options, error))
			refuse_value(property->name, error);
	}
}

/* What AWS_MSK_IAM is to librdkafka, and never its own default. */
static void
set_mechanism(rd_kafka_conf_t *conf, List *server_options)
{
	static const char *const names[] = {
		[KAFKA_PLAIN] = "PLAIN",
		[KAFKA_SCRAM_SHA_256] = "SCRAM-SHA-256",
		[KAFKA_SCRAM_SHA_512] = "SCRAM-SHA-512",
		[KAFKA_OAUTHBEARER] = "OAUTHBEARER",
		[KAFKA_MSK_IAM] = "OAUTHBEARER",

		/* without SASL it is not looked at, but its default runs programs */
		[KAFKA_NO_MECHANISM] = "PLAIN",
	};
	KafkaMechanism mechanism = kafka_mechanism(server_options);

	kafka_property_set(conf, "sasl.mechanism", names[mechanism]);
	if (mechanism == KAFKA_MSK_IAM)
		kafka_property_set(conf, "security.protocol", "sasl_ssl");
}

void
kafka_properties_apply(rd_kafka_conf_t *conf, KafkaRole role,
					   List *server_options, List *mapping_options)
{
	int			handle = role == KAFKA_PRODUCER ? PRODUCER : CONSUMER;

	set_properties(conf, handle, server_options);
	set_properties(conf, handle, mapping_options);
	set_mechanism(conf, server_options);
}
