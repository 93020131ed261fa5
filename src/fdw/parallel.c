/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  Parallel scans: the processes share one list of bodies.
 *
 * The list is two temporary files: the packed bodies one behind the other, and
 * an index of where each begins.  Taking one is an atomic increment and two
 * reads.
 *
 * What the workers counted goes into shared memory when they end, and from
 * there to the leader when it lets go of the segment: its own shutdown comes
 * too early, before the workers have ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>

#include "access/parallel.h"
#include "access/table.h"
#include "access/transam.h"
#include "column.h"
#include "fdw/parallel.h"
#include "foreign/foreign.h"
#include "option.h"
#include "pg_compat.h"
#include "storage/buffile.h"
#include "storage/dsm.h"
#include "storage/sharedfileset.h"
#include "utils/memutils.h"

/* In dynamic shared memory. */
typedef struct SharedScan
{
	SharedFileSet files;
	int			pass;			/* names the files: scans start over */
	int			processes;		/* planned, with the leader */
	uint64		nbodies;
	pg_atomic_uint64 taken;		/* may run past nbodies */
	pg_atomic_uint64 rejected;	/* in this pass */

	/* what ended workers and listings did, over all passes */
	pg_atomic_uint64 records;
	pg_atomic_uint64 all_rejected;
	pg_atomic_uint64 source[MAX_SOURCE_COUNTERS];
} SharedScan;

/* A process's part in a parallel scan. */
struct ParallelScan
{
	SharedScan *shared;
	SourceSupply supply;
	BufFile    *bodies;			/* opened when the first body is taken */
	BufFile    *index;
	int			pass;			/* whose files these are */
	MemoryContext context;
	Reader	   *reader;
	bool		is_worker;
	ReaderCounters workers;		/* in the leader: what they did */
};

/* Where a packed body is. */
typedef struct IndexEntry
{
	int			segment;		/* as BufFileTell says it */
	off_t		offset;
	int			len;
} IndexEntry;

