/*-------------------------------------------------------------------------
 *
 * credentials_fetch.h
 *	  Exchanges with services that hand out credentials.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CREDENTIALS_FETCH_H
#define PINTEREST_CREDENTIALS_FETCH_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "net/http.h"

/* One exchange. */
typedef struct CredentialFetch
{
	AddressPolicy policy;
	HttpRequest http;
	int			tries;
	StringInfoData body;		/* of the answer, whatever its status */
	int			status;
	char	   *problem;		/* why there is no answer */
} CredentialFetch;

/*
 * Sends the request until an answer comes that is not about the service's own
 * troubles, at most that many times.  False if no answer came.  Blocks, and
 * can be cancelled.
 */
extern bool credentials_fetch(CredentialFetch *fetch);

/* ---------- credentials_reply.c ---------- */

/*
 * A member of an answer in JSON, a string or a whole number, as text; palloc'd.
 * NULL if the body is no object that has it.
 */
extern char *credentials_json_member(const char *body, size_t len, const char *name);

#endif							/* PINTEREST_CREDENTIALS_FETCH_H */
