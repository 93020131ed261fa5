/*-------------------------------------------------------------------------
 *
 * kinesis_gateway.c
 *	  Kinesis Data Streams behind an API gateway: requests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/kinesis_gateway.h"

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
