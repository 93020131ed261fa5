/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  Streams: each record of a source, once, in a table.
 *
 *	create.c	 create_stream
 *	control.c	 the functions that act on one
 *	run.c		 one at a time
 *	pull.c		 a run of a stream, from its positions on
 *	pull_again.c the same again, because of records that are refused
 *	procedure.c	 a run in transactions of its own
 *	sink.c		 a run of a stream that writes objects, in two transactions:
 *	sink_choose.c	 the first, which decides on them
 *	sink_write.c	 the second, which writes them
 *	sink_object.c	 what is saved in between
 *	replay.c	 a run over its dead letters
 *	refuse.c	 finds those that are refused
 *	by_record.c	 which queries allow that
 *	execute.c	 what both have executed, as the stream's owner
 *	statement.c	 the INSERT that this is
 *	key_index.c	 the index that it needs with key columns
 *	tables.c	 its source and its target
 *	citus.c		 a target on other nodes
 *	letters.c	 records that are kept, above all dead letters
 *	letter_source.c	 and read as if from their source
 *	share.c		 which splits belong to a stream
 *	worker.c	 runs in the background
 *	launcher.c	 has them start with the server
 *	process.c	 workers as processes
 *	background.c what these have in common
 *	state.c		 whether there is to be one
 *	catalog.c	 the tables that hold it all
 *	identity.c	 as whom
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_STREAM_H
#define PINTEREST_STREAM_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* What becomes of bad records */
typedef enum StreamOnError
{
	STREAM_DEAD_LETTER,
	STREAM_IGNORE,
	STREAM_STOP
} StreamOnError;

/* A row of pinterest._stream; text is never empty. */
typedef struct Stream
{
	char	   *name;
	char	   *owner;
	Oid			ownerid;		/* InvalidOid: there is no such role now */
	bool		paused;			/* it comes from another database */
	char	   *source;			/* qualified and quoted */
	char	   *target;
	char	   *query;			/* or NULL */
	List	   *key_columns;	/* of char *, or NIL */
	StreamOnError on_error;
	bool		skips_gaps;
	char	   *splits;			/* see share.h, or NULL */
	TimestampTz since;
	int64		batch_rows;		/* records that its worker reads at a time */
	int64		batch_wait;		/* ms until it looks for more */
	Interval   *rotate_interval;	/* how long an object may wait until it is full;
									 * NULL unless the stream writes objects */
} Stream;

/* Is it one of these (char *)? */
static inline bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

#endif							/* PINTEREST_STREAM_H */
