/*-------------------------------------------------------------------------
 *
 * process.h
 *	  The background workers of streams, as processes: at most one for each.
 *
 * A worker holds a lock of the stream's name for as long as it lives.  The lock
 * tells who it is, also to sessions of a server that has not preloaded the
 * library, and ends with the process, however that ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PROCESS_H
#define PINTEREST_PROCESS_H

#include "postgres.h"

/* What a worker is told: BackgroundWorker.bgw_extra. */
typedef struct ProcessArguments
{
	Oid			database;
	Oid			owner;			/* of the stream */
	TransactionId starter;		/* to be waited for, or InvalidTransactionId */
	char		name[NAMEDATALEN];	/* of the stream */
} ProcessArguments;

/*
 * Has the postmaster start a worker; false if there are as many background
 * workers as there may be.  It waits until the transaction starter has ended,
 * and ends at once if the stream is then not to run, or has a worker.
 */
extern bool process_start(const char *name, Oid owner, TransactionId starter);

/* Of the worker that a stream has; 0 for none. */
extern int	process_pid(const char *name);

/*
 * Ends the worker that a stream has, and waits for it; the wait can be cancelled.
 * If this (sub)transaction is rolled back, also when it has been prepared, it is
 * started again.
 */
extern void process_end(const char *name, Oid owner);

/*
 * In a worker, in a transaction: are we the only one of the stream?  To be asked
 * again before each run, since functions that a run calls can release the lock, with
 * pg_advisory_unlock_all.
 */
extern bool process_claim(const char *name);

#endif							/* PINTEREST_PROCESS_H */
