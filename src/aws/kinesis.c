/*-------------------------------------------------------------------------
 *
 * kinesis.c
 *	  Kinesis Data Streams: requests.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/cbor.h"
#include "aws/kinesis.h"
#include "common/base64.h"
#include "utils/json.h"

/* A page of 1,000 shards takes 0.4 MB, but the token may take 1 MiB. */
#define MAX_ANSWER (16 * 1024 * 1024)

#define NAME_MAX_LEN 128
#define NAME_CHARACTERS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

bool
kinesis_is_arn(const char *stream)
{
	return strncmp(stream, "arn:", 4) == 0;
}

/* [a-zA-Z0-9_.-]{1,128}, or arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME */
bool
kinesis_stream_is_valid(const char *stream)
{
	const char *name = stream;
	size_t		len;

	if (kinesis_is_arn(stream))
	{
		const char *service = strchr(stream + 4, ':');

		name = strstr(stream, ":stream/");
		if (service == NULL || strncmp(service, ":kinesis:", 9) != 0 || name == NULL)
			return false;
		name += strlen(":stream/");
	}
	len = strlen(name);
	return len >= 1 && len <= NAME_MAX_LEN && strspn(name, NAME_CHARACTERS) == len;
}

/* A name of the same kind, or arn:…:stream/NAME/consumer/NAME:TIME */
bool
kinesis_consumer_is_valid(const char *consumer)
{
	size_t		len = strlen(consumer);

	if (kinesis_is_arn(consumer))
		return strstr(consumer, ":kinesis:") != NULL && strstr(consumer, ":stream/") != NULL &&
			strstr(consumer, "/consumer/") != NULL;
	return len >= 1 && len <= NAME_MAX_LEN && strspn(consumer, NAME_CHARACTERS) == len;
}

const char *
kinesis_stream_name(const char *stream)
{
	return kinesis_is_arn(stream) ? strrchr(stream, '/') + 1 : stream;
}

void
kinesis_request_init(KinesisRequest *request)
{
	memset(request, 0, sizeof(KinesisRequest));
	initStringInfo(&request->body);
	initStringInfo(&request->cbor);
	initStringInfo(&request->path);
}

/* Begins the object; target is a constant. */
static void
begin_request(KinesisRequest *request, const char *target, const char *subject)
{
	AwsRequest *aws = &request->aws;

	memset(aws, 0, sizeof(AwsRequest));
	aws->method = "POST";
	aws->path = "/";
	aws->query = "";
	aws->headers[0] = (SigV4Header) {"content-type", "application/x-amz-json-1.1"};
	aws->headers[1] = (SigV4Header) {"x-amz-target", target};
	aws->nheaders = 2;
	aws->max_body = MAX_ANSWER;
	aws->what = "read";
	aws->subject = subject;
	resetStringInfo(&request->body);
	appendStringInfoChar(&request->body, '{');
}

static void
add_name(KinesisRequest *request, const char *name)
{
	StringInfo	body = &request->body;

	appendStringInfo(body, "%s\"%s\":", body->data[body->len - 1] == '{' ? "" : ",", name);
}

/* A member that is a string; NULL: none. */
static void
add_string(KinesisRequest *request, const char *name, const char *value)
{
	if (value == NULL)
		return;
	add_name(request, name);
	escape_json(&request->body, value);
}

static void
add_integer(KinesisRequest *request, const char *name, int value)
{
	add_name(request, name);
	appendStringInfo(&request->body, "%d", value);
}

static void
add_stream(KinesisRequest *request, const char *stream)
{
	add_string(request, kinesis_is_arn(stream) ? "StreamARN" : "StreamName", stream);
}

static void
end_request(KinesisRequest *request)
{
	appendStringInfoChar(&request->body, '}');
	request->aws.body = request->body.data;
	request->aws.body_len = request->body.len;
}

