/*-------------------------------------------------------------------------
 *
 * process.c
 *	  The background workers of streams, as processes: at most one for each.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "pg_compat.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "stream/background.h"
#include "stream/process.h"
#include "utils/memutils.h"

/*
 * Locks of streams are advisory locks of another class than those that the SQL
 * functions take.
 */
#define LOCK_CLASS 0x7069

/* How often, in ms, it is looked whether a worker has ended. */
#define END_POLL 10

StaticAssertDecl(sizeof(ProcessArguments) <= BGW_EXTRALEN, "the arguments of a worker are too long");

/* A worker that this transaction has ended. */
typedef struct Ended
{
	SubTransactionId subid;
	Oid			owner;
	char		name[NAMEDATALEN];
} Ended;

static List *ended = NIL;		/* in TopTransactionContext */

/*
 * The lock
 */

static LOCKTAG
lock_tag(const char *name)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) name, strlen(name), 0);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, LOCK_CLASS);
	return tag;
}

bool
process_claim(const char *name)
{
	LOCKTAG		tag = lock_tag(name);
	LockAcquireResult result = LockAcquire(&tag, ExclusiveLock, true, true);

	/* once is enough */
	if (result == LOCKACQUIRE_ALREADY_HELD)
		(void) LockRelease(&tag, ExclusiveLock, true);
	return result != LOCKACQUIRE_NOT_AVAIL;
}

int
process_pid(const char *name)
{
	LOCKTAG		tag = lock_tag(name);
	LockData   *data = GetLockStatusData();
	int			pid = 0;

	for (int i = 0; i < data->nelements; i++)
		if (data->locks[i].holdMask != 0 &&
			memcmp(&data->locks[i].locktag, &tag, sizeof(LOCKTAG)) == 0)
			pid = data->locks[i].pid;
	pfree(data->locks);
	pfree(data);
	return pid;
}

/*
 * Starting
 */

bool
process_start(const char *name, Oid owner, TransactionId starter)
{
	BackgroundWorker worker;
	ProcessArguments arguments = {
		.database = MyDatabaseId,
		.owner = owner,
		.starter = starter,
	};

	strlcpy(arguments.name, name, NAMEDATALEN);
	background_describe(&worker, "pinterest stream", "pinterest_stream_worker");
	snprintf(worker.bgw_name, BGW_MAXLEN, "pinterest stream \"%s\"", name);
	memcpy(worker.bgw_extra, &arguments, sizeof(arguments));
	return RegisterDynamicBackgroundWorker(&worker, NULL);
}

/*
 * Ending
 */

/*
 * Workers that were ended by what is undone now run again; with a starter, if that
 * is undone.  If that cannot be, the stream is "down".
 */
static void
start_ended(SubTransactionId subid, TransactionId starter)
{
	ListCell   *lc;

	foreach(lc, ended)
	{
		Ended	   *one = lfirst(lc);

		if (one->subid == subid || subid == InvalidSubTransactionId)
			(void) process_start(one->name, one->owner, starter);
	}
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		start_ended(InvalidSubTransactionId, InvalidTransactionId);
	if (event == XACT_EVENT_PREPARE)
		start_ended(InvalidSubTransactionId, GetTopTransactionIdIfAny());
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		ended = NIL;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId subid, SubTransactionId parent,
					  void *arg)
{
	ListCell   *lc;

	if (event == SUBXACT_EVENT_ABORT_SUB)
		start_ended(subid, InvalidTransactionId);
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		foreach(lc, ended)
			if (((Ended *) lfirst(lc))->subid == subid)
				((Ended *) lfirst(lc))->subid = parent;
}

/* Has it started again, unless this is committed. */
static void
remember_ended(const char *name, Oid owner)
{
	static bool registered = false;
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Ended	   *one = palloc(sizeof(Ended));

	if (!registered)
	{
		RegisterXactCallback(at_transaction_end, NULL);
		RegisterSubXactCallback(at_subtransaction_end, NULL);
		registered = true;
	}
	one->subid = GetCurrentSubTransactionId();
	one->owner = owner;
	strlcpy(one->name, name, NAMEDATALEN);
	ended = lappend(ended, one);
	MemoryContextSwitchTo(old);
}

static void
wait_for_end(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = wait_event_named("PinterestStreamEnd");
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, END_POLL, event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

void
process_end(const char *name, Oid owner)
{
	int			first = process_pid(name);

	if (first == 0)
		return;
	remember_ended(name, owner);
	for (int pid = first; pid != 0; pid = process_pid(name))
	{
		/* an error only if it has just ended */
		(void) kill(pid, SIGUSR2);
		wait_for_end();
	}

	/* it lets go of its lock before it disconnects from the database */
	while (BackendPidGetProc(first) != NULL)
		wait_for_end();
}
