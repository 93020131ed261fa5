/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  What running scans have done so far, for everybody to see.
 *
 * The entries lie in the main shared memory segment, taken by the first scan
 * since the server started from the reserve that every server has: so it works
 * without shared_preload_libraries, as long as there is room.  Their number is
 * fixed and small; a scan that finds none free is not shown.
 *
 * An entry is claimed by setting pid from 0, and is valid while its version is
 * odd.  Who reads compares the version before and after, and leaves out what
 * changed meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "progress.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define ENTRIES 64
#define COLUMNS 18

typedef struct Entry
{
	pg_atomic_uint32 pid;		/* 0: free */
	pg_atomic_uint32 version;	/* odd: valid */
	Oid			database;
	Oid			userid;
	Oid			relid;
	TimestampTz started;
	NameData	wrapper;
	NameData	server;
	NameData	relation;

	pg_atomic_uint32 waiting;	/* SourceWait */
	pg_atomic_uint32 in_flight;
	pg_atomic_uint32 complete;	/* known is the total */
	pg_atomic_uint64 bodies;
	pg_atomic_uint64 known;
	pg_atomic_uint64 bytes;
	pg_atomic_uint64 records;
	pg_atomic_uint64 rejected;
	pg_atomic_uint64 retries;
} Entry;

struct Progress
{
	Entry	   *entry;			/* NULL: given back */
	MemoryContextCallback on_reset;
};

static Entry *entries = NULL;
static bool unavailable = false;

/*
 * Shared memory
 */

static void
initialize(Entry *all)
{
	for (int i = 0; i < ENTRIES; i++)
	{
		Entry	   *entry = &all[i];

		pg_atomic_init_u32(&entry->pid, 0);
		pg_atomic_init_u32(&entry->version, 0);
		pg_atomic_init_u32(&entry->waiting, 0);
		pg_atomic_init_u32(&entry->in_flight, 0);
		pg_atomic_init_u32(&entry->complete, 0);
		pg_atomic_init_u64(&entry->bodies, 0);
		pg_atomic_init_u64(&entry->known, 0);
		pg_atomic_init_u64(&entry->bytes, 0);
		pg_atomic_init_u64(&entry->records, 0);
		pg_atomic_init_u64(&entry->rejected, 0);
		pg_atomic_init_u64(&entry->retries, 0);
	}
}

static void
release_entry(Entry *entry)
{
	if (pg_atomic_read_u32(&entry->version) % 2 == 1)
		pg_atomic_fetch_add_u32(&entry->version, 1);
	pg_memory_barrier();
	pg_atomic_write_u32(&entry->pid, 0);
}

/*
 * The backend ends: normally nothing is left by now.  Not before its transaction
 * has been aborted: an entry given back here could be another's when a scan gives
 * it back as well.
 */
static void
backend_ends(int code, Datum arg)
{
	for (int i = 0; i < ENTRIES; i++)
		if (pg_atomic_read_u32(&entries[i].pid) == (uint32) MyProcPid)
			release_entry(&entries[i]);
}

/*
 * Finds or makes the entries; false if there is no room.  The error for that
 * leaves nothing behind but the lock we hold.
 */
static bool
attach(void)
{
	MemoryContext old = CurrentMemoryContext;
	bool		found;

	if (entries != NULL || unavailable)
		return entries != NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	PG_TRY();
	{
		entries = ShmemInitStruct("pinterest_pipeline progress", ENTRIES * sizeof(Entry), &found);
		if (!found)
			initialize(entries);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		unavailable = true;
		entries = NULL;
		HOLD_INTERRUPTS();		/* raising has let go of what the lock holds */
	}
	PG_END_TRY();
	LWLockRelease(AddinShmemInitLock);
	if (entries != NULL)
		on_shmem_exit(backend_ends, (Datum) 0);
	return entries != NULL;
}

/*
 * A scan
 */

void
progress_end(Progress *progress)
{
	if (progress == NULL || progress->entry == NULL)
		return;
	release_entry(progress->entry);
	progress->entry = NULL;
}

static void
on_context_reset(void *arg)
{
	progress_end(arg);
}

static Entry *
claim(void)
{
	for (int i = 0; i < ENTRIES; i++)
	{
		uint32		free = 0;

		if (pg_atomic_compare_exchange_u32(&entries[i].pid, &free, (uint32) MyProcPid))
			return &entries[i];
	}
	return NULL;
}

Progress *
progress_begin(const char *wrapper, const char *server, Oid relid, const char *relation)
{
	static const SourceProgress nothing = {0};
	Progress   *progress;
	Entry	   *entry;

	if (!attach())
		return NULL;
	progress = palloc0(sizeof(Progress));
	entry = claim();
	if (entry == NULL)
	{
		pfree(progress);
		return NULL;
	}
	progress->entry = entry;
	progress->on_reset.func = on_context_reset;
	progress->on_reset.arg = progress;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &progress->on_reset);

	entry->database = MyDatabaseId;
	entry->userid = GetUserId();
	entry->relid = relid;
	entry->started = GetCurrentTimestamp();
	namestrcpy(&entry->wrapper, wrapper);
	namestrcpy(&entry->server, server);
	namestrcpy(&entry->relation, relation);
	progress_update(progress, &nothing, 0, 0);
	pg_write_barrier();
	pg_atomic_fetch_add_u32(&entry->version, 1);
	return progress;
}