/* A token stands for the stream as well, and refuses its name beside it. */
void
kinesis_list_shards(KinesisRequest *request, const char *stream, const char *next_token,
					const char *subject)
{
	begin_request(request, "Kinesis_20131202.ListShards", subject);
	request->aws.what = "read stream";
	if (next_token == NULL || kinesis_is_arn(stream))
		add_stream(request, stream);
	add_string(request, "NextToken", next_token);
	end_request(request);
}

void
kinesis_describe(KinesisRequest *request, const char *stream, const char *subject)
{
	begin_request(request, "Kinesis_20131202.DescribeStreamSummary", subject);
	request->aws.what = "read stream";
	add_stream(request, stream);
	end_request(request);
}

void
kinesis_list_streams(KinesisRequest *request, const char *after, const char *next_token,
					 const char *subject)
{
	begin_request(request, "Kinesis_20131202.ListStreams", subject);
	request->aws.what = "list the streams of";
	add_string(request, "ExclusiveStartStreamName", next_token == NULL ? after : NULL);
	add_string(request, "NextToken", next_token);
	end_request(request);
}

static void
begin_change(KinesisRequest *request, const char *target, const char *what,
			 const char *stream)
{
	begin_request(request, target, stream);
	request->aws.what = what;
	request->aws.once = true;
	add_stream(request, stream);
}

void
kinesis_create_stream(KinesisRequest *request, const char *stream, int shards)
{
	begin_change(request, "Kinesis_20131202.CreateStream", "create stream", stream);
	if (shards > 0)
		add_integer(request, "ShardCount", shards);
	else
	{
		add_name(request, "StreamModeDetails");
		appendStringInfoString(&request->body, "{\"StreamMode\":\"ON_DEMAND\"}");
	}
	end_request(request);
}

void
kinesis_delete_stream(KinesisRequest *request, const char *stream)
{
	begin_change(request, "Kinesis_20131202.DeleteStream", "drop stream", stream);
	add_name(request, "EnforceConsumerDeletion");
	appendStringInfoString(&request->body, "true");
	end_request(request);
}

void
kinesis_update_shard_count(KinesisRequest *request, const char *stream, int shards)
{
	begin_change(request, "Kinesis_20131202.UpdateShardCount", "alter stream", stream);
	add_integer(request, "TargetShardCount", shards);
	add_string(request, "ScalingType", "UNIFORM_SCALING");
	end_request(request);
}

void
kinesis_increase_retention(KinesisRequest *request, const char *stream, int hours)
{
	begin_change(request, "Kinesis_20131202.IncreaseStreamRetentionPeriod",
				 "set the retention of stream", stream);
	add_integer(request, "RetentionPeriodHours", hours);
	end_request(request);
}

/* The members that name a position; those of its type and number differ. */
static void
add_position(KinesisRequest *request, const char *type, const char *sequence,
			 const KinesisPosition *position)
{
	static const char *const types[] = {
		"TRIM_HORIZON", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"
	};

	add_string(request, type, types[position->kind]);
	if (position->kind == KINESIS_AT_SEQUENCE || position->kind == KINESIS_AFTER_SEQUENCE)
		add_string(request, sequence, position->sequence);
	else if (position->kind == KINESIS_AT_TIME)
	{
		add_name(request, "Timestamp");
		appendStringInfo(&request->body, INT64_FORMAT ".%03d", position->time / 1000,
						 (int) (position->time % 1000));
	}
}

void
kinesis_get_iterator(KinesisRequest *request, const char *stream, const char *shard,
					 const KinesisPosition *position, const char *subject)
{
	begin_request(request, "Kinesis_20131202.GetShardIterator", subject);
	add_stream(request, stream);
	add_string(request, "ShardId", shard);
	add_position(request, "ShardIteratorType", "StartingSequenceNumber", position);
	end_request(request);
}

static void
begin_consumer(KinesisRequest *request, const char *target, const char *stream_arn,
			   const char *name, const char *subject)
{
	begin_request(request, target, subject);
	request->aws.what = "find the consumer of stream";
	add_string(request, "StreamARN", stream_arn);
	add_string(request, "ConsumerName", name);
	end_request(request);
}

