/*-------------------------------------------------------------------------
 *
 * kinesis_gateway.h
 *	  Kinesis Data Streams behind an API gateway: requests.
 *
 * Source: the Amazon API Gateway developer guide, "Create a REST API as an
 * Amazon Kinesis proxy".  Below the gateway's URL are
 *
 *	  GET /streams							 names of streams
 *	  GET, POST, DELETE /streams/NAME		 describe, create, delete
 *	  PUT /streams/NAME/record				 one record
 *	  PUT /streams/NAME/records				 several
 *
 * Answers are those of the service.  A gateway may hand on its errors with
 * status 200; those are errors here.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_GATEWAY_H
#define PINTEREST_KINESIS_GATEWAY_H

#include "postgres.h"

#include "aws/client.h"
#include "aws/kinesis.h"
#include "net/url.h"

typedef struct KinesisGateway
{
	AwsServiceConfig config;	/* credentials are NULL: unsigned */
	Endpoint   *endpoint;
	char	   *root;			/* of all paths; "" or "/stage" */
} KinesisGateway;

/*
 * From its URL, in the current memory context; raises an error if it can be no
 * gateway's.  The region is that in an AWS name, else the one given.
 */
extern KinesisGateway *kinesis_gateway_parse(const char *url, const char *region);

/*
 * Makes a request of what its body holds, which may be nothing: METHOD
 * /streams, /streams/NAME or /streams/NAME/RESOURCE, as stream (a name or an
 * ARN) and resource are NULL or not.  subject names it in messages.  What
 * changes something is sent once (AwsRequest).
 */
extern void kinesis_gateway_request(KinesisRequest *request, const KinesisGateway *gateway,
									const char *method, const char *stream,
									const char *resource, const char *subject);

/*
 * What administers streams.  The answers are those to ListStreams and
 * DescribeStream, of which a gateway gives the first page; all else is as in
 * kinesis.h.
 */
extern void kinesis_gateway_list(KinesisRequest *request, const KinesisGateway *gateway);
extern void kinesis_gateway_describe(KinesisRequest *request, const KinesisGateway *gateway,
									 const char *stream);
extern void kinesis_gateway_create(KinesisRequest *request, const KinesisGateway *gateway,
								   const char *stream, int shards);
extern void kinesis_gateway_delete(KinesisRequest *request, const KinesisGateway *gateway,
								   const char *stream);

/*
 * The request that puts records, which hold text: one alone as a JSON value,
 * several as texts, since the gateway's template for one hands on a value's JSON,
 * and that for several the characters of a string.
 */
extern void kinesis_gateway_put(KinesisRequest *request, const KinesisGateway *gateway,
								const char *stream, const KinesisPut *const *records, int n,
								const char *subject);

#endif							/* PINTEREST_KINESIS_GATEWAY_H */
