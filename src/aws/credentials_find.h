/*-------------------------------------------------------------------------
 *
 * credentials_find.h
 *	  The ways to find credentials; known to src/aws/credentials*.c alone.
 *
 * A finder says FOUND, ABSENT (the machine has nothing of this kind: a chain
 * goes on) or FAILED (there is something, but it does not work: a chain
 * stops).  It does not raise, so that old keys can be used until their end
 * when new ones are not to be had; but it may be cancelled.
 *
 * Sources of the rules: "AWS SDKs and Tools Reference Guide", standardized
 * credential providers; "EC2 user guide", instance metadata; "STS API
 * Reference".
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CREDENTIALS_FIND_H
#define PINTEREST_CREDENTIALS_FIND_H

#include "postgres.h"

#include "aws/credentials.h"
#include "aws/credentials_fetch.h"

typedef enum CredentialOutcome
{
	CREDENTIALS_FOUND,
	CREDENTIALS_ABSENT,
	CREDENTIALS_FAILED
} CredentialOutcome;

/* Palloc'd in the context the finder is called in. */
typedef struct CredentialFinding
{
	AwsCredentials keys;
	int64		expires;		/* seconds since 1970; 0: never */
	char	   *problem;		/* not FOUND: a phrase without secrets */
	const char *hint;			/* a sentence; NULL for none */
} CredentialFinding;

typedef CredentialOutcome (*CredentialFinder) (const CredentialConfig *config,
											   CredentialFinding *found);

extern CredentialOutcome find_in_environment(const CredentialConfig *config,
											 CredentialFinding *found);
extern CredentialOutcome find_in_profile(const CredentialConfig *config,
										 CredentialFinding *found);
extern CredentialOutcome find_in_container(const CredentialConfig *config,
										   CredentialFinding *found);
extern CredentialOutcome find_in_instance(const CredentialConfig *config,
										  CredentialFinding *found);
extern CredentialOutcome find_by_web_identity(const CredentialConfig *config,
											  CredentialFinding *found);

/* ---------- for finders: credentials_find.c ---------- */

/* The names of the sources, as the option has them. */
extern const char *credentials_source_name(CredentialSource source);

/* The source's keys, and the role on top. */
extern CredentialOutcome credentials_find(const CredentialConfig *config,
										  CredentialFinding *found);

/* Both fill in the problem, and return what they are called after. */
extern CredentialOutcome credentials_absent(CredentialFinding *found,
											const char *fmt,...) pg_attribute_printf(2, 3);
extern CredentialOutcome credentials_failed(CredentialFinding *found,
											const char *fmt,...) pg_attribute_printf(2, 3);

/*
 * FOUND, if the keys can be used: all there, fit for a header, not over.
 * expiration is a time as services write it, NULL for none; where says in
 * messages where they are from.
 */
extern CredentialOutcome credentials_check(CredentialFinding *found,
										   const char *expiration, const char *where);

/* A variable of the server's environment; NULL if unset or empty. */
extern const char *credentials_variable(const char *name);

/*
 * A whole file, without blanks and line ends behind the last character; NULL,
 * and errno set, if it cannot be read or is unreasonably large.
 */
extern char *credentials_file(const char *path);

/* ---------- credentials_fetch.c ---------- */

/* An answer outside 2xx as a phrase, without the given secrets. */
extern char *credentials_answer(const CredentialFetch *fetch, const AwsCredentials *secrets);

/* ---------- credentials_reply.c ---------- */

/* Keys as metadata services send them in JSON. */
extern CredentialOutcome credentials_from_json(const char *body, size_t len,
											   const char *where, CredentialFinding *found);

/* ---------- sts.c ---------- */

typedef struct StsRole
{
	const char *arn;
	const char *session_name;	/* NULL: a default */
	const char *external_id;	/* NULL for none */
	const char *duration;		/* seconds; NULL: the service's default */
} StsRole;

/* Exchanges keys for those of a role. */
extern CredentialOutcome sts_assume_role(const CredentialConfig *config,
										 const AwsCredentials *keys, const StsRole *role,
										 CredentialFinding *found);

/* Exchanges the token that a file holds now for the keys of a role. */
extern CredentialOutcome sts_assume_role_with_web_identity(const CredentialConfig *config,
														   const char *token_file,
														   const StsRole *role,
														   CredentialFinding *found);

#endif							/* PINTEREST_CREDENTIALS_FIND_H */
