/*-------------------------------------------------------------------------
 *
 * stream.h
 *	  Streams: each record of a source, once, in a table.
 *
 *	control.c	 create, reset, resume and drop
 *	run.c		 one at a time
 *	pull.c		 a run of a stream, from its positions on
 *	replay.c	 a run over its dead letters
 *	execute.c	 what both have executed, as the stream's owner
 *	statement.c	 the INSERT that this is
 *	letters.c	 dead letters, as they come and as they go
 *	share.c		 which splits belong to a stream
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
} Stream;

#endif							/* PINTEREST_STREAM_H */
