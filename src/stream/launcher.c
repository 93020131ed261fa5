/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  Starts the workers of streams when the server starts, and those that have
 *	  ended since though they should not have.
 *
 * What is to run is noted in each database.  So the launcher, which is connected
 * to none, has a short-lived starter look into one database after the other, as
 * the launcher of autovacuum does.  Two of them would do no harm: of two workers
 * of a stream, one ends (process.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "storage/ipc.h"
#include "stream/background.h"
#include "stream/catalog.h"
#include "stream/launcher.h"
#include "stream/process.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

/* s after which a launcher that has ended is started again */
#define RESTART_PAUSE 5

/* How long a starter waits for a lock */
#define LOCK_LIMIT "5s"

/* datconnlimit of a database that was dropped in part */
#define CONNECTION_LIMIT_INVALID (-2)

int			pinterest_launcher_naptime = 60;

static bool registered = false; /* in the postmaster, and so in all its children */

PGDLLEXPORT void pinterest_stream_launcher(Datum arg);
PGDLLEXPORT void pinterest_stream_starter(Datum arg);

void
launcher_register(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	background_describe(&worker, "pinterest launcher", "pinterest_stream_launcher");
	worker.bgw_restart_time = RESTART_PAUSE;
	RegisterBackgroundWorker(&worker);
	registered = true;
}

bool
launcher_is_registered(void)
{
	return registered;
}

/*
 * The launcher
 */

/* The OIDs of databases that streams may run in. */
static List *
list_databases(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *databases = NIL;
	Relation	catalog;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	catalog = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(catalog, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old;

		if (database->datistemplate || !database->datallowconn ||
			database->datconnlimit == CONNECTION_LIMIT_INVALID)
			continue;
		old = MemoryContextSwitchTo(context);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(catalog, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return databases;
}

/*
 * Has a starter look into it, and waits for that; false if there are as many
 * background workers as there may be.
 */
static bool
visit_database(Oid database)
{
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle;

	background_describe(&worker, "pinterest starter", "pinterest_stream_starter");
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&worker, &handle))
	{
		(void) WaitForBackgroundWorkerShutdown(handle);
		return true;
	}
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no background worker is left to look for streams in database %u", database),
			 errhint("Raise max_worker_processes, and restart the server.")));
	return false;
}

void
pinterest_stream_launcher(Datum arg)
{
	MemoryContext context;
	uint32		event;

	background_handle_signals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	context = AllocSetContextCreate(TopMemoryContext, "pinterest launcher",
									ALLOCSET_DEFAULT_SIZES);
	event = wait_event_named("PinterestLauncher");
	for (;;)
	{
		ListCell   *lc;

		MemoryContextReset(context);
		MemoryContextSwitchTo(context);
		foreach(lc, list_databases())
			if (!visit_database(lfirst_oid(lc)))
				break;
		background_wait(pinterest_launcher_naptime * 1000L, event);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * The starter
 */

/* False if there are as many background workers as there may be. */
static bool
start_missing(const char *name, const char *owner)
{
	Oid			ownerid = get_role_oid(owner, true);

	if (!OidIsValid(ownerid) || process_pid(name) != 0 ||
		process_start(name, ownerid, InvalidTransactionId))
		return true;
	ereport(LOG,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("no background worker is left for stream \"%s\"", name),
			 errhint("Each stream that is started takes one: raise max_worker_processes, and restart the server.")));
	return false;
}

static void
start_all_missing(void)
{
	CatalogValue home = catalog_text(catalog_home());
	SPITupleTable *found;

	catalog_execute("SELECT s.name, s.owner FROM pinterest._stream AS s"
					" JOIN pinterest._stream_worker AS w ON w.stream = s.name"
					" WHERE s.home = $1 AND w.state IN ('running', 'retrying')", &home, 1);
	found = SPI_tuptable;
	for (int i = 0; i < found->numvals; i++)
		if (!start_missing(SPI_getvalue(found->vals[i], found->tupdesc, 1),
						   SPI_getvalue(found->vals[i], found->tupdesc, 2)))
			break;
}

void
pinterest_stream_starter(Datum arg)
{
	background_handle_signals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(arg), InvalidOid, 0);
	/* what is locked in one database must not hold up the others */
	SetConfigOption("lock_timeout", LOCK_LIMIT, PGC_USERSET, PGC_S_SESSION);
	background_begin_sql("looking for streams");
	if (background_has_extension())
		start_all_missing();
	background_commit_sql();
	proc_exit(0);
}
