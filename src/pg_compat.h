/*-------------------------------------------------------------------------
 *
 * pg_compat.h
 *	  The differences between PostgreSQL 14 to 18 that this code meets, so
 *	  that the rest reads as if there were one version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PG_COMPAT_H
#define PINTEREST_PG_COMPAT_H

#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/explain.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "optimizer/pathnode.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* VARDATA_ANY and friends left postgres.h in 16 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
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

/* Settings of an extension that are not defined: the new name came in 15. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* Can a subtransaction be begun here?  While a query runs in parallel: from 17. */
static inline bool
can_begin_subtransaction(void)
{
#if PG_VERSION_NUM >= 170000
	return true;
#else
	return !IsInParallelMode();
#endif
}

/* Whose user mapping a scan uses: the view's owner, or whoever asks. */
static inline Oid
foreign_scan_user(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Oid			userid;

#if PG_VERSION_NUM >= 160000
	userid = plan->checkAsUser;
#else
	userid = exec_rt_fetch(plan->scan.scanrelid, node->ss.ps.state)->checkAsUser;
#endif
	return OidIsValid(userid) ? userid : GetUserId();
}

/* A path without sort order, parameters or outer path. */
static inline ForeignPath *
make_foreign_scan_path(PlannerInfo *root, RelOptInfo *rel, double rows,
					   Cost startup_cost, Cost total_cost)
{
	return create_foreignscan_path(root, rel, NULL, rows,
#if PG_VERSION_NUM >= 180000
								   0,	/* disabled nodes */
#endif
								   startup_cost, total_cost, NIL,
								   rel->lateral_relids, NULL,
#if PG_VERSION_NUM >= 170000
								   NIL, /* restriction of a join */
#endif
								   NIL);
}

#endif							/* PINTEREST_PG_COMPAT_H */
