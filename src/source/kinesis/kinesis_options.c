/*-------------------------------------------------------------------------
 *
 * kinesis_options.c
 *	  What the options of kinesis_json mean, and the service they lead to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/credentials.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "option.h"
#include "source/kinesis/kinesis.h"

static void
validate_consumer(List *options)
{
	const char *consumer = option_text(options, "consumer");

	if (consumer != NULL && !kinesis_consumer_is_valid(consumer))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "consumer", consumer),
				 errhint("The value must be the name of a consumer (up to 128 letters, digits, \"_\", \".\", \"-\"), or its ARN.")));
}

static void
validate_table(List *options)
{
	const char *stream = option_text(options, "stream");
	const char *key = option_text(options, "partition_key");

	if (stream != NULL && !kinesis_stream_is_valid(stream))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "stream", stream),
				 errhint("The value must be the name of a stream (up to 128 letters, digits, \"_\", \".\", \"-\"), or its ARN.")));
	if (key != NULL && pg_mbstrlen(key) > KINESIS_MAX_PARTITION_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"%s\": \"%s\"", "partition_key", key),
				 errhint("A partition key has from 1 to %d characters.", KINESIS_MAX_PARTITION_KEY)));
	validate_consumer(options);
}

static void
validate_server(List *options)
{
	option_validate_file(options, "ca_file");
	validate_consumer(options);
	if (option_given(options, "endpoint"))
		(void) endpoint_parse(option_text(options, "endpoint"));
	if (option_given(options, "api_gateway"))
		(void) kinesis_gateway_parse(option_text(options, "api_gateway"), NULL);
	credentials_validate(options);
}

void
kinesis_validate(Oid catalog, List *options)
{
	if (catalog == ForeignTableRelationId)
		validate_table(options);
	else if (catalog == UserMappingRelationId)
		credentials_validate_mapping(options);
	else if (catalog == ForeignServerRelationId)
		validate_server(options);
}

/* AWS's own endpoint of a region ("Kinesis endpoints", AWS General Reference). */
static Endpoint *
aws_endpoint(const char *region)
{
	return endpoint_parse(psprintf("https://kinesis.%s.amazonaws.com%s", region,
								   strncmp(region, "cn-", 3) == 0 ? ".cn" : ""));
}

/* What the options say of all connections. */
static void
reach(AwsServiceConfig *config, const SourceRequest *request)
{
	config->ca_file = option_text(request->server_options, "ca_file");
	config->policy = superuser_arg(GetForeignServer(request->serverid)->owner) ?
		ADDRESS_PRIVATE : ADDRESS_PUBLIC;
	config->connections = pinterest_kinesis_connections;
}

KinesisAccess *
kinesis_access(const SourceRequest *request)
{
	List	   *options = request->server_options;
	const char *endpoint = option_text(options, "endpoint");
	KinesisAccess *access = palloc0(sizeof(KinesisAccess));
	AwsServiceConfig *config = &access->config;

	config->service = "kinesis";
	config->region = option_text(options, "region");
	access->endpoint = endpoint == NULL ? aws_endpoint(config->region) :
		endpoint_parse(endpoint);
	config->host = access->endpoint->authority;
	config->origin = psprintf("%s://%s/", access->endpoint->tls ? "https" : "http",
							  config->host);
	reach(config, request);
	return access;
}

void
kinesis_take_credentials(const SourceRequest *request, KinesisAccess *access)
{
	access->credentials = credentials_config(kinesis_source_ops.wrapper, request->serverid,
											 request->userid, request->server_options,
											 access->config.region);
}

AwsService *
kinesis_service(const KinesisAccess *access)
{
	AwsServiceConfig config = access->config;

	config.credentials = credentials_create(access->credentials);
	return aws_service_create(&config);
}

KinesisGateway *
kinesis_gateway(const SourceRequest *request)
{
	List	   *options = request->server_options;
	KinesisGateway *gateway;

	if (!option_given(options, "api_gateway"))
		return NULL;
	gateway = kinesis_gateway_parse(option_text(options, "api_gateway"),
									option_text(options, "region"));
	reach(&gateway->config, request);
	return gateway;
}

/* Does the user, or the server, say where keys come from? */
static bool
has_keys(const SourceRequest *request)
{
	return option_enum(request->server_options, "credential_source") != CREDENTIALS_USER_MAPPING ||
		option_given(option_mapping(request->serverid, request->userid), "access_key_id");
}

AwsService *
kinesis_gateway_service(const SourceRequest *request, const KinesisGateway *gateway)
{
	AwsServiceConfig config = gateway->config;

	if (has_keys(request))
		config.credentials =
			credentials_create(credentials_config(kinesis_source_ops.wrapper, request->serverid,
												  request->userid, request->server_options,
												  config.region));
	return aws_service_create(&config);
}

AwsCall *
kinesis_call(AwsService *service)
{
	AwsCall    *call = aws_call_create(service);

	if (call == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many connections to other servers are open"),
				 errhint("Raise max_files_per_process, or read fewer tables in one query.")));
	return call;
}

bool
kinesis_ask_unless(AwsService *service, AwsCall *call, KinesisRequest *request,
				   const char *code)
{
	aws_call_begin(call, &request->aws);
	do
		aws_service_pump(service, 100);
	while (aws_call_state(call) == AWS_IN_FLIGHT || aws_call_state(call) == AWS_WAITING);
	if (aws_call_state(call) == AWS_FAILED &&
		strcmp(aws_call_failure(call)->code, code) == 0)
		return false;
	aws_call_check(call);
	return true;
}

StringInfo
kinesis_ask(AwsService *service, AwsCall *call, KinesisRequest *request)
{
	(void) kinesis_ask_unless(service, call, request, "");
	aws_call_check(call);
	return aws_call_body(call);
}

void
kinesis_rest(AwsService *service, int ms)
{
	for (; ms > 0; ms -= 100)
		aws_service_pump(service, Min(ms, 100));
}
