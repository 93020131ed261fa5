/*-------------------------------------------------------------------------
 *
 * rejects.h
 *	  Bad records: what is done with them, how many there may be, what is said.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_REJECTS_H
#define PINTEREST_REJECTS_H

#include "postgres.h"

#include "json/frame.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"

/* Option on_error, in the order of its values */
typedef enum OnError
{
	ON_ERROR_STOP,
	ON_ERROR_IGNORE,
	ON_ERROR_SET_NULL
} OnError;

/* Option log_verbosity, likewise */
typedef enum Verbosity
{
	VERBOSITY_DEFAULT,
	VERBOSITY_VERBOSE,
	VERBOSITY_SILENT
} Verbosity;

typedef struct Rejects
{
	OnError		on_error;
	Verbosity	verbosity;
	int64		limit;			/* option reject_limit */
	bool		limited;		/* has it been given? */
	bool		of_batch;		/* a stream says what is done, not the table */

	pg_atomic_uint64 *shared;	/* those of all processes, or NULL */
	bool		is_worker;
	int64		in_pass;		/* since the scan last started over */
	int64		before;			/* in all passes before */
	int64		most;			/* in one of them */
} Rejects;

extern void rejects_init(Rejects *rejects, List *table_options);

/* For a batch, instead: bad records are errors, or somebody else tells of them. */
extern void rejects_init_batch(Rejects *rejects, bool stops);

/* Must bad records be found, even if nothing of them is wanted? */
extern bool rejects_must_find(const Rejects *rejects);

/* Counts in a place of all processes as well, from the next pass on; or NULL. */
extern void rejects_share(Rejects *rejects, pg_atomic_uint64 *shared, bool is_worker);

/*
 * Counts a bad record; true if it makes a row.  message is what is wrong with
 * one of its values; NULL if the record itself is no good, what is wrong then is
 * given out.  is_message: the record is a body by itself.  Raises the error that
 * on_error 'stop' or reject_limit asks for.
 */
extern bool rejects_add(Rejects *rejects, const JsonRecord *record, bool is_message,
						const char **message);

extern int64 rejects_total(const Rejects *rejects);

/* The scan starts over. */
extern void rejects_rewind(Rejects *rejects);

/* At the end: the notice on how many there were. */
extern void rejects_tell(Rejects *rejects, const char *wrapper, const char *table);

#endif							/* PINTEREST_REJECTS_H */
