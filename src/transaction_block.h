/*-------------------------------------------------------------------------
 *
 * transaction_block.h
 *	  Refuses a transaction block, for procedures that commit as they go.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_TRANSACTION_BLOCK_H
#define PINTEREST_TRANSACTION_BLOCK_H

#include "postgres.h"

#include "fmgr.h"

/* For procedures in C: raises an error unless the call may commit. */
extern void transaction_block_refuse(FunctionCallInfo fcinfo, const char *procedure);

#endif							/* PINTEREST_TRANSACTION_BLOCK_H */
