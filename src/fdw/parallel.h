/*-------------------------------------------------------------------------
 *
 * parallel.h
 *	  Parallel scans: the processes share one list of bodies.
 *
 * The executor's callbacks; the list itself is shared_list.h's.  Without a
 * segment of shared memory there are no workers, and the scan stays the
 * leader's own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PARALLEL_H
#define PINTEREST_PARALLEL_H

#include "postgres.h"

#include "fdw/fdw.h"

extern bool parallel_is_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte);
extern Size parallel_estimate(ForeignScanState *node, ParallelContext *pcxt);
extern void parallel_initialize(ForeignScanState *node, ParallelContext *pcxt,
								void *coordinate);
extern void parallel_reinitialize(ForeignScanState *node, ParallelContext *pcxt,
								  void *coordinate);
extern void parallel_initialize_worker(ForeignScanState *node, shm_toc *toc,
									   void *coordinate);
extern void parallel_shutdown(ForeignScanState *node);

/* Adds what the workers did to the leader's own counters. */
extern void parallel_counters(FdwScan *scan, ReaderCounters *counters);

#endif							/* PINTEREST_PARALLEL_H */
