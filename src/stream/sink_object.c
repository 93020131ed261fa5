/*-------------------------------------------------------------------------
 *
 * sink_object.c
 *	  The objects that a stream is about to write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "stream/catalog.h"
#include "stream/sink_object.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

List *
sink_objects(const Stream *stream, bool chosen, int64 *run)
{
	CatalogValue values[] = {catalog_text(stream->name), {BoolGetDatum(chosen), BOOLOID, false}};
	List	   *objects = NIL;

	catalog_execute("SELECT split, first, coalesce(last, -1), since, coalesce(run, 0) FROM pinterest._stream_object"
					" WHERE stream = $1 AND (last IS NOT NULL) = $2 ORDER BY split COLLATE \"C\", first",
					values, lengthof(values));
	for (int i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		SinkObject *object = palloc(sizeof(SinkObject));
		bool		isnull;

		object->split = SPI_getvalue(tuple, desc, 1);
		object->first = DatumGetInt64(SPI_getbinval(tuple, desc, 2, &isnull));
		object->last = DatumGetInt64(SPI_getbinval(tuple, desc, 3, &isnull));
		object->since = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 4, &isnull));
		*run = DatumGetInt64(SPI_getbinval(tuple, desc, 5, &isnull));
		objects = lappend(objects, object);
	}
	return objects;
}

/* One column of objects, as an array. */
static CatalogValue
column_value(Datum *values, int n, Oid type, Oid array, bool byval)
{
	return (CatalogValue) {
		PointerGetDatum(construct_array(values, n, type, byval ? 8 : -1, byval && FLOAT8PASSBYVAL,
										byval ? TYPALIGN_DOUBLE : TYPALIGN_INT)),
		array,
		false
	};
}

/* Adds objects; those that have waited become chosen. */
static void
add_objects(const Stream *stream, List *objects, int64 run)
{
	int			n = list_length(objects);
	Datum	   *columns[4];
	CatalogValue values[6];
	ListCell   *lc;

	if (n == 0)
		return;
	for (int i = 0; i < lengthof(columns); i++)
		columns[i] = palloc(sizeof(Datum) * n);
	foreach(lc, objects)
	{
		const SinkObject *object = lfirst(lc);
		int			i = foreach_current_index(lc);

		columns[0][i] = CStringGetTextDatum(object->split);
		columns[1][i] = Int64GetDatum(object->first);
		columns[2][i] = Int64GetDatum(object->last);
		columns[3][i] = TimestampTzGetDatum(object->since);
	}
	values[0] = catalog_text(stream->name);
	values[1] = column_value(columns[0], n, TEXTOID, TEXTARRAYOID, false);
	values[2] = column_value(columns[1], n, INT8OID, INT8ARRAYOID, true);
	values[3] = column_value(columns[2], n, INT8OID, INT8ARRAYOID, true);
	values[4] = column_value(columns[3], n, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID, true);
	values[5] = (CatalogValue) {Int64GetDatum(run), INT8OID, false};
	catalog_execute("INSERT INTO pinterest._stream_object (stream, split, first, last, since, run)"
					" SELECT $1, u.split, u.first, nullif(u.last, -1), u.since, CASE WHEN u.last <> -1 THEN $6 END"
					" FROM unnest($2, $3, $4, $5) AS u (split, first, last, since)",
					values, lengthof(values));
}

void
sink_save_objects(const Stream *stream, List *waiting, List *chosen, int64 run)
{
	CatalogValue name = catalog_text(stream->name);

	catalog_execute("DELETE FROM pinterest._stream_object WHERE stream = $1 AND last IS NULL", &name, 1);
	add_objects(stream, waiting, run);
	add_objects(stream, chosen, run);

	/* no object may be written whose choice a crash could undo */
	if (chosen != NIL)
		ForceSyncCommit();
}

void
sink_forget_chosen(const Stream *stream)
{
	CatalogValue name = catalog_text(stream->name);

	catalog_execute("DELETE FROM pinterest._stream_object WHERE stream = $1 AND last IS NOT NULL", &name, 1);
}

void
sink_forget_split(const Stream *stream, const char *split)
{
	CatalogValue values[] = {catalog_text(stream->name), catalog_text(split)};

	catalog_execute("DELETE FROM pinterest._stream_object WHERE stream = $1 AND split = coalesce($2, split)",
					values, lengthof(values));
}

List *
sink_targets(List *objects)
{
	List	   *targets = NIL;
	ListCell   *lc;

	foreach(lc, objects)
	{
		const SinkObject *object = lfirst(lc);
		const char *slash = strrchr(object->split, '/');
		TargetObject *target = palloc0(sizeof(TargetObject));

		target->topic = pnstrdup(object->split, slash - object->split);
		target->partition = atoi(slash + 1);
		target->first = object->first;
		target->last = object->last;
		targets = lappend(targets, target);
	}
	return targets;
}
