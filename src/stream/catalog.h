/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  The tables that hold streams and how far they have come.
 *
 * All functions run SQL as the owner of these tables, within SPI, and leave what
 * they return in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CATALOG_H
#define PINTEREST_CATALOG_H

#include "postgres.h"

#include "executor/spi.h"
#include "source/position.h"
#include "stream/execute.h"
#include "stream/stream.h"

/* An argument of a statement. */
typedef struct CatalogValue
{
	Datum		value;
	Oid			type;
	bool		isnull;
} CatalogValue;

extern CatalogValue catalog_text(const char *text); /* NULL: null */
extern CatalogValue catalog_int8(int64 number);

/* Executes a statement with up to 13 arguments; its result is SPI's. */
extern void catalog_execute(const char *sql, const CatalogValue *values, int n);

/*
 * The stream of that name, which nobody else may now run or change until the
 * transaction ends; waits for who does.  An error if there is none, or the
 * current user is not a member of its owner.
 */
extern Stream *catalog_lock_stream(const char *name);

/* The same, as it is now; others may run and change it. */
extern Stream *catalog_find_stream(const char *name);

/* The same for a stream of that role; NULL if there is none. */
extern Stream *catalog_stream_of(const char *name, Oid ownerid);

/* Adds it; an error if there is one of that name. */
extern void catalog_insert(const Stream *stream);

/* Where this database is: a copy of it is elsewhere. */
extern char *catalog_home(void);

/* How far it has read each split: a List of SourcePosition. */
extern List *catalog_positions(const Stream *stream);
extern void catalog_save_positions(const Stream *stream, List *positions);

/* A List of SourceGap */
extern void catalog_save_gaps(const Stream *stream, List *gaps);

extern void catalog_count_run(const Stream *stream, const BatchResult *result);

#endif							/* PINTEREST_CATALOG_H */
