/*-------------------------------------------------------------------------
 *
 * check.h
 *	  The steps of pinterest.check_server: what is tried, and how it ended.
 *
 * A source's check function tries one thing after the other, each as a step.
 * A step that fails does not end the check, so that the caller sees all that
 * is wrong; what depends on it is skipped.  Cancelling does end it.
 *
 * Details and hints are shown to whoever may use the server: no secrets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CHECK_H
#define PINTEREST_CHECK_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "net/address.h"
#include "net/http.h"

typedef enum CheckOutcome
{
	CHECK_OK,
	CHECK_FAILED,
	CHECK_SKIPPED
} CheckOutcome;

typedef struct CheckStep
{
	const char *name;
	CheckOutcome outcome;
	double		milliseconds;	/* below 0: it took no time worth telling */
	const char *detail;			/* sentence or NULL */
	const char *hint;			/* likewise: what to do */
} CheckStep;

typedef struct Check
{
	List	   *steps;			/* of CheckStep, in their order */
	const char *failed;			/* name of the first that failed, or NULL */
	double		took;			/* ms, of the last work */
	MemoryContext context;		/* of the steps and all that is made in them */
} Check;

/* In the current memory context, which is that of the steps as well. */
extern Check *check_create(void);

/*
 * Adds a step.  Strings are copied, but for name, which is a constant.  hint
 * counts only if it failed.
 */
extern void check_add(Check *check, const char *name, CheckOutcome outcome,
					  double milliseconds, const char *detail, const char *hint);

/*
 * A step's work: returns what there is to tell, or NULL; raises an error if
 * the step fails.  What it allocates lives as long as the check.
 */
typedef char *(*CheckWork) (void *arg);

/*
 * Does the work in a subtransaction: it may run functions of users, and open
 * relations.  Returns the error, or NULL and what the work returned.  An error
 * that says that the query is cancelled goes on to the caller.
 */
extern ErrorData *check_try(Check *check, CheckWork work, void *arg, char **detail);

/* Adds a step that ended with such an error; hint is for one that has none. */
extern void check_add_error(Check *check, const char *name, const ErrorData *error,
							const char *hint);

/*
 * Does the work like that, and adds it as a step; true if it
 * succeeded.  Unless ready, it is skipped because of the first step that
 * failed.  hint is for failures that give none of their own.
 */
extern bool check_run(Check *check, const char *name, bool ready,
					  CheckWork work, void *arg, const char *hint);

typedef struct CheckEndpoint
{
	const char *host;			/* for details */
	const char *origin;			/* http(s)://host[:port]/ */
	const char *ca_file;		/* as in HttpRequest */
	bool		tls;
	bool		literal;		/* host is an address */
	AddressPolicy policy;
} CheckEndpoint;

/*
 * Looks up, connects to, and shakes hands with an endpoint, sends "GET /"
 * without a signature, and compares the clocks: the steps "name lookup",
 * "connection", "TLS" and "clock".  True if it answered.  Can be cancelled.
 */
extern bool check_endpoint(Check *check, bool ready, const CheckEndpoint *endpoint);

/* A server that speaks whatever it likes over TCP. */
typedef struct CheckPeer
{
	/* in */
	char	   *host;			/* name or address, IPv6 in brackets */
	int			port;

	/* out */
	bool		reached;
	HttpConnection connection;
	HttpFailure failure;
	char		problem[256];	/* "" if it was reached */
} CheckPeer;

/*
 * Looks all of them up and connects to them, at once, sends nothing, and
 * waits for the last.  An error that ends the work ends this.  Can be cancelled.
 */
extern void check_peers(CheckPeer *peers, int n, AddressPolicy policy);

#endif							/* PINTEREST_CHECK_H */
