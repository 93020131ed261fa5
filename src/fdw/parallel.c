/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  Parallel scans: the processes share one list of bodies.
 *
 * What the workers counted goes into shared memory when they end, and from
 * there to the leader when it lets go of the segment: its own shutdown comes
 * too early, before the workers have ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/transam.h"
#include "column.h"
#include "fdw/parallel.h"
#include "fdw/shared_list.h"
#include "foreign/foreign.h"
#include "option.h"
#include "storage/dsm.h"
#include "utils/memutils.h"

/* In dynamic shared memory. */
typedef struct SharedScan
{
	SharedList	list;
	pg_atomic_uint64 rejected;	/* in this pass */

	/* what listing and the ended workers did, over all passes */
	pg_atomic_uint64 records;
	pg_atomic_uint64 all_rejected;
	pg_atomic_uint64 source[MAX_SOURCE_COUNTERS];
} SharedScan;

/* A process's part in a parallel scan. */
struct ParallelScan
{
	SharedScan *shared;
	ListMember *member;
	Reader	   *reader;
	bool		is_worker;
	ReaderCounters workers;		/* in the leader: what they did */
};

bool
parallel_is_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
	ForeignTable *table = GetForeignTable(rte->relid);
#if PG_VERSION_NUM < 170000
	Relation	relation;
	bool		safe = true;
#endif

	if (source_of_server(table->serverid)->list == NULL)
		return false;
#if PG_VERSION_NUM < 170000

	/*
	 * Errors of functions of users are caught in subtransactions, of which
	 * there are none in parallel queries.
	 */
	if (strcmp(option_text(table->options, "on_error"), "stop") == 0)
		return true;
	relation = table_open(rte->relid, NoLock);
	for (int i = 0; i < RelationGetNumberOfAttributes(relation); i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(relation), i);

		safe = safe && (attribute->attisdropped ||
						attribute->atttypid < FirstGenbkiObjectId);
	}
	table_close(relation, NoLock);
	return safe;
#else
	return true;
#endif
}

Size
parallel_estimate(ForeignScanState *node, ParallelContext *pcxt)
{
	return sizeof(SharedScan);
}

/* Adds what a reader did to the counts of all. */
static void
add_counters(SharedScan *shared, Reader *reader)
{
	ReaderCounters counters;

	reader_counters(reader, &counters);
	pg_atomic_fetch_add_u64(&shared->records, counters.records);
	pg_atomic_fetch_add_u64(&shared->all_rejected, counters.rejected);
	for (int i = 0; i < counters.nsource; i++)
		pg_atomic_fetch_add_u64(&shared->source[i], counters.source[i].value);
}

/* Lists all bodies with a reader of its own, before the other processes begin. */
static void
write_list(ForeignScanState *node, ParallelScan *parallel)
{
	const SourceSupply *supply = shared_list_supply(parallel->member);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest list",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Reader	   *lister = scan_open_reader(node);
	StringInfoData body;

	initStringInfo(&body);
	(void) supply->begin_turn(supply->arg, true, &body);
	while (reader_list(lister, &body))
		supply->add(supply->arg, &body);
	(void) supply->end_turn(supply->arg, NULL);
	add_counters(parallel->shared, lister);
	reader_close(lister);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* In the leader: a new pass over the source. */
static void
begin_pass(ForeignScanState *node, ParallelScan *parallel)
{
	pg_atomic_write_u64(&parallel->shared->rejected, 0);
	if (!reader_lists_by_turns(parallel->reader))
		write_list(node, parallel);
}

static ParallelScan *
join_scan(ForeignScanState *node, SharedScan *shared, bool is_worker)
{
	FdwScan    *scan = node->fdw_state;
	ParallelScan *parallel = palloc0(sizeof(ParallelScan));

	parallel->shared = shared;
	parallel->reader = scan->reader;
	parallel->is_worker = is_worker;
	parallel->member = shared_list_join(&shared->list, is_worker ? ParallelWorkerNumber + 1 : 0);
	reader_supply(scan->reader, shared_list_supply(parallel->member));
	reader_share_rejected(scan->reader, &shared->rejected, is_worker);
	scan->parallel = parallel;
	return parallel;
}

/* The leader lets go of the segment: the workers have ended. */
static void
collect_counters(dsm_segment *segment, Datum arg)
{
	ParallelScan *parallel = (ParallelScan *) DatumGetPointer(arg);
	SharedScan *shared = parallel->shared;

	parallel->workers.records = pg_atomic_read_u64(&shared->records);
	parallel->workers.rejected = pg_atomic_read_u64(&shared->all_rejected);
	for (int i = 0; i < MAX_SOURCE_COUNTERS; i++)
		parallel->workers.source[i].value = pg_atomic_read_u64(&shared->source[i]);
	reader_share_rejected(parallel->reader, NULL, false);
	parallel->shared = NULL;
}

void
parallel_initialize(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	SharedScan *shared = coordinate;
	MemoryContext old;
	ParallelScan *parallel;

	/* no workers, for want of a segment: the leader scans as if by itself */
	if (pcxt->seg == NULL)
		return;
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	memset(shared, 0, sizeof(SharedScan));
	shared_list_init(&shared->list, pcxt->seg, pcxt->nworkers + 1);
	pg_atomic_init_u64(&shared->rejected, 0);
	pg_atomic_init_u64(&shared->records, 0);
	pg_atomic_init_u64(&shared->all_rejected, 0);
	for (int i = 0; i < MAX_SOURCE_COUNTERS; i++)
		pg_atomic_init_u64(&shared->source[i], 0);
	parallel = join_scan(node, shared, false);
	on_dsm_detach(pcxt->seg, collect_counters, PointerGetDatum(parallel));
	begin_pass(node, parallel);
	MemoryContextSwitchTo(old);
}

void
parallel_reinitialize(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	FdwScan    *scan = node->fdw_state;
	SharedScan *shared = coordinate;
	MemoryContext old;

	if (scan->parallel == NULL)
		return;
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	shared_list_restart(&shared->list, scan->parallel->member);
	begin_pass(node, scan->parallel);
	MemoryContextSwitchTo(old);
}

void
parallel_initialize_worker(ForeignScanState *node, shm_toc *toc, void *coordinate)
{
	MemoryContext old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

	(void) join_scan(node, coordinate, true);
	MemoryContextSwitchTo(old);
}

void
parallel_shutdown(ForeignScanState *node)
{
	FdwScan    *scan = node->fdw_state;

	if (scan == NULL || scan->parallel == NULL)
		return;
	shared_list_leave(scan->parallel->member);
	if (scan->parallel->is_worker)
		add_counters(scan->parallel->shared, scan->reader);
}

void
parallel_counters(FdwScan *scan, ReaderCounters *counters)
{
	if (scan->parallel == NULL)
		return;
	counters->records += scan->parallel->workers.records;
	counters->rejected += scan->parallel->workers.rejected;
	for (int i = 0; i < counters->nsource; i++)
		counters->source[i].value += scan->parallel->workers.source[i].value;
}
