/*-------------------------------------------------------------------------
 *
 * identity.h
 *	  Running as somebody else.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_IDENTITY_H
#define PINTEREST_IDENTITY_H

#include "postgres.h"

typedef struct Identity
{
	Oid			userid;			/* who we were */
	int			context;
	int			nest_level;		/* of settings */
} Identity;

/*
 * From now on we are that user, names are looked up in pg_catalog alone, and
 * backslashes in literals mean themselves; until identity_restore, or the end of
 * the (sub)transaction.  For anybody but
 * ourselves it is a security-restricted operation: what runs then cannot become
 * somebody else, nor leave anything behind in the session that runs later.
 */
extern void identity_assume(Identity *identity, Oid userid);
extern void identity_restore(const Identity *identity);

/* Changes another setting for as long. */
extern void identity_set(const char *setting, const char *value);

#endif							/* PINTEREST_IDENTITY_H */
