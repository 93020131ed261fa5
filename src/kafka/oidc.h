/*-------------------------------------------------------------------------
 *
 * oidc.h
 *	  Tokens of an OAuth 2 service, for a client that has a secret there.
 *
 * Rules: RFC 6749, sections 4.4 (client credentials), 2.3.1 and 5.1.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KAFKA_OIDC_H
#define PINTEREST_KAFKA_OIDC_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct Oidc Oidc;

/* Lives in the current memory context; the lists must outlive it. */
extern Oidc *oidc_create(Oid serverid, List *server_options, List *mapping_options);

/*
 * Asks for a token, palloc'd; expires is set to its end, in milliseconds since
 * 1970.  NULL if none was given: then problem is a phrase without secrets.
 * Blocks, and can be cancelled.
 */
extern char *oidc_token(Oidc *oidc, int64 *expires, char **problem);

#endif							/* PINTEREST_KAFKA_OIDC_H */
