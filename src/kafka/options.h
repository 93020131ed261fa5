/*-------------------------------------------------------------------------
 *
 * options.h
 *	  What the options of kafka_json mean together, who may set them, and how
 *	  somebody signs in with them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_OPTIONS_H
#define PINTEREST_KAFKA_OPTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* In the order of the values of option sasl.mechanism. */
typedef enum KafkaMechanism
{
	KAFKA_PLAIN,
	KAFKA_SCRAM_SHA_256,
	KAFKA_SCRAM_SHA_512,
	KAFKA_OAUTHBEARER,
	KAFKA_MSK_IAM,
	KAFKA_NO_MECHANISM			/* no SASL */
} KafkaMechanism;

/*
 * Checks the options of a server or a user mapping, each being valid by itself,
 * and whether the current user may set them.
 */
extern void kafka_options_validate(Oid catalog, List *options);

extern KafkaMechanism kafka_mechanism(List *server_options);

/* What security.protocol says, or sasl.mechanism without it. */
extern bool kafka_uses_sasl(List *server_options);
extern bool kafka_uses_tls(List *server_options);

/*
 * The AWS region, of option region or of the brokers' names.  Raises where
 * neither tells.
 */
extern const char *kafka_region(List *server_options);

/* The names and values of sasl.oauthbearer.extensions, one after the other. */
extern const char **kafka_token_extensions(List *server_options, int *n);

/*
 * The options of the user mapping that counts for a user of a server, checked,
 * NIL where there is none.  Raises if they, or the server's, do not let the
 * user sign in: what is missing, or what the server's owner may not lend.
 */
extern List *kafka_mapping_options(Oid serverid, Oid userid, List *server_options);

#endif							/* PINTEREST_KAFKA_OPTIONS_H */
