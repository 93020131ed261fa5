/*-------------------------------------------------------------------------
 *
 * writer.h
 *	  The pipe the other way: row -> record -> target.
 *
 * What is written leaves the reach of the transaction: when it is rolled
 * back after all, a warning says what stays.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_WRITER_H
#define PINTEREST_WRITER_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/rel.h"

typedef struct Writer Writer;

/* Do the options of table and server allow writing? */
extern bool writer_allowed(Relation rel);

/*
 * Prepares to write to a foreign table as the given user, in a context below
 * the current one; objects as in SourceRequest.  Raises an error if the table
 * cannot be written.  Touches neither network nor disk.
 */
extern Writer *writer_open(Relation rel, Oid userid, List *objects);

/*
 * Looks which of the objects of a stream are there, as find_objects in source.h.
 * May block.
 */
extern void writer_find_objects(Relation rel, Oid userid, List *objects);

/*
 * Takes a row, by attribute number - 1.  May block; every wait can be
 * cancelled.  Of an error, the detail says what was complete before.
 */
extern void writer_put(Writer *writer, const Datum *values, const bool *nulls);

/*
 * Returns when all rows are where they belong; the writer is gone then.  A
 * writer that is not closed, after an error, takes back what it can.
 */
extern void writer_close(Writer *writer);

#endif							/* PINTEREST_WRITER_H */
