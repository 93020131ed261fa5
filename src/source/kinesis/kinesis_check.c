/*-------------------------------------------------------------------------
 *
 * kinesis_check.c
 *	  The steps that check a stream, or the service alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "option.h"
#include "source/kinesis/kinesis.h"

typedef struct KinesisCheck
{
	const SourceRequest *request;
	const char *stream;			/* NULL: the server alone */
	KinesisAccess *access;
} KinesisCheck;

/* CheckWork: gets them, from wherever they come. */
static char *
find_credentials(void *arg)
{
	KinesisCheck *kinesis = arg;

	kinesis_take_credentials(kinesis->request, kinesis->access);
	return credentials_origin(kinesis->access->credentials,
							  credentials_get(credentials_create(kinesis->access->credentials)));
}

/* CheckWork: the stream and its shards. */
static char *
list_shards(void *arg)
{
	KinesisCheck *kinesis = arg;
	int64		requests = 0;
	ShardMap   *map = kinesis_shard_map(kinesis_service(kinesis->access), kinesis->stream,
										&requests);
	int			open = 0;

	for (int i = 0; i < map->nshards; i++)
		open += map->shards[i].listed.end_sequence == NULL;
	return psprintf("Stream \"%s\" has %d shards, %d of them open, and keeps records for %lld hours.",
					kinesis->stream, map->nshards, open,
					(long long) (map->retention / 3600000));
}

/* CheckWork: the first page of streams. */
static char *
list_streams(void *arg)
{
	KinesisCheck *kinesis = arg;
	AwsService *service = kinesis_service(kinesis->access);
	KinesisRequest request;
	KinesisStreamPage *page;

	kinesis_request_init(&request);
	kinesis_list_streams(&request, NULL, NULL, kinesis->access->config.host);
	page = kinesis_stream_page(kinesis_ask(service, kinesis_call(service), &request),
							   kinesis->access->config.host);
	return psprintf("Streams that the keys may see: %d%s.", list_length(page->names),
					page->more ? " and more" : "");
}

/* Many keys may read one stream but not list all: that is no fault of theirs. */
static void
check_streams(Check *check, KinesisCheck *kinesis)
{
	char	   *detail;
	ErrorData  *error = check_try(check, list_streams, kinesis, &detail);

	if (error == NULL)
		check_add(check, "list", CHECK_OK, check->took, detail, NULL);
	else if (error->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE)
		check_add(check, "list", CHECK_SKIPPED, check->took,
				  "The keys are known, but may not list streams. Name one to have that checked.", NULL);
	else
		check_add_error(check, "list", error, NULL);
}

/* CheckWork: the way that writing and administration take. */
static char *
ask_gateway(void *arg)
{
	KinesisCheck *kinesis = arg;
	const KinesisGateway *gateway = kinesis_gateway(kinesis->request);
	AwsService *service = kinesis_gateway_service(kinesis->request, gateway);
	KinesisRequest request;
	KinesisStreamPage *page;

	kinesis_request_init(&request);
	kinesis_gateway_list(&request, gateway);
	page = kinesis_stream_page(kinesis_ask(service, kinesis_call(service), &request),
							   gateway->config.host);
	return psprintf("Streams that the API gateway lists: %d%s.", list_length(page->names),
					page->more ? " and more" : "");
}

/* Is there a stream whose first record can be read? */
static bool
check_service(Check *check, bool ready, KinesisCheck *kinesis)
{
	const SourceRequest *request = kinesis->request;
	CheckEndpoint endpoint = {0};
	bool		answered;
	bool		known;

	if (ready)
	{
		const AwsServiceConfig *config;

		kinesis->stream = option_text(request->table_options, "stream");
		kinesis->access = kinesis_access(request);
		config = &kinesis->access->config;
		endpoint.host = config->host;
		endpoint.origin = config->origin;
		endpoint.ca_file = config->ca_file;
		endpoint.policy = config->policy;
		endpoint.tls = kinesis->access->endpoint->tls;
		endpoint.literal = kinesis->access->endpoint->literal;
	}
	answered = check_endpoint(check, ready, &endpoint);
	known = check_run(check, "credentials", ready, find_credentials, kinesis, NULL);
	if (kinesis->stream == NULL && answered && known)
	{
		check_streams(check, kinesis);
		return false;
	}
	return check_run(check, "list", answered && known, list_shards, kinesis,
					 "Check the name of the stream, and the endpoint and region of the server.");
}

bool
kinesis_check(Check *check, bool ready, const SourceRequest *request)
{
	KinesisCheck *kinesis = palloc0(sizeof(KinesisCheck));
	bool		found;

	kinesis->request = request;
	found = check_service(check, ready, kinesis);
	if (option_given(request->server_options, "api_gateway"))
		(void) check_run(check, "gateway", ready, ask_gateway, kinesis, NULL);
	return found;
}
