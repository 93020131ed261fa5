/*-------------------------------------------------------------------------
 *
 * key_index.c
 *	  The unique index that a stream with key columns needs.
 *
 * PostgreSQL infers it from the columns as well, but speaks of ON CONFLICT, which
 * no user of a stream has written, and takes deferrable constraints until the first
 * row is inserted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_index.h"
#include "nodes/bitmapset.h"
#include "stream/key_index.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The numbers of the key columns, which the target has. */
static Bitmapset *
key_attnums(const Stream *stream, Relation target)
{
	Bitmapset  *attnums = NULL;
	ListCell   *lc;

	foreach(lc, stream->key_columns)
		attnums = bms_add_member(attnums, get_attnum(RelationGetRelid(target), lfirst(lc)));
	return attnums;
}

/* Is it unique over just these columns, for all rows? */
static bool
is_over(HeapTuple tuple, const Bitmapset *attnums)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
	Bitmapset  *indexed = NULL;

	if (!index->indisunique || !index->indisvalid ||
		!heap_attisnull(tuple, Anum_pg_index_indexprs, NULL) ||
		!heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
		return false;
	for (int i = 0; i < index->indnkeyatts; i++)
		indexed = bms_add_member(indexed, index->indkey.values[i]);
	return bms_equal(indexed, attnums);
}

void
key_index_check(const Stream *stream, Relation target)
{
	Bitmapset  *attnums = key_attnums(stream, target);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(target))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		bool		is_immediate;

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for index %u", lfirst_oid(lc));
		is_immediate = ((Form_pg_index) GETSTRUCT(tuple))->indimmediate;
		if (is_over(tuple, attnums))
		{
			found = true;
			if (!is_immediate)
				ereport(ERROR,
						(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						 errmsg("constraint \"%s\" on the key columns of stream \"%s\" is deferrable",
								get_rel_name(lfirst_oid(lc)), stream->name),
						 errhint("Rows that exist already are found while others are inserted: make it NOT DEFERRABLE.")));
		}
		ReleaseSysCache(tuple);
	}
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("target %s of stream \"%s\" has no unique index on the key columns",
						stream->target, stream->name),
				 errhint("Create a primary key or a unique index on just these columns, without a WHERE clause.")));
}
