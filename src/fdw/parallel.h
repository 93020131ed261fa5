/*-------------------------------------------------------------------------
 *
 * parallel.h
 *	  Parallel scans: the processes share one list of bodies.
 *
 * The leader lists the bodies before the workers start and writes them to a
 * shared temporary file; then every process takes one after the other, each
 * body exactly once.  Nobody ever waits for another process, so that no order
 * in which the executor runs them can lead to a deadlock, and memory does not
 * grow with the number of bodies.
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
