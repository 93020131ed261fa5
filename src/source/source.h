/*-------------------------------------------------------------------------
 *
 * source.h
 *	  Where bytes come from: the interface every source implements.
 *
 * A source delivers a snapshot of splits as bodies.  A body is a piece of
 * bytes that begins and ends with a record.  Some sources have bodies that hold
 * any number of records, an S3 object for example, which is a split as well;
 * the reader takes the records out of what "read" gives it.  With others, such
 * as the messages of a Kafka partition, each body is one record, which
 * "message" hands out whole.  The reader asks the source for what else is known
 * about a record.
 *
 *	  source (body) -> json (record) -> reader (row)
 *
 * A new source is one file that fills a SourceOps, and one row in source.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SOURCE_H
#define PINTEREST_SOURCE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "pg_compat.h"
#include "source/admin.h"
#include "source/check.h"
#include "source/position.h"
#include "source/range.h"
#include "source/target.h"
#include "source/wait.h"

/*
 * A metadata column that a source offers.  Those with an item below zero are
 * the reader's own; all others are the source's.
 */
typedef struct SourceMetadata
{
	const char *name;			/* value of the column option "metadata" */
	int			item;
	Oid			type;			/* what metadata_value returns; a column of
								 * another type converts from its text */
	bool		of_split;		/* the same for all records of a split, and
								 * known before it is fetched */
	bool		ordered;		/* ascends within a split, more or less: the
								 * source asks for its ranges; see range.h for
								 * the types */
} SourceMetadata;

#define METADATA_ERROR (-1)		/* text: why the record could not be decoded */
#define METADATA_RAW (-2)		/* bytea: the record as it came */

/* Where in the current body a record lies. */
typedef struct RecordPlace
{
	int64		line;			/* it begins on this line, from 1 */
	int64		ordinal;		/* it is this record of the body, from 0 */
} RecordPlace;

/* A number for EXPLAIN ANALYZE. */
typedef struct SourceCounter
{
	const char *label;
	int64		value;
} SourceCounter;

/* How far it is, for pinterest.scan_progress. */
typedef struct SourceProgress
{
	SourceWait	waiting;
	int64		bodies;			/* begun */
	int64		known;			/* found so far, those included */
	bool		complete;		/* there are no more than these */
	int64		bytes;
	int			in_flight;		/* requests */
	int64		retries;
} SourceProgress;

/* What to read, as whom.  All option values have been validated. */
typedef struct SourceRequest
{
	Oid			serverid;
	Oid			userid;			/* whose user mapping counts */
	Oid			ownerid;		/* of the table; open_target only */
	List	   *server_options; /* of DefElem */
	List	   *table_options;
	List	   *objects;		/* of TargetObject; open_target only: nothing else is
								 * written, if not NIL */
} SourceRequest;

/* What a source asks before it lists and fetches. */
typedef struct SourceFilter
{
	/* Is the split that metadata_value and hive_value now tell of wanted? */
	bool		(*wants) (void *arg);

	/*
	 * In the split that "wants" was last asked about, which values can this
	 * ordered item have in a record that is wanted?  A set of range.h in the
	 * current memory context.
	 */
	List	   *(*ranges) (void *arg, int item);
	bool		has_ranges;		/* false: these are always all values */

	/* Can it depend on this item of the split what is wanted? */
	bool		(*looks_at) (void *arg, int item);

	/*
	 * Must this metadata item (or, with a hive_key, that path element) have one
	 * of a few values in every split that is wanted?  Then gives them out as a
	 * List of char *, in the current memory context.
	 */
	bool		(*known) (void *arg, int item, const char *hive_key, List **values);
	void	   *arg;
} SourceFilter;

/*
 * The list of bodies that the processes of a parallel scan share.  Either one
 * process lists everything, with the function list, before the others begin;
 * or, where the source lists by turns, each process lists a page now and then
 * while it fetches.
 */
