/*-------------------------------------------------------------------------
 *
 * row.h
 *	  A record into a row: the wanted columns, from wherever their values come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_ROW_H
#define PINTEREST_ROW_H

#include "postgres.h"

#include "column.h"
#include "json/frame.h"
#include "source/source.h"

typedef struct RowMaker RowMaker;

/*
 * Binds columns (a List of Column) in the current memory context.  Gives out
 * which values of a record are wanted: the tree and the number of slots that
 * json_frame_create takes.  catch_errors: a value that does not fit its column
 * is reported by row_make instead of raised.
 */
extern RowMaker *row_maker_create(const SourceOps *ops, List *columns,
								  bool catch_errors, JsonNode **root, int *nslots);

/*
 * Fills values and nulls of the bound columns, by attribute number - 1, from a
 * good record and what the source knows about it.  Allocates in the current
 * memory context; text may lie in the record's arena.  Returns NULL, or what is
 * wrong with a value.
 */
extern char *row_make(RowMaker *maker, Source *source, const JsonRecord *record,
					  const RecordPlace *place, Datum *values, bool *nulls);

/* The same for a bad record: NULLs, the error, and what the source knows. */
extern void row_make_bad(RowMaker *maker, Source *source, const JsonRecord *record,
						 const RecordPlace *place, const char *error,
						 Datum *values, bool *nulls);

/*
 * Fills the bound columns, all of them columns of the split, for a split that
 * is known but not fetched.  Returns NULL, or what is wrong with a value.
 */
extern char *row_make_split(RowMaker *maker, Source *source, Datum *values, bool *nulls);

/* The column being converted, for error contexts; NULL outside. */
extern const Column *row_maker_column(const RowMaker *maker);

#endif							/* PINTEREST_ROW_H */
