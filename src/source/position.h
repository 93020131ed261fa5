/*-------------------------------------------------------------------------
 *
 * position.h
 *	  Reading on where another scan has ended: what streams want of a source.
 *
 * Splits and positions are text here, since they are kept in tables and typed by
 * people.  What they say is the source's:
 *
 *				  split				position
 *	kafka_json	  topic/partition	the offset that comes next
 *	s3_json		  path of an object	its ETag, or size and time: it has been read
 *	kinesis_json  id of a shard		sequence number of the last record read
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SOURCE_POSITION_H
#define PINTEREST_SOURCE_POSITION_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* How far a split has been read. */
typedef struct SourcePosition
{
	const char *split;
	const char *position;
	const char *mark;			/* by which the source knows the last record
								 * again, or NULL */

	/* How far that was from the end of the split, when the scan began */
	const char *ends;			/* the position there, or NULL: unknown */
	int64		lag;			/* records that were not read; with ends */
	int64		lag_ms;			/* time between the last record read, or what
								 * came before, and then; -1: unknown */
} SourcePosition;

/* Records that are gone, though nobody has read them. */
typedef struct SourceGap
{
	const char *split;
	const char *first;			/* position of the first of them */
	const char *last;			/* and of the last; NULL: unknown */
	const char *reason;			/* a sentence */
} SourceGap;

/* What a split has behind its position, where positions are offsets. */
typedef struct SourceBacklog
{
	const char *split;
	int64		next;			/* of the first record that has not been read */
	int64		end;			/* the one behind the last */
	int64		lag_ms;			/* as in SourcePosition */
} SourceBacklog;

/* Where a scan goes on. */
typedef struct SourceResume
{
	List	   *positions;		/* of SourcePosition, one for a split */

	/*
	 * Where splits begin that have none: with records of this time or later,
	 * DT_NOBEGIN for all there are.
	 */
	TimestampTz since;

	/* Is the split to be read at all? */
	bool		(*wants) (void *arg, const char *split);

	/*
	 * Up to which offset, at most?  Asked again behind a gap without a last
	 * position.  NULL: up to its end.
	 */
	int64		(*upto) (void *arg, const char *split);

	/* Raises an error, or returns: then the scan goes on behind the gap. */
	void		(*gap) (void *arg, const SourceGap *gap);
	void	   *arg;
} SourceResume;

struct Source;
struct RecordPlace;

typedef struct SourcePositions
{
	/*
	 * Before the first next, in place of a filter: has the scan go on there.  It
	 * belongs to the caller and outlives the source.
	 */
	void		(*resume) (struct Source *source, const SourceResume *resume);

	/*
	 * How far each split has been read, all bodies given out so far included: a
	 * List of SourcePosition in the current memory context, which may outlive the
	 * source.  Splits whose position has not changed may be left out, unless they
	 * are new.
	 */
	List	   *(*reached) (struct Source *source);

	/*
	 * In place of next, after resume: what there is to be read, a List of
	 * SourceBacklog in the current memory context.  May block.  NULL function:
	 * positions are no offsets.
	 */
	List	   *(*backlog) (struct Source *source);

	/* Split and position of a record in the current body; mark is NULL. */
	void		(*locate) (struct Source *source, const struct RecordPlace *place,
						   SourcePosition *position);

	/* Raises an error unless it is a position that a split can have. */
	void		(*check) (const SourcePosition *position);
} SourcePositions;

/* The position of a split, or NULL. */
extern const SourcePosition *resume_position(const SourceResume *resume, const char *split);

/* Copies of a List of SourcePosition, in the current memory context. */
extern List *copy_positions(List *positions);

#endif							/* PINTEREST_SOURCE_POSITION_H */
