/*-------------------------------------------------------------------------
 *
 * credentials.h
 *	  The keys that requests to AWS are signed with: where they come from,
 *	  and how they stay valid.
 *
 * Keys are a user's own (the user mapping) or those of the machine the server
 * runs on.  On top of either, a role may be assumed.  Temporary keys are kept
 * for the life of the backend, renewed some minutes before they end, and
 * renewed once when a service says that they have ended.
 *
 * Who may use the machine's keys is decided in credentials_config.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CREDENTIALS_H
#define PINTEREST_CREDENTIALS_H

#include "postgres.h"

#include "aws/sigv4.h"
#include "net/address.h"
#include "nodes/pg_list.h"

/* In the order of the values of option credential_source. */
typedef enum CredentialSource
{
	CREDENTIALS_USER_MAPPING,
	CREDENTIALS_ENVIRONMENT,
	CREDENTIALS_PROFILE,
	CREDENTIALS_CONTAINER,
	CREDENTIALS_INSTANCE,
	CREDENTIALS_WEB_IDENTITY,
	CREDENTIALS_CHAIN
} CredentialSource;

typedef struct CredentialConfig
{
	CredentialSource source;
	const char *server;			/* name, for messages */
	Oid			serverid;
	const char *region;
	AwsCredentials mapping;		/* keys of the user mapping, for that source */
	const char *profile;		/* NULL: AWS_PROFILE, or "default" */
	const char *role_arn;		/* NULL: no role on top */
	const char *external_id;
	const char *role_session_name;
	const char *sts_endpoint;	/* NULL: that of the region */
	AddressPolicy sts_policy;
} CredentialConfig;

/* Checks what these options of a server mean, and who sets them. */
extern void credentials_validate(List *options);

/* The same for the keys of a user mapping. */
extern void credentials_validate_mapping(List *options);

/*
 * What the options of a server, which are valid, and the user's mapping say;
 * the mapping is asked, and must be there, only where the keys are its.
 * Raises if the user may not use the source.  Palloc'd in the current context;
 * strings stay where they are.  Touches no network.
 */
extern CredentialConfig *credentials_config(const char *wrapper, Oid serverid, Oid userid,
											List *server_options, const char *region);

/* A sentence on where such keys come from. */
extern char *credentials_origin(const CredentialConfig *config, const AwsCredentials *keys);

typedef struct Credentials Credentials;

/*
 * Lives in the current memory context; config must outlive it.  Finds nothing
 * yet.
 */
extern Credentials *credentials_create(const CredentialConfig *config);

/*
 * The keys to sign with now.  May block, where they have to be fetched; every
 * wait can be cancelled.  Raises where there are none.  The same pointer as
 * before means the same keys; what it points at stays as it is.
 */
extern const AwsCredentials *credentials_get(Credentials *credentials);

/*
 * The service says that the keys got last have ended.  As credentials_get; the
 * same pointer means that there are no others.
 */
extern const AwsCredentials *credentials_renew(Credentials *credentials);

#endif							/* PINTEREST_CREDENTIALS_H */
