/*-------------------------------------------------------------------------
 *
 * target.h
 *	  Where records go: the interface of a source that can be written.
 *
 * A target takes records one after the other and decides by itself how many
 * of them go out together.  What it has told to be complete is there, and
 * stays there whatever becomes of the transaction.
 *
 *	  writer (row) -> json (record) -> target
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_TARGET_H
#define PINTEREST_TARGET_H

#include "postgres.h"

typedef struct Target Target;

/* A metadata item whose value rows may give is below this. */
#define TARGET_MAX_ITEMS 32

/* A record, and what its row says of it besides. */
typedef struct TargetRecord
{
	const char *data;			/* UTF-8, without line breaks; if whole, any bytes,
								 * or NULL for no value */
	size_t		len;
	bool		whole;			/* the row gave it as a whole, with takes_bytes */
	const Datum *metadata;		/* by item, of the type SourceMetadata tells; may
								 * be toasted */
	const bool *absent;			/* by item: is it NULL, or has no column? */
} TargetRecord;

/*
 * An object that a stream has decided on before its records are read: it takes
 * those of a range of offsets of a topic's partition.
 */
typedef struct TargetObject
{
	const char *topic;
	int32		partition;
	int64		first;			/* offsets */
	int64		last;
	bool		exists;			/* it is there already: its records are passed over */
} TargetObject;

typedef struct TargetOps
{
	/*
	 * Takes one record.  May block; every wait can be cancelled.  After an error
	 * the target takes nothing more.
	 */
	void		(*put) (Target *target, const TargetRecord *record);

	/* Returns when everything that was put is where it belongs. May block. */
	void		(*finish) (Target *target);

	/*
	 * A sentence on what stays although the statement fails here and now, or
	 * NULL.  palloc'd.
	 */
	char	   *(*remains) (Target *target);
} TargetOps;

struct Target
{
	const TargetOps *ops;
	const char *name;			/* of the whole, for messages */
	const char *unit;			/* what it is made of: "objects" */
	int64		complete;		/* that many of them are there to stay */
	uint32		takes;			/* metadata items whose value rows may give:
								 * bit 1 << item */
	bool		takes_bytes;	/* may rows give the record as a whole, in place of
								 * its fields (METADATA_RAW)? */
	bool		wants_value;	/* is a row that gives neither a record whose fields
								 * are all NULL, if the table has any? */
	const char *refusal;		/* a sentence on why rows cannot give other
								 * metadata; NULL: the usual one */
};

/*
 * A sentence on what stays after an error, for remains; NULL if nothing does.
 * palloc'd.  unit as in Target.
 */
extern char *target_remains(const char *unit, int64 delivered, int64 doubtful);

/*
 * Raises an error if what a row gives as a whole is no JSON; taker, which wants
 * that, begins a sentence.
 */
extern void target_check_json(const TargetRecord *record, const char *taker);

#endif							/* PINTEREST_TARGET_H */