void
progress_update(Progress *progress, const SourceProgress *done, int64 records, int64 rejected)
{
	Entry	   *entry = progress->entry;

	if (entry == NULL)
		return;
	pg_atomic_write_u32(&entry->waiting, done->waiting);
	pg_atomic_write_u32(&entry->in_flight, done->in_flight);
	pg_atomic_write_u32(&entry->complete, done->complete);
	pg_atomic_write_u64(&entry->bodies, done->bodies);
	pg_atomic_write_u64(&entry->known, done->known);
	pg_atomic_write_u64(&entry->bytes, done->bytes);
	pg_atomic_write_u64(&entry->records, records);
	pg_atomic_write_u64(&entry->rejected, rejected);
	pg_atomic_write_u64(&entry->retries, done->retries);
}

/*
 * The view
 */

/* Who may see more of a scan than that there is one. */
static bool
may_see(Oid userid)
{
	return has_privs_of_role(GetUserId(), userid) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

/*
 * Other databases may have names in another encoding: what is no text here is
 * shown without its letters beyond ASCII.
 */
static Datum
name_datum(const NameData *name)
{
	char	   *text = pstrdup(NameStr(*name));

	if (!pg_verifymbstr(text, strlen(text), true))
		for (char *c = text; *c != '\0'; c++)
			if (IS_HIGHBIT_SET(*c))
				*c = '?';
	return CStringGetTextDatum(text);
}

/* Fills in a row; false if the entry is free or was changed meanwhile. */
static bool
entry_row(Entry *entry, Datum *values, bool *nulls)
{
	static const char *const waits[] = {NULL, "list", "get", "backoff", "pace"};
	uint32		version = pg_atomic_read_u32(&entry->version);
	uint32		waiting;
	int			n = 0;

	if (version % 2 == 0)
		return false;
	pg_read_barrier();
	memset(nulls, false, COLUMNS * sizeof(bool));
	waiting = pg_atomic_read_u32(&entry->waiting);
	values[n++] = Int32GetDatum((int32) pg_atomic_read_u32(&entry->pid));
	values[n++] = ObjectIdGetDatum(entry->database);
	values[n++] = ObjectIdGetDatum(entry->userid);
	values[n++] = CStringGetTextDatum(NameStr(entry->wrapper));
	values[n++] = name_datum(&entry->server);
	values[n++] = ObjectIdGetDatum(entry->relid);
	values[n++] = name_datum(&entry->relation);
	values[n++] = CStringGetTextDatum(waiting == SOURCE_BUSY ? "running" : "waiting");
	nulls[n] = waiting == SOURCE_BUSY;
	values[n] = nulls[n] ? (Datum) 0 : CStringGetTextDatum(waits[waiting]);
	n++;
	values[n++] = Int64GetDatum(pg_atomic_read_u64(&entry->bodies));
	values[n++] = Int64GetDatum(pg_atomic_read_u64(&entry->known));
	nulls[n] = !pg_atomic_read_u32(&entry->complete);
	values[n] = values[n - 1];
	n++;
	values[n++] = Int64GetDatum(pg_atomic_read_u64(&entry->records));
	values[n++] = Int64GetDatum(pg_atomic_read_u64(&entry->bytes));
	values[n++] = Int32GetDatum((int32) pg_atomic_read_u32(&entry->in_flight));
	values[n++] = Int64GetDatum(pg_atomic_read_u64(&entry->retries));
	values[n++] = Int64GetDatum(pg_atomic_read_u64(&entry->rejected));
	values[n++] = TimestampTzGetDatum(entry->started);
	Assert(n == COLUMNS);
	if (!may_see(entry->userid))
		memset(nulls + 3, true, (COLUMNS - 3) * sizeof(bool));
	pg_read_barrier();
	return pg_atomic_read_u32(&entry->version) == version;
}

PG_FUNCTION_INFO_V1(pinterest_scan_progress);

Datum
pinterest_scan_progress(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	TupleDesc	desc;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;

		if (!attach())
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("progress of scans is not available"),
					 errdetail("The reserve of shared memory is used up."),
					 errhint("Raise max_locks_per_transaction, which enlarges it, and restart the server.")));
		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		context->tuple_desc = BlessTupleDesc(desc);
		context->user_fctx = palloc0(sizeof(int));
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	for (int *next = context->user_fctx; *next < ENTRIES;)
	{
		Entry	   *entry = &entries[(*next)++];
		HeapTuple	row;

		if (!entry_row(entry, values, nulls))
			continue;
		row = heap_form_tuple(context->tuple_desc, values, nulls);
		SRF_RETURN_NEXT(context, HeapTupleGetDatum(row));
	}
	SRF_RETURN_DONE(context);
}