void
kinesis_describe_consumer(KinesisRequest *request, const char *stream_arn,
						  const char *name, const char *subject)
{
	begin_consumer(request, "Kinesis_20131202.DescribeStreamConsumer", stream_arn, name,
				   subject);
}

void
kinesis_register_consumer(KinesisRequest *request, const char *stream_arn,
						  const char *name, const char *subject)
{
	begin_consumer(request, "Kinesis_20131202.RegisterStreamConsumer", stream_arn, name,
				   subject);
	request->aws.what = "register a consumer of stream";
}

/* The answer comes in a buffer that the caller lends. */
static void
stream_answer(KinesisRequest *request, size_t buffer_size)
{
	request->aws.stream = true;
	request->aws.lends = buffer_size;
	request->aws.size = -1;
	request->aws.whole = -1;
}

void
kinesis_subscribe(KinesisRequest *request, const char *consumer_arn, const char *shard,
				  const KinesisPosition *position, size_t buffer_size, const char *subject)
{
	begin_request(request, "Kinesis_20131202.SubscribeToShard", subject);
	stream_answer(request, buffer_size);
	request->aws.events = true;
	add_string(request, "ConsumerARN", consumer_arn);
	add_string(request, "ShardId", shard);
	add_name(request, "StartingPosition");
	appendStringInfoChar(&request->body, '{');
	add_position(request, "Type", "SequenceNumber", position);
	appendStringInfoChar(&request->body, '}');
	end_request(request);
}

void
kinesis_get_records(KinesisRequest *request, const char *stream, const char *iterator,
					size_t buffer_size, const char *subject)
{
	StringInfo	cbor = &request->cbor;

	begin_request(request, "Kinesis_20131202.GetRecords", subject);
	stream_answer(request, buffer_size);
	if (kinesis_is_arn(stream))
		add_stream(request, stream);
	add_string(request, "ShardIterator", iterator);
	end_request(request);

	resetStringInfo(cbor);
	cbor_add_map(cbor, kinesis_is_arn(stream) ? 2 : 1);
	if (kinesis_is_arn(stream))
	{
		cbor_add_text(cbor, "StreamARN");
		cbor_add_text(cbor, stream);
	}
	cbor_add_text(cbor, "ShardIterator");
	cbor_add_text(cbor, iterator);
	request->plain = request->aws;
	request->aws.plain = &request->plain;
	request->aws.headers[0].value = "application/x-amz-cbor-1.1";
	request->aws.body = cbor->data;
	request->aws.body_len = cbor->len;
}

/* A member that is bytes, as base64. */
static void
add_bytes(KinesisRequest *request, const char *name, const char *bytes, size_t len)
{
	StringInfo	body = &request->body;
	int			room = pg_b64_enc_len((int) len);

	add_name(request, name);
	appendStringInfoChar(body, '"');
	enlargeStringInfo(body, room);
	body->len += Max(pg_b64_encode((void *) bytes, (int) len, body->data + body->len, room), 0);
	appendStringInfoChar(body, '"');
}

static void
add_record(KinesisRequest *request, const KinesisPut *record)
{
	appendStringInfoChar(&request->body, '{');
	add_bytes(request, "Data", record->data, record->len);
	add_string(request, "PartitionKey", record->partition_key);
	add_string(request, "ExplicitHashKey", record->hash_key);
	appendStringInfoChar(&request->body, '}');
}

void
kinesis_put_records(KinesisRequest *request, const char *stream,
					const KinesisPut *const *records, int n, const char *subject)
{
	begin_request(request, "Kinesis_20131202.PutRecords", subject);
	request->aws.what = "write to stream";
	request->aws.once = true;
	add_stream(request, stream);
	add_name(request, "Records");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(&request->body, i == 0 ? '[' : ',');
		add_record(request, records[i]);
	}
	appendStringInfoChar(&request->body, ']');
	end_request(request);
}
