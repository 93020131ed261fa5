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

const Option option_table[] = {
	{AWS, SERVER, "region", OPTION_TEXT, false, false, "us-east-1", NULL,
	"AWS region of the bucket or stream"},
	{AWS, SERVER, "endpoint", OPTION_TEXT, false, false, NULL, NULL,
	"http(s)://host[:port] of a service other than AWS's own"},
	{S3, SERVER, "path_style", OPTION_BOOLEAN, false, false, NULL, NULL,
	"bucket in the path instead of the host name; default: true with an endpoint, else false"},
	{AWS, SERVER, "ca_file", OPTION_TEXT, false, false, NULL, NULL,
	"PEM file of the authorities that may sign the endpoint's certificate; default: those of the machine"},

	{KAFKA, SERVER, "bootstrap.servers", OPTION_TEXT, true, false, NULL, NULL,
	"brokers to begin with: host:port, with commas between them"},

	{AWS, SERVER, "credential_source", OPTION_ENUM, false, false, "user_mapping", credential_sources,
	"where the keys come from; anything but user_mapping is for superusers"},
	{AWS, SERVER, "profile", OPTION_TEXT, false, false, NULL, NULL,
	"profile in the AWS files of the server's operating system user; default: AWS_PROFILE or default"},
	{AWS, SERVER, "role_arn", OPTION_TEXT, false, false, NULL, NULL,
	"role to assume with the keys"},
	{AWS, SERVER, "external_id", OPTION_TEXT, false, false, NULL, NULL,
	"what the role's trust policy may ask for besides"},
	{AWS, SERVER, "role_session_name", OPTION_TEXT, false, false, NULL, NULL,
	"name of the role's session in logs; default: pinterest_pipeline"},
	{AWS, SERVER, "sts_endpoint", OPTION_TEXT, false, false, NULL, NULL,
	"http(s)://host[:port] of the service that gives keys of roles; default: that of the region"},
	{NULL, SERVER, "updatable", OPTION_BOOLEAN, false, false, "true", NULL,
	"may INSERT and COPY FROM write to the server's tables?"},

	{AWS, MAPPING, "access_key_id", OPTION_TEXT, false, false, NULL, NULL,
	"AWS access key"},
	{AWS, MAPPING, "secret_access_key", OPTION_TEXT, false, true, NULL, NULL,
	"its secret"},
	{AWS, MAPPING, "session_token", OPTION_TEXT, false, true, NULL, NULL,
	"session token of temporary credentials"},

	{KAFKA, TABLE, "topic", OPTION_TEXT, true, false, NULL, NULL,
	"name of the topic, or a regular expression that begins with ^: all topics that match it"},

	{S3, TABLE, "location", OPTION_TEXT, true, false, NULL, NULL,
	"s3://bucket/prefix/ or file:///directory/; * and ** are wildcards"},
	{S3, TABLE, "layout", OPTION_ENUM, false, false, "plain", layouts,
	"sink: only the objects a Kafka S3 sink writes, with topic, partition and offset"},
	{S3, TABLE, "compression", OPTION_ENUM, false, false, "auto", compressions,
	"of the objects; auto looks at their first bytes, and writes none"},
	{S3, TABLE, "format", OPTION_ENUM, false, false, "auto", formats,
	"lines: no record spans lines; array: each object is one array of records"},

	{S3, TABLE, "missing_objects", OPTION_ENUM, false, false, "error", missing_objects,
	"objects that are gone when they are to be read, though they were listed: an error, or left out"},
	{KINESIS, TABLE, "stream", OPTION_TEXT, true, false, NULL, NULL,
	"name or ARN of the stream"},
	{KINESIS, TABLE, "partition_key", OPTION_TEXT, false, false, NULL, NULL,
	"only the records with this partition key"},

	{S3, TABLE, "rows_per_object", OPTION_INTEGER, false, false, "100000", NULL,
	"INSERT begins another object after this many rows"},
	{NULL, TABLE, "updatable", OPTION_BOOLEAN, false, false, "true", NULL,
	"the same for one table; default: what the server says"},

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

	/* those that tables take too are handed on to them */
	{S3, SCHEMA, "location", OPTION_TEXT, false, false, NULL, NULL,
	"the remote schema is a folder below it (\".\": it itself); names of schemas end at 63 bytes"},
	{S3, SCHEMA, "layout", OPTION_ENUM, false, false, NULL, layouts,
	"of the folders; default: sink if they look like the topics of one, else plain"},
	{S3, SCHEMA, "compression", OPTION_ENUM, false, false, "auto", compressions,
	"handed on to the tables"},
	{S3, SCHEMA, "format", OPTION_ENUM, false, false, "auto", formats,
	"handed on to the tables"},
	{NULL, SCHEMA, "on_error", OPTION_ENUM, false, false, "stop", on_errors,
	"handed on to the tables"},
	{NULL, SCHEMA, "sample_rows", OPTION_INTEGER, false, false, "1000", NULL,
	"records of a table, about, that its columns are inferred from; the newest ones of a topic"},
	{S3, SCHEMA, "sample_objects", OPTION_INTEGER, false, false, "100", NULL,
	"objects of a table at most that these records are read from"},
	{NULL, SCHEMA, "metadata", OPTION_BOOLEAN, false, false, "false", NULL,
	"also make columns record_path, record_line and so on for the metadata"},
};

const int	option_count = lengthof(option_table);