typedef struct SourceSupply
{
	/* Takes the next packed body; false if there is none now. */
	bool		(*take) (void *arg, StringInfo body);

	/* There is none now, and there will be none. */
	bool		(*complete) (void *arg);

	/* How many bodies this process may have in hand, read and unread. */
	int			(*limit) (void *arg);

	/*
	 * Is it this process's turn to list the next page?  Then gives out the
	 * place where the page before has ended; empty: at the beginning.  idle:
	 * there is nothing else to do, so that a turn can be had as well that
	 * another process took a while ago.
	 */
	bool		(*begin_turn) (void *arg, bool idle, StringInfo place);

	/* Adds a packed body to the page. */
	void		(*add) (void *arg, StringInfo body);

	/*
	 * Ends the turn; place is where the page ends, NULL behind the last.  False
	 * if another process has been faster: what was added is then forgotten.
	 */
	bool		(*end_turn) (void *arg, StringInfo place);

	/* For who has nothing to do: waits for another process, but not for long. */
	void		(*wait) (void *arg);
	void	   *arg;
} SourceSupply;

/* What IMPORT FOREIGN SCHEMA can make a table of. */
typedef struct SourceTable
{
	char	   *name;			/* at the source, such as a topic's */
	List	   *options;		/* of the foreign table: DefElems */
	List	   *metadata;		/* char *: items that are worth columns */
} SourceTable;

typedef struct Source Source;

typedef struct SourceOps
{
	const char *wrapper;		/* name of the foreign data wrapper */
	const SourceMetadata *metadata; /* ends with a NULL name */

	/*
	 * Checks what the options of one object mean to this source, each value
	 * being valid by itself, and whether the current user may set them.
	 */
	void		(*validate) (Oid catalog, List *options);

	/*
	 * Makes a source in the current memory context, which also frees it.
	 * Touches neither network nor disk.
	 */
	Source	   *(*open) (const SourceRequest *request);

	/* Moves to the next body; false behind the last.  May block. */
	bool		(*next) (Source *source);

	/*
	 * Copies up to room bytes of the current body into buf, returns how many;
	 * 0 is its end.  May block.  Every wait can be cancelled.
	 */
	size_t		(*read) (Source *source, char *buf, size_t room);

	/*
	 * Instead of read, where each body is one record: its bytes, which last
	 * until the next body; NULL for a record without a value, which is a row of
	 * NULLs.  If JSON_PADDING bytes behind them can be read, and the first of these may
	 * be changed for a while, gives it out as *spare: this saves a copy.  Does not
	 * block.
	 */
	const char *(*message) (Source *source, size_t *len, char **spare);

	/* Bytes of the current body, as stored, that it took to read so far. */
	int64		(*consumed) (Source *source);

	/* From the next body on, leaves out what the filter does not want. */
	void		(*set_filter) (Source *source, const SourceFilter *filter);

	/*
	 * Instead of a filter, before the first next, if positions are numbers: has
	 * only about so many records read, the newest of each split or some from
	 * everywhere.  Returns how many positions there are, and how many of them
	 * are to be read; there are no more records than that.  May block.  NULL
	 * function: bodies can be drawn by path and size.
	 */
	int64		(*sample) (Source *source, int64 records, bool newest, int64 *drawn);

	/*
	 * A metadata item of a record in the current body; place is NULL for items
	 * of the split.
	 */
	Datum		(*metadata_value) (Source *source, int item,
								   const RecordPlace *place, bool *isnull);

	/*
	 * The value of a NAME=VALUE element in the path of the current body;
	 * NULL for none.  NULL function: the source has no paths.
	 */
	char	   *(*hive_value) (Source *source, const char *name);

	/* Where the current body is, for messages: object "s3://…", palloc'd; or NULL. */
	char	   *(*place) (Source *source);

	/*
	 * Lists the next wanted body, or a part of one that can be read by itself,
	 * packed so that another process can take it; false behind the last.  May
	 * block.  parts: may bodies be cut, so that lines and ordinals of records
	 * do not count from their start?  A source is used for this or for next.
	 */
	bool		(*list) (Source *source, bool parts, StringInfo body);

	/*
	 * Before the first next: takes packed bodies from there, and lists by turns
	 * if it does.  parts as for list.
	 */
	void		(*set_supply) (Source *source, const SourceSupply *supply, bool parts);

	/* Starts over with a new snapshot. */
	void		(*rewind) (Source *source);

	/* Lets go of what is in flight.  After an error, the context does it. */
	void		(*close) (Source *source);

	/* How far it is; cheap. */
	void		(*progress) (Source *source, SourceProgress *progress);

	/* What was done so far; returns how many of counters were filled. */
	int			(*counters) (Source *source, SourceCounter *counters);

	/*
	 * The scan of a table is about to end: says what its user should know.
	 * totals are the counters, of all processes together.  NULL: never anything.
	 */
	void		(*report) (Source *source, const char *table,
						   const SourceCounter *totals);

	/*
	 * Makes a target that takes the records of INSERT and COPY FROM, in the
	 * current memory context, which also takes back what it can of a target
	 * that was not finished.  Touches neither network nor disk.  Raises an
	 * error if the table cannot be written.
	 */
	Target	   *(*open_target) (const SourceRequest *request);

	/*
	 * For streams into objects (TargetObject), whose rows come in the order of
	 * partition, topic and offset.  check_objects raises an error if a table with
	 * these options cannot be their target.  find_objects looks which of them are
	 * there, that is, objects whose names lie in their ranges, and sets exists;
	 * those of a partition come one after the other, by offset.  It may block.
	 * NULL: none can.
	 */
	void		(*check_objects) (List *table_options);
	void		(*find_objects) (const SourceRequest *request, List *objects);

	/*
	 * Tries the way to the source and adds the steps, up to listing what there
	 * is; all skipped unless ready.  table_options may be NIL: then as far as
	 * the server goes.  True if records can now be read.  Every wait can be
	 * cancelled.
	 */
	bool		(*check) (Check *check, bool ready, const SourceRequest *request);

	/*
	 * What there is in a remote schema, a List of SourceTable by name.  The
	 * table_options of the request are those of IMPORT FOREIGN SCHEMA.  Checks
	 * that the current user may read it.  May block; every wait can be
	 * cancelled.
	 */
	List	   *(*tables) (const SourceRequest *request, const char *schema);

	/* How what there is to read is listed, made and dropped; NULL: not by it. */
	const SourceAdmin *admin;

	/* How a scan goes on where another has ended; NULL: it cannot. */
	const SourcePositions *positions;

	/* The option of the table that names what is read, for EXPLAIN. */
	const char *subject;

	/* The option of the table, or of its server, that names who reads; or NULL. */
	const char *consumer;

	/* The option of the server that names what INSERT goes through; or NULL. */
	const char *front;
} SourceOps;

