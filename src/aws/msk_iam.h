/*-------------------------------------------------------------------------
 *
 * msk_iam.h
 *	  The token that signs in to Amazon MSK with AWS keys.
 *
 * A Kafka client hands it over as the bearer token of SASL/OAUTHBEARER.  It is
 * a presigned URL for the action kafka-cluster:Connect, which the broker gives
 * to IAM; nobody ever fetches it.  Rules: "IAM access control" (MSK developer
 * guide) and what Amazon's own signers make.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_MSK_IAM_H
#define PINTEREST_MSK_IAM_H

#include "postgres.h"

#include "aws/sigv4.h"

/* A token is good for that long, in seconds; the session it opens as well. */
#define MSK_IAM_LIFETIME 900

/*
 * A token for the keys, palloc'd; now is in seconds since 1970.  expires is set
 * to its end, in milliseconds since then.  user_agent names the program in the
 * service's logs.  Touches no network; raises only without memory.
 */
extern char *msk_iam_token(const AwsCredentials *credentials, const char *region,
						   int64 now, const char *user_agent, int64 *expires);

/*
 * The region in the name of a broker of MSK, provisioned or serverless, also
 * behind a VPC endpoint: "eu-west-1" of "b-1.demo.x1y2z3.c2.kafka.eu-west-1.
 * amazonaws.com:9098".  Palloc'd; NULL for the name of any other host.
 */
extern char *msk_iam_region(const char *broker);

#endif							/* PINTEREST_MSK_IAM_H */
