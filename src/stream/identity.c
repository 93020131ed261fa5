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
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

void
identity_restore(const Identity *identity)
{
	AtEOXact_GUC(false, identity->nest_level);
	SetUserIdAndSecContext(identity->userid, identity->context);
}
