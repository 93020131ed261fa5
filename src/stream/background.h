/*-------------------------------------------------------------------------
 *
 * background.h
 *	  What the background workers of this library have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BACKGROUND_H
#define PINTEREST_BACKGROUND_H

#include "postgres.h"

#include "postmaster/bgworker.h"

/*
 * Describes one that can connect to a database and is not started again: its type
 * in pg_stat_activity, and the function of this library that it runs.
 */
extern void background_describe(BackgroundWorker *worker, const char *type,
								const char *function);

/* In it: handles the usual signals from now on. */
extern void background_handle_signals(void);

/*
 * A transaction, shown as what it does in pg_stat_activity; with _sql one that can
 * execute SQL, within SPI.
 */
extern void background_begin(const char *activity);
extern void background_commit(void);
extern void background_begin_sql(const char *activity);
extern void background_commit_sql(void);

/* In a transaction: does the database have the extension? */
extern bool background_has_extension(void);

/*
 * Waits for so many ms, or until the latch is set, and reads settings that have
 * changed.  The caller checks for interrupts.
 */
extern void background_wait(long ms, uint32 event);

#endif							/* PINTEREST_BACKGROUND_H */
