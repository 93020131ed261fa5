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

AwsService *
bucket_service(const S3Access *access, const char *bucket, int connections, char **root)
{
	AwsServiceConfig config = {0};
	BucketAddress address;

	bucket_address(access, bucket, &address);
	*root = address.root;
	config.host = address.host;
	config.origin = address.origin;
	config.ca_file = access->ca_file;
	config.service = "s3";
	config.region = access->region;
	config.credentials = credentials_create(access->credentials);
	config.policy = access->private_addresses ? ADDRESS_PRIVATE : ADDRESS_PUBLIC;
	config.connections = connections;
	return aws_service_create(&config);
}
