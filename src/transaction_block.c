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
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pinterest_refuse_transaction_block);

Datum
pinterest_refuse_transaction_block(PG_FUNCTION_ARGS)
{
	if (IsInTransactionBlock(true))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block",
						text_to_cstring(PG_GETARG_TEXT_PP(0))),
				 errhint("It commits as it goes. In drivers that begin transactions by themselves, switch autocommit on.")));
	PG_RETURN_VOID();
}
