/*-------------------------------------------------------------------------
 *
 * column.h
 *	  What each column of a foreign table stands for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_COLUMN_H
#define PINTEREST_COLUMN_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "source/source.h"
#include "utils/rel.h"

typedef enum ColumnKind
{
	COLUMN_FIELD,				/* a value of the record */
	COLUMN_METADATA,			/* something the source knows */
	COLUMN_HIVE					/* a NAME=VALUE element of the path */
} ColumnKind;

typedef struct Column
{
	AttrNumber	attnum;
	const char *name;
	Oid			typid;
	int32		typmod;
	bool		updatable;		/* or only read */
	ColumnKind	kind;
	const char *field;			/* COLUMN_FIELD: key or JSON Pointer */
	const SourceMetadata *metadata; /* COLUMN_METADATA */
	const char *hive_key;		/* COLUMN_HIVE */
} Column;

/*
 * The columns with the given attribute numbers (an integer List), in that
 * order; dropped and virtual ones are left out.  List of Column in the current
 * memory context.
 */
extern List *columns_of(Relation rel, const SourceOps *ops, List *attnums);

/* All attribute numbers of a table, an integer List. */
extern List *all_attnums(Relation rel);

/* Has the column one value for all records of a split, known before it is fetched? */
extern bool column_of_split(const Column *column);

/* Does it tell where in its body a record is? */
extern bool column_counts_records(const Column *column);

/* Checks the options of one column; see the validator. */
extern void column_validate(const SourceOps *ops, List *options);

#endif							/* PINTEREST_COLUMN_H */
