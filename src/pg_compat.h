/*-------------------------------------------------------------------------
 *
 * pg_compat.h
 *	  The differences between PostgreSQL 14 to 18 that this code meets, so
 *	  that the rest reads as if there were one version.
 *
 * Macros rather than functions where those would need headers of the server
 * that most files do without: whoever uses one includes what it names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PG_COMPAT_H
#define PINTEREST_PG_COMPAT_H

#include "postgres.h"

/* SET_VARSIZE, VARDATA_ANY and friends left postgres.h in 16 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Stands before a declaration; until 17 the attribute had another name. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * A wait that pg_stat_activity shows.  Names came in 17; ask once per process.
 * (utils/wait_event.h)
 */
#if PG_VERSION_NUM >= 170000
#define wait_event_named(name) WaitEventExtensionNew(name)
#else
#define wait_event_named(name) PG_WAIT_EXTENSION
#endif

/*
 * The flag with which a background worker may connect as a role that must not log
 * in; until 16 it cannot. (postmaster/bgworker.h)
 */
#if PG_VERSION_NUM >= 170000
#define CONNECT_WITHOUT_LOGIN BGWORKER_BYPASS_ROLELOGINCHECK
#else
#define CONNECT_WITHOUT_LOGIN 0
#endif

/* Reserves a prefix of settings: the name is from 15. (utils/guc.h) */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/*
 * Can a subtransaction be begun here?  While any part of the query runs in
 * parallel: from 17 on. (access/xact.h)
 */
#if PG_VERSION_NUM >= 170000
#define can_begin_subtransaction() true
#else
#define can_begin_subtransaction() (!IsInParallelMode())
#endif

/*
 * Temporary files that the processes of a query share, in a SharedFileSet.
 * (storage/buffile.h)
 */
#if PG_VERSION_NUM >= 150000
#define create_shared_file(files, name) BufFileCreateFileSet(&(files)->fs, name)
#define open_shared_file(files, name) \
	BufFileOpenFileSet(&(files)->fs, name, O_RDONLY, false)
#else
#define create_shared_file(files, name) BufFileCreateShared(files, name)
#define open_shared_file(files, name) BufFileOpenShared(files, name, O_RDONLY)
#endif

/*
 * The user a foreign scan checks as: the owner of the view it is in, or
 * InvalidOid. (executor/executor.h)
 */
#if PG_VERSION_NUM >= 160000
#define scan_check_as_user(node) \
	(((ForeignScan *) (node)->ss.ps.plan)->checkAsUser)
#else
#define scan_check_as_user(node) \
	(exec_rt_fetch(((Scan *) (node)->ss.ps.plan)->scanrelid, \
				   (node)->ss.ps.state)->checkAsUser)
#endif

/*
 * The user an INSERT into a foreign table checks as, or InvalidOid; a partition
 * that rows are routed to goes by its root. (executor/executor.h)
 */
#if PG_VERSION_NUM >= 160000
#define modify_check_as_user(result, estate) \
	ExecGetResultRelCheckAsUser(result, estate)
#else
#define modify_check_as_user(result, estate) \
	(exec_rt_fetch((result)->ri_RangeTableIndex != 0 ? (result)->ri_RangeTableIndex : \
				   (result)->ri_RootResultRelInfo->ri_RangeTableIndex, \
				   estate)->checkAsUser)
#endif

/*
 * May the user use the server? (catalog/pg_foreign_server.h, utils/acl.h)
 */
#if PG_VERSION_NUM >= 160000
#define server_aclcheck(serverid, userid, mode) \
	object_aclcheck(ForeignServerRelationId, serverid, userid, mode)
#else
#define server_aclcheck(serverid, userid, mode) \
	pg_foreign_server_aclcheck(serverid, userid, mode)
#endif

/*
 * A path of a base relation without sort order, outer path and private data;
 * outer are the relations it takes parameters from. (optimizer/pathnode.h)
 */
#if PG_VERSION_NUM >= 180000
#define plain_foreign_path(root, rel, rows, startup, total, outer) \
	create_foreignscan_path(root, rel, NULL, rows, 0, startup, total, NIL, \
							outer, NULL, NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define plain_foreign_path(root, rel, rows, startup, total, outer) \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, NIL, \
							outer, NULL, NIL, NIL)
#else
#define plain_foreign_path(root, rel, rows, startup, total, outer) \
	create_foreignscan_path(root, rel, NULL, rows, startup, total, NIL, \
							outer, NULL, NIL)
#endif

/*
 * A statement without parameters: analyzed, or rewritten as well, and a query
 * tree as text again.  14 cannot write the text, so it stays what it was.
 * (parser/analyze.h, tcop/tcopprot.h, utils/ruleutils.h)
 */
#if PG_VERSION_NUM >= 150000
#define analyze_fixedparams(raw, text) \
	parse_analyze_fixedparams(raw, text, NULL, 0, NULL)
#define rewrite_fixedparams(raw, text) \
	pg_analyze_and_rewrite_fixedparams(raw, text, NULL, 0, NULL)
#define query_text(tree, text) ((void) (text), pg_get_querydef(tree, false))
#else
#define analyze_fixedparams(raw, text) parse_analyze(raw, text, NULL, 0, NULL)
#define rewrite_fixedparams(raw, text) \
	pg_analyze_and_rewrite(raw, text, NULL, 0, NULL)
#define query_text(tree, text) ((void) (tree), pstrdup(text))
#endif

/* Runs a started query to its end. (executor/executor.h) */
#if PG_VERSION_NUM >= 180000
#define executor_run_all(desc) ExecutorRun(desc, ForwardScanDirection, 0)
#else
#define executor_run_all(desc) ExecutorRun(desc, ForwardScanDirection, 0, true)
#endif

/*
 * Is a column computed each time it is read, and so no part of any row that is
 * stored?  From 18 on. (catalog/pg_attribute.h)
 */
#if PG_VERSION_NUM >= 180000
#define is_virtual_column(attribute) \
	((attribute)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define is_virtual_column(attribute) false
#endif

/* A random number between 0 and 1 of a ReservoirState. (utils/sampling.h) */
#if PG_VERSION_NUM >= 150000
#define sampler_fraction(state) sampler_random_fract(&(state)->randstate)
#else
#define sampler_fraction(state) sampler_random_fract((state)->randstate)
#endif

#endif							/* PINTEREST_PG_COMPAT_H */
