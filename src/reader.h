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

#include "column.h"
#include "json/document.h"
#include "nodes/pg_list.h"
#include "port/atomics.h"
#include "source/source.h"
#include "utils/rel.h"

typedef struct ReaderCounters
{
	int64		records;		/* good and bad */
	int64		rejected;		/* bad */
	int			nsource;
	SourceCounter source[MAX_SOURCE_COUNTERS];
} ReaderCounters;

typedef struct Reader Reader;

/*
 * What a batch of a stream wants of its reader.  All of it belongs to the caller
 * and outlives the reader.
 */
typedef struct ReaderBatch
{
	const SourceResume *resume; /* where the source begins; NULL with open */

	/* Makes the source; NULL: it is the table's own. */
	Source	   *(*open) (void *arg, const SourceOps *ops);

	int64		max_records;	/* it ends soon behind so many */
	bool		wants_value;	/* is a record without a value a bad one? */
	bool		stops;			/* is a bad record an error? */

	/* Else it is handed out here; message is what is wrong with it. */
	void		(*reject) (void *arg, Source *source, const JsonRecord *record,
						   const RecordPlace *place, const char *message);
	void	   *arg;
} ReaderBatch;

/*
 * Prepares to read a foreign table as the given user, in the current memory
 * context, which also frees everything.  attnums (an integer List) are the
 * columns that are wanted.  batch is NULL unless it is read for one.  Neither
 * blocks nor touches network or disk.
 */
extern Reader *reader_open(Relation rel, Oid userid, List *attnums,
						   const ReaderBatch *batch);

/* What decides which splits are read, and which ranges of them. */
typedef struct ReaderFilter
{
	List	   *columns;		/* of Column, all of them columns of the split */
	Datum	   *values;			/* where they are filled in, by attribute number */
	bool	   *nulls;			/* - 1, before wants is asked */

	/* Is the split wanted? */
	bool		(*wants) (void *arg);

	/*
	 * Which values can this ordered metadata item have, in the split that wants
	 * was last asked about?  A set of range.h in the current memory context.
	 */
	List	   *(*ranges) (void *arg, const SourceMetadata *metadata);
	bool		has_ranges;		/* false: these are always all values */

	/*
	 * Must this column have one of a few values in every split that is wanted?
	 * Then gives them out, each once, as a List of char * in the current memory
	 * context.
	 */
	bool		(*known) (void *arg, const Column *column, List **values);
	void	   *arg;
} ReaderFilter;

/*
 * In place of reading for a batch: what there is to be read, as backlog in
 * position.h.  May block.
 */
extern List *reader_backlog(Reader *reader);

/*
 * From the next body on, leaves out what the filter does not want.  A split
 * whose path does not give values of the columns' types is always wanted: it
 * holds bad records.  The filter belongs to the caller and outlives the reader.
 */
extern void reader_filter(Reader *reader, const ReaderFilter *filter);

/*
 * Parallel scans.  Every process reads what the supply gives it, which belongs
 * to the caller and outlives the reader.  If the source does not list by turns,
 * one process lists before, with reader_list, a packed body at a time; false
 * behind the last.
 */
extern void reader_supply(Reader *reader, const SourceSupply *supply);
extern bool reader_lists_by_turns(const Reader *reader);
extern bool reader_list(Reader *reader, StringInfo body);

/*
 * Counts bad records here besides, for reject_limit: they are those of all
 * processes.  A worker (is_worker) leaves it to the leader to tell of them.
 * NULL before the place goes away.
 */
extern void reader_share_rejected(Reader *reader, pg_atomic_uint64 *rejected,
								  bool is_worker);

/*
 * Instead of a filter: has about so many rows read, from everywhere.  As sample
 * in source.h; only for sources that have it.  May block.
 */
extern int64 reader_sample(Reader *reader, int64 rows, int64 *drawn);

/* The source that is read, and as whom. */
extern const SourceOps *reader_ops(const Reader *reader);
extern const SourceRequest *reader_request(const Reader *reader);

/*
 * Fills the wanted columns of the next row, by attribute number - 1, and
 * leaves all others alone; false behind the last row.  By-reference values
 * live until the next call.  Blocks; every wait can be cancelled.  Bad records
 * are dealt with as the table's option on_error says.
 */
extern bool reader_next(Reader *reader, Datum *values, bool *nulls);

/*
 * The record of the row that reader_next has filled in last, and its source; both
 * live until the next call.
 */
extern Source *reader_record(const Reader *reader, const JsonRecord **record,
							 const RecordPlace **place);

/*
 * For a batch: reads what nobody has asked for, then tells how far each split has
 * been read.  As reached in position.h; NIL if the batch has opened the source.
 */
extern List *reader_finish_batch(Reader *reader);

/* Leaves out what has not been read of the current body. */
extern void reader_skip_body(Reader *reader);

/* Bytes, as stored, that have been read: of the current body, and of all. */
extern int64 reader_body_bytes(const Reader *reader);
extern int64 reader_bytes(const Reader *reader);

/* Starts over with a new snapshot. */
extern void reader_rewind(Reader *reader);

/* Lets the source say what these counters, of all processes, give reason to. */
extern void reader_report(Reader *reader, const ReaderCounters *totals);

/* Ends the scan: says how many records were rejected, lets go of the source. */
extern void reader_close(Reader *reader);

extern void reader_counters(Reader *reader, ReaderCounters *counters);

#endif							/* PINTEREST_READER_H */
