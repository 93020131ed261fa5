/*-------------------------------------------------------------------------
 *
 * identity.c
 *	  Running as somebody else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "stream/identity.h"
#include "utils/guc.h"

void
identity_assume(Identity *identity, Oid userid)
{
	int			context;

	GetUserIdAndSecContext(&identity->userid, &identity->context);
	context = identity->context;
	if (userid != identity->userid)
		context |= SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION;
	SetUserIdAndSecContext(userid, context);
	identity->nest_level = NewGUCNestLevel();
	identity_set("search_path", "pg_catalog, pg_temp");
	identity_set("standard_conforming_strings", "on");
}

void
identity_set(const char *setting, const char *value)
{
	(void) set_config_option(setting, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
}

void
identity_restore(const Identity *identity)
{
	AtEOXact_GUC(false, identity->nest_level);
	SetUserIdAndSecContext(identity->userid, identity->context);
}
