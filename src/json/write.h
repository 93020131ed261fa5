/*-------------------------------------------------------------------------
 *
 * write.h
 *	  Rows to JSON: the reverse of datum.h.
 *
 * A row becomes one object without line breaks, its keys in the order of the
 * columns.  Values are written as row_to_json writes them, but numbers of
 * type real and double precision always with all their digits; NULL is null.
 * A column with a JSON Pointer lies in objects made for it, or in an array
 * where the tokens at that place are 0, 1 ... without a gap.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_WRITE_H
#define PINTEREST_JSON_WRITE_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

typedef struct JsonWriter JsonWriter;

/* One column that is written. */
typedef struct JsonWriteColumn
{
	const char *name;			/* for messages */
	const char *field;			/* key or JSON Pointer, as in option "field" */
	int			index;			/* in the arrays of values */
	Oid			typid;
} JsonWriteColumn;

/*
 * Prepares to write rows, in the current memory context.  columns is a List
 * of JsonWriteColumn.  Raises an error if two columns want the same place, or
 * one a place inside the other's.
 */
extern JsonWriter *json_writer_create(List *columns);

/*
 * Appends the row in UTF-8, without a line end.  Allocates nothing in the
 * current memory context but for out.  Raises what output functions raise.
 */
extern void json_writer_append(JsonWriter *writer, const Datum *values,
							   const bool *nulls, StringInfo out);

#endif							/* PINTEREST_JSON_WRITE_H */
