/*-------------------------------------------------------------------------
 *
 * kinesis.h
 *	  Kinesis Data Streams: requests, and what the short answers say.
 *
 * Kinesis API 2013-12-02, its JSON protocol: every action is a POST of one
 * JSON object to "/", named by a header.  Where bytes are to come they are asked for
 * in CBOR, which is the same but for the encoding.  Calls, signatures and
 * retries are those of client.h.  Throttling of a shard is the caller's: it is
 * no setback, but the pace.
 *
 * A stream is named by its name or by its ARN, which may be of another account.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_H
#define PINTEREST_KINESIS_H

#include "postgres.h"

#include "aws/client.h"
#include "aws/hash_key.h"

/* A request that can be made again and again. */
typedef struct KinesisRequest
{
	AwsRequest	aws;			/* for aws_call_begin */
	AwsRequest	plain;			/* the same in JSON, where that is in CBOR */
	StringInfoData body;		/* in JSON */
	StringInfoData cbor;
	StringInfoData path;		/* of those to a gateway */
} KinesisRequest;

/* In the current memory context. */
extern void kinesis_request_init(KinesisRequest *request);

/*
 * The following fill in a request.  Texts are in UTF-8 and are copied, but for
 * subject, which names it in messages: could not read "SUBJECT".
 */

/* From the start, or where the page before ended. */
extern void kinesis_list_shards(KinesisRequest *request, const char *stream,
								const char *next_token, const char *subject);
extern void kinesis_describe(KinesisRequest *request, const char *stream,
							 const char *subject);
extern void kinesis_list_streams(KinesisRequest *request, const char *after,
								 const char *next_token, const char *subject);

/*
 * The service answers these, without a word, when it begins: what becomes of the
 * stream its status tells.  They are sent once (AwsRequest).  shards 0: on
 * demand, as many as it takes.
 */
extern void kinesis_create_stream(KinesisRequest *request, const char *stream, int shards);
extern void kinesis_delete_stream(KinesisRequest *request, const char *stream);
extern void kinesis_update_shard_count(KinesisRequest *request, const char *stream,
									   int shards);
extern void kinesis_increase_retention(KinesisRequest *request, const char *stream,
									   int hours);

typedef enum KinesisPositionKind
{
	KINESIS_TRIM_HORIZON,		/* the oldest record there is */
	KINESIS_AT_SEQUENCE,
	KINESIS_AFTER_SEQUENCE,
	KINESIS_AT_TIME				/* what arrived then or later */
} KinesisPositionKind;

typedef struct KinesisPosition
{
	KinesisPositionKind kind;
	const char *sequence;
	int64		time;			/* ms since 1970 */
} KinesisPosition;

extern void kinesis_get_iterator(KinesisRequest *request, const char *stream,
								 const char *shard, const KinesisPosition *position,
								 const char *subject);

/*
 * As a stream that lends buffers of that size.  Asks for CBOR; of a service that
 * does not know it, for JSON.
 */
extern void kinesis_get_records(KinesisRequest *request, const char *stream,
								const char *iterator, size_t buffer_size,
								const char *subject);

/*
 * A consumer has the 2 MB a second of each shard for itself, and is sent what
 * comes, for five minutes, as a stream of events (event_stream.h) that lends
 * buffers of that size.  It is named by its ARN, or by its name beside the ARN of
 * its stream.
 */
extern void kinesis_describe_consumer(KinesisRequest *request, const char *stream_arn,
									  const char *name, const char *subject);
extern void kinesis_register_consumer(KinesisRequest *request, const char *stream_arn,
									  const char *name, const char *subject);
extern void kinesis_subscribe(KinesisRequest *request, const char *consumer_arn,
							  const char *shard, const KinesisPosition *position,
							  size_t buffer_size, const char *subject);

/* A record to be put. */
typedef struct KinesisPut
{
	const char *data;			/* any bytes, and a zero byte behind them */
	size_t		len;
	const char *partition_key;
	const char *hash_key;		/* in its place decides about the shard, in decimal
								 * digits; NULL: none */
} KinesisPut;

/*
 * Kinesis API, PutRecords: up to 500 records, 10 MiB with their keys.  (It was 5
 * MiB; some regions and emulators have not followed.)  A record has up to 1 MiB
 * with its key, or what the stream has been set to, 10 MiB at most.
 */
#define KINESIS_PUT_RECORDS 500
#define KINESIS_PUT_BYTES (5 * 1024 * 1024)
#define KINESIS_RECORD_BYTES (1024 * 1024)
#define KINESIS_MAX_RECORD_BYTES (10 * 1024 * 1024)

/* A request that is sent once (AwsRequest). */
extern void kinesis_put_records(KinesisRequest *request, const char *stream,
								const KinesisPut *const *records, int n,
								const char *subject);

/*
 * The following take the answers apart, allocating in the current memory
 * context.  Raise ERRCODE_FDW_ERROR if one makes no sense.
 */

typedef struct KinesisShard
{
	char	   *id;
	char	   *parents[2];		/* NULL: none */
	HashKey		first_key;
	HashKey		last_key;
	char	   *start_sequence; /* no record of it has a lower one */
	char	   *end_sequence;	/* NULL: it is open */
} KinesisShard;

typedef struct KinesisShardPage
{
	KinesisShard *shards;
	int			nshards;
	char	   *next_token;		/* NULL: it is the last page */
	bool		more;			/* or there is another without a token */
} KinesisShardPage;

typedef struct KinesisSummary
{
	char	   *arn;			/* NULL: not known */
	char	   *status;			/* CREATING, DELETING, ACTIVE, UPDATING */
	int64		created;		/* ms since 1970 */
	int64		retention;		/* hours */
	char	   *mode;			/* PROVISIONED, ON_DEMAND; NULL: not known */
	int64		open_shards;	/* -1: not known */
} KinesisSummary;

typedef struct KinesisConsumer
{
	char	   *arn;
	char	   *status;			/* CREATING, DELETING, ACTIVE */
} KinesisConsumer;

typedef struct KinesisStreamPage
{
	List	   *names;			/* char *, in the order of the answer */
	bool		more;
	char	   *next_token;		/* NULL: go on behind the last name */
} KinesisStreamPage;

/* What became of a record that was put. */
typedef struct KinesisPutResult
{
	const char *code;			/* of the error; NULL: it is there */
	const char *message;
} KinesisPutResult;

/* Of each of n records in their order; false if the answer is not valid for that. */
extern bool kinesis_put_results(StringInfo body, int n, KinesisPutResult *results);

/* The answer to DescribeStream is both a page of shards and a summary. */
extern KinesisShardPage *kinesis_shard_page(StringInfo body, const char *subject);
extern KinesisSummary *kinesis_summary(StringInfo body, const char *subject);
extern KinesisConsumer *kinesis_consumer(StringInfo body, const char *subject);
extern char *kinesis_iterator(StringInfo body, const char *subject);
extern KinesisStreamPage *kinesis_stream_page(StringInfo body, const char *subject);

pg_noreturn extern void kinesis_bad_answer(const char *subject, const char *action);

/* Is it the name of a stream, or an ARN? */
extern bool kinesis_is_arn(const char *stream);
extern bool kinesis_stream_is_valid(const char *stream);

/* Is it the name of a consumer, or its ARN? */
extern bool kinesis_consumer_is_valid(const char *consumer);

/* Its name, which is the end of an ARN. */
extern const char *kinesis_stream_name(const char *stream);

#endif							/* PINTEREST_KINESIS_H */
