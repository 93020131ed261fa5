/*-------------------------------------------------------------------------
 *
 * progress.h
 *	  What running scans have done so far, for everybody to see: the view
 *	  pinterest.scan_progress.
 *
 * A scan has an entry in shared memory from its first row to its end, however
 * that comes.  Only its own backend writes to it, without locks and without
 * waiting; numbers may be a few hundred records old.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PROGRESS_H
#define PINTEREST_PROGRESS_H

#include "postgres.h"

#include "source/source.h"

typedef struct Progress Progress;

/*
 * Takes an entry, which goes when the current memory context does.  NULL when
 * there is none to be had: that is no error.
 */
extern Progress *progress_begin(const char *wrapper, const char *server,
								Oid relid, const char *relation);

/* Costs some ten stores to memory. */
extern void progress_update(Progress *progress, const SourceProgress *done,
							int64 records, int64 rejected);

/* Gives it back early.  progress may be NULL. */
extern void progress_end(Progress *progress);

#endif							/* PINTEREST_PROGRESS_H */
