/*-------------------------------------------------------------------------
 *
 * option_refusals.c
 *	  Names that people know from elsewhere and that are no options, with the
 *	  reason.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "option.h"

#define KAFKA "kafka_json"

#define OWN_SNAPSHOT "A scan has a beginning and an end of its own, and commits no offsets."
#define NO_GROUP "kafka_json joins no consumer group: it reads whole topics and moves nobody's offsets."
#define LOADS_CODE "It loads code into the database server."
#define RUNS_PROGRAMS "GSSAPI runs programs on the database server's machine."
#define LOG_VOLUME "It is about what librdkafka writes to the server's log."
#define NOT_TEXT "It is for programs that use librdkafka, not for configurations."
#define SETS_ITSELF "kafka_json sets it itself."
#define UNSIGNED_TOKENS "It makes tokens that nobody has signed."
#define OTHERWISE "librdkafka has another name for it."
#define NO_EFFECT "librdkafka no longer uses it."

/* Of librdkafka's properties those that are no option, and of the Java client's what people have. */
const OptionRefusal option_refusals[] = {
	{KAFKA, "plugin.library.paths", LOADS_CODE, NULL},
	{KAFKA, "ssl.engine.*", LOADS_CODE, NULL},
	{KAFKA, "ssl_engine_callback_data", LOADS_CODE, NULL},
	{KAFKA, "ssl.providers", LOADS_CODE, NULL},
	{KAFKA, "interceptor*", LOADS_CODE, NULL},
	{KAFKA, "sasl.kerberos.*", RUNS_PROGRAMS, "Use SCRAM, PLAIN, OAUTHBEARER or a client certificate."},
	{KAFKA, "offset.store.*", "It writes files on the database server's machine.", NULL},
	{KAFKA, "enable.ssl.certificate.verification", "TLS with whomever answers protects nothing.",
	"Set \"ssl.ca.location\" or \"ssl.ca.pem\" to the authority that signed the brokers' certificates."},
	{KAFKA, "enable.sasl.oauthbearer.unsecure.jwt", UNSIGNED_TOKENS, "Set \"sasl.oauthbearer.method\" to \"oidc\"."},
	{KAFKA, "sasl.oauthbearer.config", UNSIGNED_TOKENS, "Set \"sasl.oauthbearer.method\" to \"oidc\"."},

	{KAFKA, "group.*", NO_GROUP, NULL},
	{KAFKA, "partition.assignment.strategy", NO_GROUP, NULL},
	{KAFKA, "session.timeout.ms", NO_GROUP, NULL},
	{KAFKA, "heartbeat.interval.ms", NO_GROUP, NULL},
	{KAFKA, "coordinator.query.interval.ms", NO_GROUP, NULL},
	{KAFKA, "max.poll.*", NO_GROUP, NULL},
	{KAFKA, "auto.offset.reset", OWN_SNAPSHOT, "Where a scan begins is said in WHERE, by offset or timestamp."},
	{KAFKA, "enable.auto.*", OWN_SNAPSHOT, NULL},
	{KAFKA, "auto.commit.*", OWN_SNAPSHOT, NULL},
	{KAFKA, "enable.partition.eof", OWN_SNAPSHOT, NULL},
	{KAFKA, "consume.callback.max.messages", OWN_SNAPSHOT, NULL},
	{KAFKA, "allow.auto.create.topics", "Neither reading nor writing makes topics.", "pinterest.create_source makes one."},
	{KAFKA, "transaction*", "What is written to Kafka is no part of a transaction.", NULL},
	{KAFKA, "queued.*", SETS_ITSELF, NULL},
	{KAFKA, "fetch.min.bytes", SETS_ITSELF, NULL},
	{KAFKA, "fetch.wait.max.ms", SETS_ITSELF, NULL},
	{KAFKA, "fetch.max.wait.ms", SETS_ITSELF, NULL},
	{KAFKA, "max.in.flight*", SETS_ITSELF, "Set \"enable.idempotence\" for the order and the repetition of messages."},
	{KAFKA, "retries", SETS_ITSELF, "Set \"delivery.timeout.ms\"."},
	{KAFKA, "message.send.max.retries", SETS_ITSELF, "Set \"delivery.timeout.ms\"."},
	{KAFKA, "enable.gapless.guarantee", SETS_ITSELF, NULL},
	{KAFKA, "delivery.report.only.error", SETS_ITSELF, NULL},
	{KAFKA, "queue.buffering.backpressure.threshold", SETS_ITSELF, NULL},
	{KAFKA, "queue.buffering.max.messages", SETS_ITSELF, "Set \"queue.buffering.max.kbytes\"."},
	{KAFKA, "sticky.partitioning.linger.ms", SETS_ITSELF, NULL},
	{KAFKA, "message.copy.max.bytes", SETS_ITSELF, NULL},
	{KAFKA, "topic.metadata.*", SETS_ITSELF, "Set \"metadata.max.age.ms\"."},
	{KAFKA, "topic.blacklist", SETS_ITSELF, NULL},
	{KAFKA, "api.version.*", SETS_ITSELF, NULL},
	{KAFKA, "broker.version.fallback", "It is for brokers older than 0.10.", NULL},

	{KAFKA, "debug", LOG_VOLUME, "pinterest.check_server tells where a connection fails."},
	{KAFKA, "log*", LOG_VOLUME, NULL},
	{KAFKA, "statistics.interval.ms", LOG_VOLUME, NULL},
	{KAFKA, "internal.termination.signal", NOT_TEXT, NULL},
	{KAFKA, "test.mock.*", NOT_TEXT, NULL},
	{KAFKA, "builtin.features", NOT_TEXT, NULL},
	{KAFKA, "enabled_events", NOT_TEXT, NULL},
	{KAFKA, "enable.random.seed", NOT_TEXT, NULL},
	{KAFKA, "opaque", NOT_TEXT, NULL},
	{KAFKA, "default_topic_conf", NOT_TEXT, NULL},
	{KAFKA, "ssl.ca.certificate.stores", "It is for Windows.", "Set \"ssl.ca.location\" or \"ssl.ca.pem\"."},
	{KAFKA, "socket.blocking.max.ms", NO_EFFECT, NULL},
	{KAFKA, "socket.max.fails", SETS_ITSELF, NULL},
	{KAFKA, "reconnect.backoff.jitter.ms", NO_EFFECT, NULL},
	{KAFKA, "queuing.strategy", NO_EFFECT, NULL},
	{KAFKA, "produce.offset.report", NO_EFFECT, NULL},

	{KAFKA, "metadata.broker.list", OTHERWISE, "Set \"bootstrap.servers\"."},
	{KAFKA, "sasl.mechanisms", OTHERWISE, "Set \"sasl.mechanism\"."},
	{KAFKA, "fetch.message.max.bytes", OTHERWISE, "Set \"max.partition.fetch.bytes\"."},
	{KAFKA, "queue.buffering.max.ms", OTHERWISE, "Set \"linger.ms\"."},
	{KAFKA, "compression.codec", OTHERWISE, "Set \"compression.type\"."},
	{KAFKA, "request.required.acks", OTHERWISE, "Set \"acks\"."},
	{KAFKA, "message.timeout.ms", OTHERWISE, "Set \"delivery.timeout.ms\"."},
	{KAFKA, "max.request.size", OTHERWISE, "Set \"message.max.bytes\"."},
	{KAFKA, "buffer.memory", OTHERWISE, "Set \"queue.buffering.max.kbytes\"."},
	{KAFKA, "client.dns.lookup", "All addresses of a name are tried.", "Leave it out."},
	{KAFKA, "sasl.jaas.config", "It is for the Java client.",
	"Set \"sasl.username\" and \"sasl.password\" of the user mapping."},
	{KAFKA, "sasl.client.callback.handler.class", "It is for the Java client.",
	"For MSK set \"sasl.mechanism\" to \"AWS_MSK_IAM\"."},
	{KAFKA, "sasl.login.*", "It is for the Java client.", NULL},
	{KAFKA, "ssl.truststore.*", "It is for the Java client.", "Set \"ssl.ca.location\" to a PEM file, or \"ssl.ca.pem\" to its text."},
	{KAFKA, "ssl.keystore.*", "It is for the Java client.",
	"Set \"ssl.keystore.location\" to a PKCS#12 file, or \"ssl.certificate.pem\" and \"ssl.key.pem\" of the user mapping."},
	{KAFKA, "key.*", "It is for the Java client.", NULL},
	{KAFKA, "value.*", "It is for the Java client.", NULL},
};

const int	option_refusal_count = lengthof(option_refusals);
