/*-------------------------------------------------------------------------
 *
 * sign_in.c
 *	  Tokens that a handle signs in with: AWS_MSK_IAM and OAUTHBEARER.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <time.h>

#include "aws/credentials.h"
#include "aws/msk_iam.h"
#include "foreign/foreign.h"
#include "kafka/oidc.h"
#include "kafka/options.h"
#include "kafka/sign_in.h"
#include "miscadmin.h"
#include "option.h"
#include "source/source.h"
#include "utils/memutils.h"

#define USER_AGENT "pinterest_pipeline/1.0"

/* A token that is older may have been refused because of its age, in s. */
#define FRESH 60

/* Refusals of the token before still come in for so long, in s. */
#define LATE_REFUSALS 3

/* A token that cannot be renewed goes on until its end; tried again, in s. */
#define TRY_AGAIN_AFTER 30

struct KafkaSignIn
{
	MemoryContext context;
	const char *server;			/* its name */
	const char *region;			/* AWS_MSK_IAM */
	Credentials *credentials;
	Oidc	   *oidc;			/* OAUTHBEARER, else NULL */
	const char **extensions;	/* name, value … */
	int			nextensions;	/* of both */

	int64		made_at;		/* s since 1970, of the token the handle has */
	int64		expires;		/* ms */
	int64		renew_at;		/* s; 0: it has none */
	bool		refused;		/* once, since it last worked */
};

/*
 * Without a callback librdkafka would refuse OAUTHBEARER.  It comes at 80 % of
 * a token's life, and at the start; by then there is another token.
 */
static void
ignore_refresh(rd_kafka_t *rk, const char *config, void *opaque)
{
}

KafkaSignIn *
kafka_sign_in_create(const SourceRequest *request, List *mapping_options, rd_kafka_conf_t *conf)
{
	KafkaMechanism mechanism = kafka_mechanism(request->server_options);
	MemoryContext context;
	MemoryContext before;
	KafkaSignIn *sign_in;
	List	   *options;

	if (mechanism != KAFKA_MSK_IAM && mechanism != KAFKA_OAUTHBEARER)
		return NULL;

	/* belongs to the current context until all that may fail is done */
	context = AllocSetContextCreate(CurrentMemoryContext, "pinterest kafka sign-in",
									ALLOCSET_SMALL_SIZES);
	before = MemoryContextSwitchTo(context);
	sign_in = palloc0(sizeof(KafkaSignIn));
	sign_in->context = context;
	sign_in->server = pstrdup(GetForeignServer(request->serverid)->servername);
	options = copyObject(request->server_options);
	if (mechanism == KAFKA_MSK_IAM)
	{
		sign_in->region = kafka_region(options);
		sign_in->credentials =
			credentials_create(credentials_config(kafka_source_ops.wrapper, request->serverid,
												  request->userid, options,
												  sign_in->region));
	}
	else
	{
		sign_in->oidc = oidc_create(request->serverid, options, copyObject(mapping_options));
		sign_in->extensions = kafka_token_extensions(options, &sign_in->nextensions);
	}
	MemoryContextSwitchTo(before);
	MemoryContextSetParent(context, TopMemoryContext);
	rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, ignore_refresh);
	return sign_in;
}

void
kafka_sign_in_free(KafkaSignIn *sign_in)
{
	MemoryContextDelete(sign_in->context);
}

/* Gets a token; NULL if it was not to be had, but the old one still lasts. */
static char *
get_token(KafkaSignIn *sign_in, int64 now, int64 *expires)
{
	char	   *problem;
	char	   *token;

	if (sign_in->oidc == NULL)
		return msk_iam_token(credentials_get(sign_in->credentials), sign_in->region, now,
							 USER_AGENT, expires);
	token = oidc_token(sign_in->oidc, expires, &problem);
	if (token != NULL)
		return token;
	if (sign_in->expires / 1000 <= now || sign_in->refused)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("could not get a token for server \"%s\": %s", sign_in->server, problem),
				 errhint("Check \"sasl.oauthbearer.token.endpoint.url\" of the server, and \"sasl.oauthbearer.client.id\" and \"sasl.oauthbearer.client.secret\" of the user mapping.")));
	ereport(LOG,
			(errmsg("could not renew the token for server \"%s\", continuing with the old one: %s",
					sign_in->server, problem)));
	return NULL;
}

static void
hand_over(KafkaSignIn *sign_in, rd_kafka_t *rk, const char *token, int64 expires)
{
	char		reason[256];

	if (rd_kafka_oauthbearer_set_token(rk, token, expires, "", sign_in->extensions,
									   sign_in->nextensions, reason,
									   sizeof(reason)) != RD_KAFKA_RESP_ERR_NO_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("could not sign in to server \"%s\"", sign_in->server),
				 errdetail("librdkafka does not take the token: %s.", reason)));
}

/* Makes another token the handle's. */
static void
renew(KafkaSignIn *sign_in, rd_kafka_t *rk)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "pinterest kafka token",
											   ALLOCSET_SMALL_SIZES);
	MemoryContext before = MemoryContextSwitchTo(work);
	int64		now = (int64) time(NULL);
	int64		expires;
	char	   *token = get_token(sign_in, now, &expires);

	if (token == NULL)
		sign_in->renew_at = Min(now + TRY_AGAIN_AFTER, sign_in->expires / 1000);
	else
	{
		hand_over(sign_in, rk, token, expires);
		now = (int64) time(NULL);
		sign_in->made_at = now;
		sign_in->expires = expires;

		/* before librdkafka would ask */
		sign_in->renew_at = now + Max((expires / 1000 - now) * 2 / 3, 1);
	}
	MemoryContextSwitchTo(before);
	MemoryContextDelete(work);
}

void
kafka_sign_in_keep(KafkaSignIn *sign_in, rd_kafka_t *rk)
{
	if ((int64) time(NULL) >= sign_in->renew_at)
		renew(sign_in, rk);
}

void
kafka_sign_in_worked(KafkaSignIn *sign_in)
{
	sign_in->refused = false;
}

bool
kafka_sign_in_again(KafkaSignIn *sign_in, rd_kafka_t *rk)
{
	int64		age = (int64) time(NULL) - sign_in->made_at;
	const AwsCredentials *keys;

	if (sign_in->refused)
		return age < LATE_REFUSALS;
	sign_in->refused = true;
	if (sign_in->credentials != NULL)
	{
		keys = credentials_get(sign_in->credentials);
		if (credentials_renew(sign_in->credentials) == keys && age < FRESH)
			return false;
	}
	else if (age < FRESH)
		return false;
	renew(sign_in, rk);
	return true;
}
