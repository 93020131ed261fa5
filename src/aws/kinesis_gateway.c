/*-------------------------------------------------------------------------
 *
 * kinesis_gateway.c
 *	  Kinesis Data Streams behind an API gateway: requests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/kinesis_gateway.h"
#include "utils/json.h"

/* API Gateway, quotas: the payload of a request and of an answer */
#define MAX_ANSWER (16 * 1024 * 1024)

/* ID.execute-api.REGION.amazonaws.com is signed for that region. */
static const char *
region_of(const char *host, const char *region)
{
	const char *mark = strstr(host, ".execute-api.");

	if (mark == NULL)
		return region;
	mark += strlen(".execute-api.");
	return pnstrdup(mark, strcspn(mark, "."));
}

KinesisGateway *
kinesis_gateway_parse(const char *url, const char *region)
{
	KinesisGateway *gateway = palloc0(sizeof(KinesisGateway));
	AwsServiceConfig *config = &gateway->config;

	gateway->endpoint = url_parse_root("api_gateway", url, &gateway->root);
	config->service = "execute-api";
	config->region = region_of(gateway->endpoint->host, region);
	config->host = gateway->endpoint->authority;
	config->origin = psprintf("%s://%s/", gateway->endpoint->tls ? "https" : "http",
							  config->host);
	return gateway;
}

/* "/stage/streams/NAME/records"; a gateway knows streams by their names. */
static char *
set_path(KinesisRequest *request, const KinesisGateway *gateway, const char *stream,
		 const char *resource)
{
	resetStringInfo(&request->path);
	appendStringInfo(&request->path, "%s/streams", gateway->root);
	if (stream != NULL)
		appendStringInfo(&request->path, "/%s", kinesis_stream_name(stream));
	if (resource != NULL)
		appendStringInfo(&request->path, "/%s", resource);
	return request->path.data;
}

void
kinesis_gateway_request(KinesisRequest *request, const KinesisGateway *gateway,
						const char *method, const char *stream, const char *resource,
						const char *subject)
{
	AwsRequest *aws = &request->aws;

	memset(aws, 0, sizeof(AwsRequest));
	aws->method = method;
	aws->path = set_path(request, gateway, stream, resource);
	aws->query = "";
	if (request->body.len > 0)
	{
		aws->headers[aws->nheaders++] = (SigV4Header) {"content-type", "application/json"};
		aws->body = request->body.data;
		aws->body_len = request->body.len;
	}
	aws->max_body = MAX_ANSWER;
	aws->error_in_200 = true;
	aws->once = strcmp(method, "GET") != 0;
	aws->what = "read";
	aws->subject = subject;
}

void
kinesis_gateway_list(KinesisRequest *request, const KinesisGateway *gateway)
{
	resetStringInfo(&request->body);
	kinesis_gateway_request(request, gateway, "GET", NULL, NULL, gateway->config.host);
	request->aws.what = "list the streams of";
}

void
kinesis_gateway_describe(KinesisRequest *request, const KinesisGateway *gateway,
						 const char *stream)
{
	resetStringInfo(&request->body);
	kinesis_gateway_request(request, gateway, "GET", stream, NULL, stream);
	request->aws.what = "read stream";
}

void
kinesis_gateway_create(KinesisRequest *request, const KinesisGateway *gateway,
					   const char *stream, int shards)
{
	resetStringInfo(&request->body);
	appendStringInfo(&request->body, "{\"ShardCount\":%d}", shards);
	kinesis_gateway_request(request, gateway, "POST", stream, NULL, stream);
	request->aws.what = "create stream";
}

void
kinesis_gateway_delete(KinesisRequest *request, const KinesisGateway *gateway,
					   const char *stream)
{
	resetStringInfo(&request->body);
	kinesis_gateway_request(request, gateway, "DELETE", stream, NULL, stream);
	request->aws.what = "drop stream";
}

/* {"StreamName": …, "Data": JSON, "PartitionKey": …} */
static void
append_record(StringInfo body, const char *stream, const KinesisPut *record)
{
	appendStringInfoString(body, "{\"StreamName\":");
	escape_json(body, kinesis_stream_name(stream));
	appendStringInfoString(body, ",\"Data\":");
	appendBinaryStringInfo(body, record->data, (int) record->len);
	appendStringInfoString(body, ",\"PartitionKey\":");
	escape_json(body, record->partition_key);
	appendStringInfoChar(body, '}');
}

/* {"records": [{"data": text, "partition-key": …}, …]} */
static void
append_records(StringInfo body, const KinesisPut *const *records, int n)
{
	appendStringInfoString(body, "{\"records\":[");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(body, i == 0 ? "{\"data\":" : ",{\"data\":");
		escape_json(body, records[i]->data);
		appendStringInfoString(body, ",\"partition-key\":");
		escape_json(body, records[i]->partition_key);
		appendStringInfoChar(body, '}');
	}
	appendStringInfoString(body, "]}");
}

void
kinesis_gateway_put(KinesisRequest *request, const KinesisGateway *gateway,
					const char *stream, const KinesisPut *const *records, int n,
					const char *subject)
{
	resetStringInfo(&request->body);
	if (n == 1)
		append_record(&request->body, stream, records[0]);
	else
		append_records(&request->body, records, n);
	kinesis_gateway_request(request, gateway, "PUT", stream, n == 1 ? "record" : "records",
							subject);
	request->aws.what = "write to stream";
}
