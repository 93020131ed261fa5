/*-------------------------------------------------------------------------
 *
 * bucket_address.h
 *	  Where requests to a bucket go.
 *
 * "S3 user guide, Virtual hosting of buckets": the bucket's name stands in the
 * host name or in the path.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_ADDRESS_H
#define PINTEREST_BUCKET_ADDRESS_H

#include "postgres.h"

#include "aws/client.h"
#include "source/s3/store.h"

typedef struct BucketAddress
{
	const char *host;			/* host[:port], as signed */
	const char *origin;			/* scheme://host[:port]/ */
	char	   *root;			/* encoded path of the bucket, ends in "/" */
	bool		tls;
	bool		literal;		/* host is an address, not a name */
} BucketAddress;

/*
 * Of a bucket, or of the service itself if bucket is NULL.  Strings are
 * allocated in the current memory context.
 */
extern void bucket_address(const S3Access *access, const char *bucket,
						   BucketAddress *address);

/*
 * How many requests a scan should have in flight at most: as access says, but
 * only a part of what the backend may open still, as there may be other scans.
 */
extern int	bucket_connections(const S3Access *access);

/*
 * The service that a bucket's requests go through, with the credentials,
 * authorities and address policy that access says; *root is the encoded path of
 * the bucket, or of the service itself if bucket is NULL.  Lives in the current
 * memory context; access outlives it.
 *
 * If AWS says that the bucket is in another region, the service goes there, and
 * access remembers it.  A bucket behind an endpoint that a user has named stays
 * there.
 */
extern AwsService *bucket_service(S3Access *access, const char *bucket,
								  int connections, char **root);

#endif							/* PINTEREST_BUCKET_ADDRESS_H */
