/*-------------------------------------------------------------------------
 *
 * written.h
 *	  What a transaction has written where no rollback reaches: when it is
 *	  rolled back, or a part of it, a warning says what stays.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_WRITTEN_H
#define PINTEREST_WRITTEN_H

#include "postgres.h"

#include "source/target.h"

/* Before anything is written: from now on the ends of transactions are seen. */
extern void written_watch(void);

/* What a target has complete was written by the current subtransaction. */
extern void written_remember(const Target *target);

/* Warns at once. */
extern void written_warn(const char *name, int64 count, const char *unit);

#endif							/* PINTEREST_WRITTEN_H */
