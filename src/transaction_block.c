/*-------------------------------------------------------------------------
 *
 * transaction_block.c
 *	  Refuses a transaction block, for procedures that commit as they go.
 *
 * PL/pgSQL cannot ask; its COMMIT only says "invalid transaction termination",
 * which tells users of drivers that begin transactions by themselves nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "transaction_block.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pinterest_refuse_transaction_block);

static void
refuse(const char *procedure)
{
	ereport(ERROR,
			(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
			 errmsg("%s cannot run inside a transaction block", procedure),
			 errhint("It commits as it goes. In drivers that begin transactions by themselves, switch autocommit on.")));
}

Datum
pinterest_refuse_transaction_block(PG_FUNCTION_ARGS)
{
	if (IsInTransactionBlock(true))
		refuse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}

void
transaction_block_refuse(FunctionCallInfo fcinfo, const char *procedure)
{
	if (castNode(CallContext, fcinfo->context)->atomic)
		refuse(procedure);
}