bool
parallel_is_safe(PlannerInfo *root, RelOptInfo *rel, RangeTblEntry *rte)
{
#if PG_VERSION_NUM < 170000
	ForeignTable *table = GetForeignTable(rte->relid);
	Relation	relation;
	bool		safe = true;

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

static char *
file_name(const char *what, int pass)
{
	return psprintf("%s.%d", what, pass);
}

static void
read_exactly(BufFile *file, void *to, size_t len)
{
	if (BufFileRead(file, to, len) != len)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read the list of a parallel scan")));
}

static void
seek(BufFile *file, int segment, off_t offset)
{
	if (BufFileSeek(file, segment, offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in the list of a parallel scan")));
}

/* Of SourceSupply. */
static bool
take_body(void *arg, StringInfo body)
{
	ParallelScan *scan = arg;
	SharedScan *shared = scan->shared;
	uint64		number = pg_atomic_fetch_add_u64(&shared->taken, 1);
	IndexEntry	entry;
	MemoryContext old;

	if (number >= shared->nbodies)
		return false;
	if (scan->bodies == NULL)
	{
		old = MemoryContextSwitchTo(scan->context);
		scan->bodies = open_shared_file(&shared->files, file_name("bodies", shared->pass));
		scan->index = open_shared_file(&shared->files, file_name("index", shared->pass));
		MemoryContextSwitchTo(old);
	}
	seek(scan->index, 0, number * sizeof(IndexEntry));
	read_exactly(scan->index, &entry, sizeof(entry));
	seek(scan->bodies, entry.segment, entry.offset);
	enlargeStringInfo(body, entry.len);
	read_exactly(scan->bodies, body->data, entry.len);
	body->len = entry.len;
	return true;
}

/*
 * Of SourceSupply: half of a fair share of what is left, so that all end at
 * about the same time.
 */
static int
body_limit(void *arg)
{
	ParallelScan *scan = arg;
	SharedScan *shared = scan->shared;
	uint64		taken = pg_atomic_read_u64(&shared->taken);
	uint64		left = taken < shared->nbodies ? shared->nbodies - taken : 0;

	return (int) Min(left / (2 * shared->processes) + 1, INT_MAX);
}

static void
close_files(ParallelScan *scan)
{
	if (scan->bodies != NULL)
	{
		BufFileClose(scan->bodies);
		BufFileClose(scan->index);
	}
	scan->bodies = NULL;
	scan->index = NULL;
}

/* What an ended reader did besides records goes to the totals. */
static void
add_source_counters(SharedScan *shared, const ReaderCounters *counters)
{
	for (int i = 0; i < counters->nsource; i++)
		pg_atomic_fetch_add_u64(&shared->source[i], counters->source[i].value);
}

/* Lists all bodies, with a reader of its own, to the files of a new pass. */
static void
write_list(ForeignScanState *node, SharedScan *shared)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest list",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Reader	   *lister = scan_open_reader(node);
	BufFile    *bodies;
	BufFile    *index;
	ReaderCounters counters;
	StringInfoData body;

	shared->pass++;
	shared->nbodies = 0;
	bodies = create_shared_file(&shared->files, file_name("bodies", shared->pass));
	index = create_shared_file(&shared->files, file_name("index", shared->pass));
	initStringInfo(&body);
	while (reader_list(lister, &body))
	{
		IndexEntry	entry = {0};

		BufFileTell(bodies, &entry.segment, &entry.offset);
		entry.len = body.len;
		BufFileWrite(bodies, body.data, body.len);
		BufFileWrite(index, &entry, sizeof(entry));
		shared->nbodies++;
	}
	BufFileClose(bodies);
	BufFileClose(index);
	reader_counters(lister, &counters);
	add_source_counters(shared, &counters);
	reader_close(lister);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	pg_atomic_write_u64(&shared->taken, 0);
	pg_atomic_write_u64(&shared->rejected, 0);
}

static ParallelScan *
join_scan(ForeignScanState *node, SharedScan *shared, bool is_worker)
{
	FdwScan    *scan = node->fdw_state;
	ParallelScan *parallel = palloc0(sizeof(ParallelScan));

	parallel->shared = shared;
	parallel->reader = scan->reader;
	parallel->is_worker = is_worker;
	parallel->context = CurrentMemoryContext;
	parallel->supply.take = take_body;
	parallel->supply.limit = body_limit;
	parallel->supply.arg = parallel;
	reader_supply(scan->reader, &parallel->supply);
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
	MemoryContext old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	ParallelScan *parallel;

	memset(shared, 0, sizeof(SharedScan));
	SharedFileSetInit(&shared->files, pcxt->seg);
	shared->processes = pcxt->nworkers + 1;
	pg_atomic_init_u64(&shared->taken, 0);
	pg_atomic_init_u64(&shared->rejected, 0);
	pg_atomic_init_u64(&shared->records, 0);
	pg_atomic_init_u64(&shared->all_rejected, 0);
	for (int i = 0; i < MAX_SOURCE_COUNTERS; i++)
		pg_atomic_init_u64(&shared->source[i], 0);
	parallel = join_scan(node, shared, false);
	on_dsm_detach(pcxt->seg, collect_counters, PointerGetDatum(parallel));
	write_list(node, shared);
	MemoryContextSwitchTo(old);
}

void
parallel_reinitialize(ForeignScanState *node, ParallelContext *pcxt, void *coordinate)
{
	FdwScan    *scan = node->fdw_state;
	MemoryContext old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

	close_files(scan->parallel);
	SharedFileSetDeleteAll(&scan->parallel->shared->files);
	write_list(node, coordinate);
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
	ReaderCounters counters;
	SharedScan *shared;

	if (scan == NULL || scan->parallel == NULL)
		return;
	close_files(scan->parallel);
	if (!scan->parallel->is_worker)
		return;
	shared = scan->parallel->shared;
	reader_counters(scan->reader, &counters);
	pg_atomic_fetch_add_u64(&shared->records, counters.records);
	pg_atomic_fetch_add_u64(&shared->all_rejected, counters.rejected);
	add_source_counters(shared, &counters);
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
