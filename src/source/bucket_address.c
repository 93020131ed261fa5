/*-------------------------------------------------------------------------
 *
 * bucket_address.c
 *	  Where requests to a bucket go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/url.h"
#include "source/bucket_address.h"

/* AWS's own endpoint of a region. */
static Endpoint *
aws_endpoint(const char *region)
{
	return endpoint_parse(psprintf("https://s3.%s.amazonaws.com%s", region,
								   strncmp(region, "cn-", 3) == 0 ? ".cn" : ""));
}

/*
 * A name with dots does not match the service's certificate, and an address
 * has no names below it.
 */
void
bucket_address(const S3Access *access, const char *bucket, BucketAddress *address)
{
	Endpoint   *endpoint = access->endpoint == NULL ? aws_endpoint(access->region) :
		endpoint_parse(access->endpoint);
	bool		in_path = access->path_style || endpoint->literal ||
		(endpoint->tls && bucket != NULL && strchr(bucket, '.') != NULL);

	address->tls = endpoint->tls;
	address->literal = endpoint->literal;
	address->host = bucket == NULL || in_path ? endpoint->authority :
		psprintf("%s.%s", bucket, endpoint->authority);
	address->origin = psprintf("%s://%s/", endpoint->tls ? "https" : "http", address->host);
	address->root = bucket != NULL && in_path ? psprintf("/%s/", bucket) : pstrdup("/");
}