#define MAX_SOURCE_COUNTERS 8

struct Source
{
	const SourceOps *ops;
	bool		lists_by_turns;	/* see SourceSupply; set by the source */

	/*
	 * Set by the owner where the source has positions: next returns false as soon
	 * as a scan can go on there.
	 */
	bool		enough;

	/*
	 * Set by the owner or NULL: the source calls it when it begins to wait and
	 * when it has waited.
	 */
	void		(*on_wait) (void *arg);
	void	   *on_wait_arg;
};

/* The source of a wrapper, by the wrapper's name; an error for others. */
extern const SourceOps *source_of_wrapper(const char *wrapper);

/* The source of a foreign table or server, by its wrapper's handler. */
extern const SourceOps *source_of_server(Oid serverid);

/*
 * The source of a server by name, which the current user must be allowed to
 * use; fills in the request, but for the table.
 */
extern const SourceOps *source_of_usable_server(const char *name, SourceRequest *request);

/* A metadata item by name; NULL if the source has none of that name. */
extern const SourceMetadata *source_metadata(const SourceOps *ops, const char *name);

extern const SourceOps s3_source_ops;
extern const SourceOps kafka_source_ops;
extern const SourceOps kinesis_source_ops;

#endif							/* PINTEREST_SOURCE_H */
