/*-------------------------------------------------------------------------
 *
 * bucket_address.c
 *	  Where requests to a bucket go.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/url.h"
#include "source/s3/bucket_address.h"
#include "utils/memutils.h"

/* Connections that a scan does not take even when it is alone. */
#define LEFT_TO_OTHERS 64

/* The partition of a region, by the start of its name; "" for the usual one. */
static const char *
partition_of(const char *region)
{
	static const char *const starts[] = {"cn-", "us-gov-"};

	for (int i = 0; i < (int) lengthof(starts); i++)
		if (strncmp(region, starts[i], strlen(starts[i])) == 0)
			return starts[i];
	return "";
}

/* AWS's own endpoint of a region. */
static Endpoint *
aws_endpoint(const char *region)
{
	return endpoint_parse(psprintf("https://s3.%s.amazonaws.com%s", region,
								   strcmp(partition_of(region), "cn-") == 0 ? ".cn" : ""));
}

/* Where requests are signed for, as far as is known. */
static const char *
region_of(const S3Access *access)
{
	return access->found_region != NULL ? access->found_region : access->region;
}

/*
 * A name with dots does not match the service's certificate, and an address
 * has no names below it.
 */
void
bucket_address(const S3Access *access, const char *bucket, BucketAddress *address)
{
	Endpoint   *endpoint = access->endpoint == NULL ? aws_endpoint(region_of(access)) :
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

/* Of AwsServiceConfig. */
typedef struct BucketPlace
{
	S3Access   *access;
	const char *bucket;
} BucketPlace;

/* What comes from outside becomes a part of a host name. */
static bool
is_region(const char *name)
{
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0' &&
		strlen(name) <= 30;
}

/*
 * Of AwsServiceConfig.  Only AWS's own endpoints are known for all regions, and
 * keys of one partition ("Partitions", AWS Fault Isolation Boundaries) are worth
 * nothing in another.
 */
static bool
move_bucket(void *arg, const char *region, AwsServiceConfig *config)
{
	BucketPlace *place = arg;
	S3Access   *access = place->access;
	BucketAddress address;

	if (access->endpoint != NULL || !is_region(region) ||
		strcmp(partition_of(region), partition_of(access->region)) != 0)
		return false;
	access->found_region = MemoryContextStrdup(GetMemoryChunkContext(access), region);
	bucket_address(access, place->bucket, &address);
	config->region = access->found_region;
	config->origin = address.origin;
	config->host = address.host;
	return true;
}

static AddressPolicy
policy_of(const S3Access *access)
{
	return access->private_addresses ? ADDRESS_PRIVATE : ADDRESS_PUBLIC;
}

int
bucket_connections(const S3Access *access)
{
	HttpClient *client = http_client(policy_of(access));
	int			left = http_transfers_left(client);
	int			share = left / 4;

	if (http_transfers(client) == 0)
		share = Max(left - LEFT_TO_OTHERS, left / 2);
	return Max(Min(access->connections, share), 1);
}

AwsService *
bucket_service(S3Access *access, const char *bucket, int connections, char **root)
{
	AwsServiceConfig config = {0};
	BucketAddress address;

	bucket_address(access, bucket, &address);
	*root = address.root;
	config.host = address.host;
	config.origin = address.origin;
	config.ca_file = access->ca_file;
	config.service = "s3";
	config.region = region_of(access);
	config.credentials = credentials_create(access->credentials);
	config.policy = policy_of(access);
	config.connections = connections;
	config.move = move_bucket;
	config.move_arg = palloc(sizeof(BucketPlace));
	*(BucketPlace *) config.move_arg = (BucketPlace) {access, bucket};
	return aws_service_create(&config);
}
