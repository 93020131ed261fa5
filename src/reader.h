/*-------------------------------------------------------------------------
 *
 * reader.h
 *	  The pipe: source -> record -> row.
 *
 * The one place where the stages meet.  The executor's side and the streams
 * both read through it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_READER_H
#define PINTEREST_READER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "source/source.h"
#include "utils/rel.h"

/* Setting pinterest.max_record_size, in kB. */
extern int	pinterest_max_record_size;

typedef struct ReaderCounters
{
	int64		records;		/* good and bad */
	int64		rejected;		/* bad */
	int			nsource;
	SourceCounter source[MAX_SOURCE_COUNTERS];
} ReaderCounters;

typedef struct Reader Reader;

/*
 * Prepares to read a foreign table as the given user, in the current memory
 * context, which also frees everything.  attnums (an integer List) are the
 * columns that are wanted.  Neither blocks nor touches network or disk.
 */
extern Reader *reader_open(Relation rel, Oid userid, List *attnums);

/* Is the body wanted whose columns have been filled in? */
typedef bool (*ReaderFilter) (void *arg);

/*
 * From the next body on, leaves out those the filter does not want.  Before it
 * is asked, the given columns (a List of Column, all of them columns of the
 * body) are filled into values and nulls.  A body whose path does not give
 * values of the columns' types is always wanted: it holds bad records.
 */
extern void reader_filter(Reader *reader, List *columns, ReaderFilter filter,
						  void *arg, Datum *values, bool *nulls);

/* The source that is read. */
extern const SourceOps *reader_ops(const Reader *reader);

/*
 * Fills the wanted columns of the next row, by attribute number - 1, and
 * leaves all others alone; false behind the last row.  By-reference values
 * live until the next call.  Blocks; every wait can be cancelled.  Bad records
 * are dealt with as the table's option on_error says.
 */
extern bool reader_next(Reader *reader, Datum *values, bool *nulls);

/* Starts over with a new snapshot. */
extern void reader_rewind(Reader *reader);

/* Ends the scan: says how many records were rejected, lets go of the source. */
extern void reader_close(Reader *reader);

extern void reader_counters(Reader *reader, ReaderCounters *counters);

#endif							/* PINTEREST_READER_H */
