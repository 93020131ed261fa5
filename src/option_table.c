/*-------------------------------------------------------------------------
 *
 * option_table.c
 *	  The rows of the options of the foreign data wrappers.
 *
 * Rows stand in the order in which docs/options.md shows them.  What several
 * wrappers take is one row that names them all; rows of the same name agree in
 * all that the getters look at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_user_mapping.h"
#include "option.h"

#define SERVER ForeignServerRelationId
#define MAPPING UserMappingRelationId
#define TABLE ForeignTableRelationId
#define COLUMN AttributeRelationId
#define SCHEMA NamespaceRelationId	/* IMPORT FOREIGN SCHEMA */

#define S3 "s3_json"
#define KAFKA "kafka_json"
#define KINESIS "kinesis_json"
#define AWS "s3_json,kinesis_json"	/* those that sign requests */

/* The values of an OPTION_ENUM stand in the order of the C enum they name. */
static const char *const layouts[] = {"plain", "sink", NULL};
static const char *const compressions[] = {"auto", "none", "gzip", "zstd", NULL};
static const char *const credential_sources[] = {
	"user_mapping", "environment", "profile", "container", "instance", "web_identity",
	"chain", NULL
};
static const char *const formats[] = {"auto", "lines", "array", NULL};
static const char *const missing_objects[] = {"error", "skip", NULL};
static const char *const on_errors[] = {"stop", "ignore", "set_null", NULL};
static const char *const verbosities[] = {"default", "verbose", "silent", NULL};
static const char *const kafka_protocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl", NULL};
static const char *const kafka_mechanisms[] = {
	"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM", NULL
};
static const char *const kafka_token_methods[] = {"oidc", NULL};
static const char *const kafka_identifications[] = {"https", "none", NULL};
static const char *const kafka_families[] = {"any", "v4", "v6", NULL};
static const char *const kafka_isolations[] = {"read_uncommitted", "read_committed", NULL};
static const char *const kafka_acks[] = {"all", "-1", "1", NULL};
static const char *const kafka_compressions[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const kafka_partitioners[] = {
	"random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a",
	"fnv1a_random", NULL
};

/* Whoever signs requests, or tokens, with AWS keys. */
#define SIGNERS AWS "," KAFKA

const Option option_table[] = {
	{AWS, SERVER, "region", OPTION_TEXT, false, false, "us-east-1", NULL,
	"AWS region of the bucket or stream"},
	{AWS, SERVER, "endpoint", OPTION_TEXT, false, false, NULL, NULL,
	"http(s)://host[:port] of a service other than AWS's own"},
	{S3, SERVER, "path_style", OPTION_BOOLEAN, false, false, NULL, NULL,
	"bucket in the path instead of the host name; default: true with an endpoint, else false"},
	{SIGNERS, SERVER, "ca_file", OPTION_TEXT, false, false, NULL, NULL,
	"PEM file of the authorities that may sign the certificate of the endpoint, of rest_proxy or of api_gateway; default: those of the machine"},

	/* under librdkafka's names; a default that is not told is its own */
	{KAFKA, SERVER, "bootstrap.servers", OPTION_TEXT, true, false, NULL, NULL,
	"comma-separated host:port of some of the brokers, which name the others"},
	{KAFKA, SERVER, "client.id", OPTION_TEXT, false, false, "pinterest_pipeline", NULL,
	"name of the client in the brokers' logs and quotas"},
	{KAFKA, SERVER, "client.rack", OPTION_TEXT, false, false, NULL, NULL,
	"rack of this machine, to fetch from a replica near it"},

	{KAFKA, SERVER, "security.protocol", OPTION_WORD, false, false, NULL, kafka_protocols,
	"default: plaintext; sasl_ssl with AWS_MSK_IAM"},
	{KAFKA, SERVER, "ssl.ca.location", OPTION_TEXT, false, false, NULL, NULL,
	"PEM file, or directory, of the authorities that may sign the brokers' certificates; default: those of the machine"},
	{KAFKA, SERVER, "ssl.ca.pem", OPTION_TEXT, false, false, NULL, NULL,
	"the same certificates, as text"},
	{KAFKA, SERVER, "ssl.crl.location", OPTION_TEXT, false, false, NULL, NULL,
	"file of revoked certificates"},
	{KAFKA, SERVER, "ssl.certificate.location", OPTION_TEXT, false, false, NULL, NULL,
	"PEM file of a certificate to sign in with, for all users of the server"},
	{KAFKA, SERVER, "ssl.key.location", OPTION_TEXT, false, false, NULL, NULL,
	"PEM file of the key of ssl.certificate.location"},
	{KAFKA, SERVER, "ssl.keystore.location", OPTION_TEXT, false, false, NULL, NULL,
	"PKCS#12 file of both certificate and key"},
	{KAFKA, SERVER, "ssl.endpoint.identification.algorithm", OPTION_WORD, false, false, "https", kafka_identifications,
	"none: a broker's certificate may be for another host"},
	{KAFKA, SERVER, "ssl.cipher.suites", OPTION_TEXT, false, false, NULL, NULL,
	"ciphers, in OpenSSL's notation"},
	{KAFKA, SERVER, "ssl.curves.list", OPTION_TEXT, false, false, NULL, NULL,
	"curves, in OpenSSL's notation"},
	{KAFKA, SERVER, "ssl.sigalgs.list", OPTION_TEXT, false, false, NULL, NULL,
	"signature algorithms, in OpenSSL's notation"},
	{KAFKA, SERVER, "sasl.mechanism", OPTION_WORD, false, false, NULL, kafka_mechanisms,
	"how to sign in; AWS_MSK_IAM: with AWS keys"},
	{KAFKA, SERVER, "sasl.oauthbearer.method", OPTION_WORD, false, false, NULL, kafka_token_methods,
	"where tokens of OAUTHBEARER come from; oidc: an OAuth 2 service, by client credentials"},
	{KAFKA, SERVER, "sasl.oauthbearer.token.endpoint.url", OPTION_TEXT, false, false, NULL, NULL,
	"https URL of that service's token endpoint"},
	{KAFKA, SERVER, "sasl.oauthbearer.scope", OPTION_TEXT, false, false, NULL, NULL,
	"scope to ask for"},
	{KAFKA, SERVER, "sasl.oauthbearer.extensions", OPTION_TEXT, false, false, NULL, NULL,
	"comma-separated name=value pairs for the brokers"},
	{KAFKA, SERVER, "region", OPTION_TEXT, false, false, NULL, NULL,
	"AWS region of the cluster; default: that in the brokers' names"},

	{KAFKA, SERVER, "broker.address.family", OPTION_WORD, false, false, NULL, kafka_families,
	"IP addresses to connect to"},
	{KAFKA, SERVER, "broker.address.ttl", OPTION_NUMBER, false, false, NULL, NULL,
	"how long resolved addresses are cached, in ms"},
	{KAFKA, SERVER, "connections.max.idle.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"idle time after which connections are closed; 0: never"},
	{KAFKA, SERVER, "metadata.max.age.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"how long metadata of topics and brokers is cached"},
	{KAFKA, SERVER, "reconnect.backoff.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"first wait before a connection is tried again"},
	{KAFKA, SERVER, "reconnect.backoff.max.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"longest such wait"},
	{KAFKA, SERVER, "socket.connection.setup.timeout.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"how long connecting may take, including TLS and signing in"},
	{KAFKA, SERVER, "socket.keepalive.enable", OPTION_BOOLEAN, false, false, NULL, NULL,
	"TCP keep-alives"},
	{KAFKA, SERVER, "socket.nagle.disable", OPTION_BOOLEAN, false, false, NULL, NULL,
	"TCP_NODELAY"},
	{KAFKA, SERVER, "socket.receive.buffer.bytes", OPTION_NUMBER, false, false, NULL, NULL,
	"of a connection, in the kernel"},
	{KAFKA, SERVER, "socket.send.buffer.bytes", OPTION_NUMBER, false, false, NULL, NULL,
	"of a connection, in the kernel"},
	{KAFKA, SERVER, "socket.timeout.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"how long a broker may take to answer"},

	{KAFKA, SERVER, "isolation.level", OPTION_WORD, false, false, "read_committed", kafka_isolations,
	"read_uncommitted: include messages of open and aborted transactions"},
	{KAFKA, SERVER, "check.crcs", OPTION_BOOLEAN, false, false, NULL, NULL,
	"whether checksums of messages are verified"},
	{KAFKA, SERVER, "fetch.error.backoff.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"wait before a failed fetch is repeated"},
	{KAFKA, SERVER, "fetch.max.bytes", OPTION_NUMBER, false, false, NULL, NULL,
	"largest answer with messages"},
	{KAFKA, SERVER, "max.partition.fetch.bytes", OPTION_NUMBER, false, false, NULL, NULL,
	"largest part of a partition in such an answer"},
	{KAFKA, SERVER, "receive.message.max.bytes", OPTION_NUMBER, false, false, NULL, NULL,
	"largest answer of any kind"},

	{KAFKA, SERVER, "acks", OPTION_WORD, false, false, "all", kafka_acks,
	"replicas that must have a message; 1 (the leader only) needs enable.idempotence false"},
	{KAFKA, SERVER, "enable.idempotence", OPTION_BOOLEAN, false, false, "true", NULL,
	"INSERT: requests that are repeated store nothing twice"},
	{KAFKA, SERVER, "batch.num.messages", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: most messages in a request"},
	{KAFKA, SERVER, "batch.size", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: most bytes in a request"},
	{KAFKA, SERVER, "compression.level", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: level of compression.type"},
	{KAFKA, SERVER, "compression.type", OPTION_WORD, false, false, NULL, kafka_compressions,
	"INSERT: compression of messages"},
	{KAFKA, SERVER, "delivery.timeout.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: how long a message may take, including retries"},
	{KAFKA, SERVER, "linger.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: how long a request waits for more messages"},
	{KAFKA, SERVER, "message.max.bytes", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: largest request"},
	{KAFKA, SERVER, "partitioner", OPTION_ENUM, false, false, "murmur2_random", kafka_partitioners,
	"INSERT: how messages without a partition get one; murmur2_random is what Java clients do"},
	{KAFKA, SERVER, "queue.buffering.max.kbytes", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: messages that wait to be sent or confirmed"},
	{KAFKA, SERVER, "request.timeout.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: how long a broker may wait for the replicas"},
	{KAFKA, SERVER, "retry.backoff.ms", OPTION_NUMBER, false, false, NULL, NULL,
	"INSERT: wait before a request is repeated"},
	{KAFKA, SERVER, "rest_proxy", OPTION_TEXT, false, false, NULL, NULL,
	"INSERT uses the Kafka REST proxy with this URL, or an API gateway in front of one"},

	{KINESIS, SERVER, "consumer", OPTION_TEXT, false, false, NULL, NULL,
	"name or ARN of the consumer that reads with enhanced fan-out"},
	{KINESIS, SERVER, "api_gateway", OPTION_TEXT, false, false, NULL, NULL,
	"INSERT and administration use the API gateway with this URL, which has the paths /streams"},

	{SIGNERS, SERVER, "credential_source", OPTION_ENUM, false, false, "user_mapping", credential_sources,
	"where the keys come from; anything but user_mapping must be set by a superuser"},
	{SIGNERS, SERVER, "profile", OPTION_TEXT, false, false, NULL, NULL,
	"profile in the AWS files of the server's operating system user; default: AWS_PROFILE or default"},
	{SIGNERS, SERVER, "role_arn", OPTION_TEXT, false, false, NULL, NULL,
	"role to assume with the keys"},
	{SIGNERS, SERVER, "external_id", OPTION_TEXT, false, false, NULL, NULL,
	"external ID that the role's trust policy may ask for"},
	{SIGNERS, SERVER, "role_session_name", OPTION_TEXT, false, false, NULL, NULL,
	"name of the role's session in logs; default: pinterest_pipeline"},
	{SIGNERS, SERVER, "sts_endpoint", OPTION_TEXT, false, false, NULL, NULL,
	"http(s)://host[:port] of the service that gives keys of roles; default: that of the region"},
	{NULL, SERVER, "updatable", OPTION_BOOLEAN, false, false, "true", NULL,
	"whether INSERT and COPY FROM may write to the server's tables"},

	{KAFKA, MAPPING, "sasl.username", OPTION_TEXT, false, false, NULL, NULL,
	"user of PLAIN and SCRAM"},
	{KAFKA, MAPPING, "sasl.password", OPTION_TEXT, false, true, NULL, NULL,
	"its password"},
	{KAFKA, MAPPING, "ssl.certificate.pem", OPTION_TEXT, false, false, NULL, NULL,
	"certificate to sign in with, as text"},
	{KAFKA, MAPPING, "ssl.key.pem", OPTION_TEXT, false, true, NULL, NULL,
	"its key, as text"},
	{KAFKA, MAPPING, "ssl.key.password", OPTION_TEXT, false, true, NULL, NULL,
	"password of the key, or of that in ssl.key.location"},
	{KAFKA, MAPPING, "ssl.keystore.password", OPTION_TEXT, false, true, NULL, NULL,
	"password of ssl.keystore.location"},
	{KAFKA, MAPPING, "sasl.oauthbearer.client.id", OPTION_TEXT, false, false, NULL, NULL,
	"client that gets the token"},
	{KAFKA, MAPPING, "sasl.oauthbearer.client.secret", OPTION_TEXT, false, true, NULL, NULL,
	"its secret"},

	{KAFKA, MAPPING, "rest_proxy_user", OPTION_TEXT, false, false, NULL, NULL,
	"user for HTTP basic authentication at rest_proxy"},
	{KAFKA, MAPPING, "rest_proxy_password", OPTION_TEXT, false, true, NULL, NULL,
	"its password"},

	{SIGNERS, MAPPING, "access_key_id", OPTION_TEXT, false, false, NULL, NULL,
	"AWS access key"},
	{SIGNERS, MAPPING, "secret_access_key", OPTION_TEXT, false, true, NULL, NULL,
	"its secret"},
	{SIGNERS, MAPPING, "session_token", OPTION_TEXT, false, true, NULL, NULL,
	"session token of temporary credentials"},

	{KAFKA, TABLE, "topic", OPTION_TEXT, true, false, NULL, NULL,
	"name of the topic, or a regular expression that begins with ^: all topics that match"},

	{S3, TABLE, "location", OPTION_TEXT, true, false, NULL, NULL,
	"s3://bucket/prefix/ or file:///directory/; * and ** are wildcards"},
	{S3, TABLE, "layout", OPTION_ENUM, false, false, "plain", layouts,
	"sink: only the objects a Kafka S3 sink writes, with topic, partition and offset"},
	{S3, TABLE, "compression", OPTION_ENUM, false, false, "auto", compressions,
	"compression of the objects; auto detects it when reading, and writes without"},
	{S3, TABLE, "format", OPTION_ENUM, false, false, "auto", formats,
	"lines: no record spans lines; array: each object is one array of records"},

	{S3, TABLE, "missing_objects", OPTION_ENUM, false, false, "error", missing_objects,
	"objects that were listed but are gone when they are to be read: an error, or left out"},
	{KINESIS, TABLE, "stream", OPTION_TEXT, true, false, NULL, NULL,
	"name or ARN of the stream"},
	{KINESIS, TABLE, "partition_key", OPTION_TEXT, false, false, NULL, NULL,
	"only the records with this partition key, which INSERT gives them"},
	{KINESIS, TABLE, "consumer", OPTION_TEXT, false, false, NULL, NULL,
	"the same for one table; default: that of the server"},
	{KINESIS, TABLE, "ordered", OPTION_BOOLEAN, false, false, "true", NULL,
	"whether INSERT keeps the order of a partition key's records, by sending one of them at a time"},

	{S3, TABLE, "rows_per_object", OPTION_INTEGER, false, false, "100000", NULL,
	"INSERT: most rows in an object"},
	{NULL, TABLE, "updatable", OPTION_BOOLEAN, false, false, "true", NULL,
	"the same for one table; default: that of the server"},

	{NULL, TABLE, "on_error", OPTION_ENUM, false, false, "stop", on_errors,
	"what to do with a bad record: raise an error, skip it, or return a row of NULLs"},
	{NULL, TABLE, "reject_limit", OPTION_INTEGER, false, false, NULL, NULL,
	"more bad records than this in one scan are an error"},
	{NULL, TABLE, "estimated_rows", OPTION_INTEGER, false, false, "10000", NULL,
	"rows the planner expects as long as the table has not been analyzed"},
	{NULL, TABLE, "log_verbosity", OPTION_ENUM, false, false, "default", verbosities,
	"notices about bad records: one with their number, one for each, or none; silent also about missing objects"},

	{NULL, COLUMN, "field", OPTION_TEXT, false, false, NULL, NULL,
	"JSON key of the column, or a JSON Pointer that starts with /; default: the column's name"},
	{NULL, COLUMN, "metadata", OPTION_TEXT, false, false, NULL, NULL,
	"what the source knows about the record, such as its path or line"},
	{S3, COLUMN, "hive_key", OPTION_TEXT, false, false, NULL, NULL,
	"value of the path element of this name, as in partition=0"},
	{NULL, COLUMN, "updatable", OPTION_BOOLEAN, false, false, "true", NULL,
	"false: the column is only read, and INSERT writes no such key"},

	/* those that tables take too are handed on to them */
	{S3, SCHEMA, "location", OPTION_TEXT, false, false, NULL, NULL,
	"folder below which the remote schema is, or the folder itself if that is \".\"; names of schemas end at 63 bytes"},
	{S3, SCHEMA, "layout", OPTION_ENUM, false, false, NULL, layouts,
	"layout of the folders; default: sink if they look like the topics of one, else plain"},
	{S3, SCHEMA, "compression", OPTION_ENUM, false, false, "auto", compressions,
	"passed on to the tables"},
	{S3, SCHEMA, "format", OPTION_ENUM, false, false, "auto", formats,
	"passed on to the tables"},
	{NULL, SCHEMA, "on_error", OPTION_ENUM, false, false, "stop", on_errors,
	"passed on to the tables"},
	{NULL, SCHEMA, "sample_rows", OPTION_INTEGER, false, false, "1000", NULL,
	"approximate number of records of a table from which its columns are inferred; the newest ones of a topic"},
	{S3, SCHEMA, "sample_objects", OPTION_INTEGER, false, false, "100", NULL,
	"most objects of a table from which these records are read"},
	{NULL, SCHEMA, "metadata", OPTION_BOOLEAN, false, false, "false", NULL,
	"whether to add columns record_path, record_line and so on for the metadata"},
};

const int	option_count = lengthof(option_table);
