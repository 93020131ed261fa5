/*-------------------------------------------------------------------------
 *
 * sign_in.h
 *	  Tokens that a handle signs in with: AWS_MSK_IAM and OAUTHBEARER.
 *
 * librdkafka asks for tokens in a callback, which may run anywhere.  Getting
 * one may need HTTP, and may raise.  So nothing is done when it asks: tokens
 * are got here, in the backend's own thread, before they are needed, and handed
 * over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_SIGN_IN_H
#define PINTEREST_KAFKA_SIGN_IN_H

#include "postgres.h"

#include <librdkafka/rdkafka.h>

#include "source/source.h"

typedef struct KafkaSignIn KafkaSignIn;

/*
 * For a server and user whose handle needs tokens; NULL if it needs none.  Has
 * conf take them.  Lives until it is freed; fetches nothing yet.
 */
extern KafkaSignIn *kafka_sign_in_create(const SourceRequest *request,
										 List *mapping_options, rd_kafka_conf_t *conf);
extern void kafka_sign_in_free(KafkaSignIn *sign_in);

/*
 * Gives the handle a token if it has none, or if it is time for another; cheap
 * if not.  To be called at every wait.  May block, and can be cancelled; raises
 * where there is no token to be had, unless the old one still lasts.
 */
extern void kafka_sign_in_keep(KafkaSignIn *sign_in, rd_kafka_t *rk);

/*
 * The cluster has refused the token.  True if it has another one now, or may
 * not have looked at the last: the wait goes on.  As kafka_sign_in_keep.
 */
extern bool kafka_sign_in_again(KafkaSignIn *sign_in, rd_kafka_t *rk);

/* The cluster has answered: the next refusal is a new one. */
extern void kafka_sign_in_worked(KafkaSignIn *sign_in);

#endif							/* PINTEREST_KAFKA_SIGN_IN_H */
