/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  The tables that hold streams and how far they have come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "stream/catalog.h"
#include "stream/identity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define MAX_VALUES 13
#define POSITION_COLUMNS 6		/* of _stream_position, besides the stream */

/* Positions that one statement saves. */
#define POSITIONS_AT_ONCE 10000

/*
 * SQL
 */

/* The owner of the tables, who made the extension. */
static Oid
catalog_owner(void)
{
	Oid			relid = get_relname_relid("_stream", get_namespace_oid("pinterest", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "table \"pinterest._stream\" is missing");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

CatalogValue
catalog_text(const char *text)
{
	return (CatalogValue) {
		text == NULL ? (Datum) 0 : CStringGetTextDatum(text), TEXTOID, text == NULL
	};
}

CatalogValue
catalog_int8(int64 number)
{
	return (CatalogValue) {Int64GetDatum(number), INT8OID, false};
}

/* An array of text, some of them NULL. */
static CatalogValue
texts_value(char **texts, int n)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(n, 1));
	int			from = 1;

	for (int i = 0; i < n; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(texts[i]);
	}
	return (CatalogValue) {
		PointerGetDatum(construct_md_array(values, nulls, 1, &n, &from, TEXTOID, -1,
										   false, TYPALIGN_INT)),
		TEXTARRAYOID,
		false
	};
}

void
catalog_execute(const char *sql, const CatalogValue *values, int n)
{
	Oid			types[MAX_VALUES];
	Datum		datums[MAX_VALUES];
	char		nulls[MAX_VALUES];
	MemoryContext context = CurrentMemoryContext;
	Identity	identity;
	int			result;

	Assert(n <= MAX_VALUES);
	for (int i = 0; i < n; i++)
	{
		types[i] = values[i].type;
		datums[i] = values[i].value;
		nulls[i] = values[i].isnull ? 'n' : ' ';
	}
	identity_assume(&identity, catalog_owner());
	result = SPI_execute_with_args(sql, n, types, datums, nulls, false, 0);
	identity_restore(&identity);
	MemoryContextSwitchTo(context); /* SPI leaves its own */
	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(result));
}

/* A column of the n-th row of the result, as text; NULL for null. */
static char *
result_text(int n, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[n], SPI_tuptable->tupdesc, column);
}

static Datum
result_datum(int n, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[n], SPI_tuptable->tupdesc, column, isnull);
}

/*
 * Streams
 */

char *
catalog_home(void)
{
	return psprintf(UINT64_FORMAT "/%u", GetSystemIdentifier(), MyDatabaseId);
}

/* Who may act on it: the owner and its members, superusers if there is none. */
static void
check_owner(const Stream *stream)
{
	if (OidIsValid(stream->ownerid) ? has_privs_of_role(GetUserId(), stream->ownerid) : superuser())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("must be owner of stream %s", stream->name)));
}

static List *
read_names(Datum array)
{
	Datum	   *elements;
	int			n;
	List	   *names = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, NULL, &n);
	for (int i = 0; i < n; i++)
		names = lappend(names, TextDatumGetCString(elements[i]));
	return names;
}

static StreamOnError
read_on_error(const char *word)
{
	if (strcmp(word, "stop") == 0)
		return STREAM_STOP;
	return strcmp(word, "ignore") == 0 ? STREAM_IGNORE : STREAM_DEAD_LETTER;
}

#define STREAM_QUERY \
	"SELECT owner, home, source, target, query, key_columns, on_error, on_gap, splits, since," \
	" batch_rows, (extract(epoch FROM batch_wait) * 1000)::bigint, rotate_interval" \
	" FROM pinterest._stream WHERE name = $1"

/* The stream in the first row of the result of that query. */
static Stream *
read_stream(const char *name)
{
	Stream	   *stream = palloc0(sizeof(Stream));
	bool		isnull;
	Datum		keys = result_datum(0, 6, &isnull);
	Datum		rotate;

	stream->name = pstrdup(name);
	stream->owner = result_text(0, 1);
	stream->ownerid = get_role_oid(stream->owner, true);
	stream->paused = strcmp(result_text(0, 2), catalog_home()) != 0;
	stream->source = result_text(0, 3);
	stream->target = result_text(0, 4);
	stream->query = result_text(0, 5);
	stream->key_columns = isnull ? NIL : read_names(keys);
	stream->on_error = read_on_error(result_text(0, 7));
	stream->skips_gaps = strcmp(result_text(0, 8), "skip") == 0;
	stream->splits = result_text(0, 9);
	stream->since = DatumGetTimestampTz(result_datum(0, 10, &isnull));
	stream->batch_rows = DatumGetInt64(result_datum(0, 11, &isnull));
	stream->batch_wait = DatumGetInt64(result_datum(0, 12, &isnull));
	rotate = result_datum(0, 13, &isnull);
	stream->rotate_interval = isnull ? NULL : DatumGetIntervalP(rotate);
	return stream;
}

/* NULL if there is none of that name. */
static Stream *
fetch_stream(const char *name, bool lock)
{
	CatalogValue value = catalog_text(name);

	catalog_execute(lock ? STREAM_QUERY " FOR UPDATE" : STREAM_QUERY, &value, 1);
	return SPI_processed == 0 ? NULL : read_stream(name);
}

Stream *
catalog_stream_of(const char *name, Oid ownerid)
{
	Stream	   *stream = fetch_stream(name, false);

	return stream != NULL && stream->ownerid == ownerid ? stream : NULL;
}

/* An error if there is none, or it belongs to somebody else. */
static Stream *
check_stream(const char *name, Stream *stream)
{
	if (stream == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("stream \"%s\" does not exist", name)));
	check_owner(stream);
	return stream;
}

Stream *
catalog_find_stream(const char *name)
{
	return check_stream(name, fetch_stream(name, false));
}

Stream *
catalog_lock_stream(const char *name)
{
	/* nobody waits, or has others wait, for what is not theirs */
	(void) catalog_find_stream(name);
	return check_stream(name, fetch_stream(name, true));
}

void
catalog_insert(const Stream *stream)
{
	static const char *const words[] = {"dead_letter", "ignore", "stop"};
	char	  **keys = palloc(sizeof(char *) * Max(list_length(stream->key_columns), 1));
	CatalogValue values[13];

	for (int i = 0; i < list_length(stream->key_columns); i++)
		keys[i] = list_nth(stream->key_columns, i);
	values[0] = catalog_text(stream->name);
	values[1] = catalog_text(stream->owner);
	values[2] = catalog_text(catalog_home());
	values[3] = catalog_text(stream->source);
	values[4] = catalog_text(stream->target);
	values[5] = catalog_text(stream->query);
	values[6] = texts_value(keys, list_length(stream->key_columns));
	values[6].isnull = stream->key_columns == NIL;
	values[7] = catalog_text(words[stream->on_error]);
	values[8] = catalog_text(stream->skips_gaps ? "skip" : "stop");
	values[9] = catalog_text(stream->splits);
	values[10] = catalog_int8(stream->batch_rows);
	values[11] = catalog_int8(stream->batch_wait);
	values[12] = (CatalogValue) {
		IntervalPGetDatum(stream->rotate_interval), INTERVALOID, stream->rotate_interval == NULL
	};
	catalog_execute("INSERT INTO pinterest._stream"
					" (name, owner, home, source, target, query, key_columns, on_error, on_gap, splits,"
					" batch_rows, batch_wait, rotate_interval)"
					" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 * interval '1 millisecond', $13)"
					" ON CONFLICT (name) DO NOTHING",
					values, lengthof(values));
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("stream \"%s\" already exists", stream->name)));
	catalog_execute("INSERT INTO pinterest._stream_worker (stream) VALUES ($1)", values, 1);
}

/*
 * How far they have come
 */

List *
catalog_positions(const Stream *stream)
{
	CatalogValue name = catalog_text(stream->name);
	List	   *positions = NIL;

	catalog_execute("SELECT split, position, mark, ends FROM pinterest._stream_position WHERE stream = $1",
					&name, 1);
	for (int i = 0; i < SPI_processed; i++)
	{
		SourcePosition *position = palloc0(sizeof(SourcePosition));

		position->split = result_text(i, 1);
		position->position = result_text(i, 2);
		position->mark = result_text(i, 3);
		position->ends = result_text(i, 4);
		positions = lappend(positions, position);
	}
	return positions;
}

/* So many of them, from one on. */
static void
save_positions(const Stream *stream, List *positions, int from, int n)
{
	char	  **texts = palloc(sizeof(char *) * n * POSITION_COLUMNS);
	CatalogValue values[POSITION_COLUMNS + 1];

	for (int i = 0; i < n; i++)
	{
		const SourcePosition *position = list_nth(positions, from + i);

		texts[i] = unconstify(char *, position->split);
		texts[n + i] = unconstify(char *, position->position);
		texts[2 * n + i] = unconstify(char *, position->mark);
		texts[3 * n + i] = unconstify(char *, position->ends);
		texts[4 * n + i] = position->ends == NULL ? NULL : psprintf("%lld", (long long) position->lag);
		texts[5 * n + i] = position->lag_ms < 0 ? NULL : psprintf("%lld", (long long) position->lag_ms);
	}
	values[0] = catalog_text(stream->name);
	for (int i = 0; i < POSITION_COLUMNS; i++)
		values[i + 1] = texts_value(texts + i * n, n);
	catalog_execute("INSERT INTO pinterest._stream_position AS p (stream, split, position, mark, ends, lag, lag_time)"
					" SELECT $1, u.split, u.position, u.mark, u.ends, u.lag::bigint, u.lag_ms::bigint * interval '1 millisecond'"
					" FROM unnest($2, $3, $4, $5, $6, $7) AS u (split, position, mark, ends, lag, lag_ms)"
					" ON CONFLICT (stream, split) DO UPDATE SET position = excluded.position, mark = excluded.mark,"
					" ends = excluded.ends, lag = excluded.lag, lag_time = excluded.lag_time"
					" WHERE p IS DISTINCT FROM excluded",
					values, lengthof(values));
}

void
catalog_save_positions(const Stream *stream, List *positions)
{
	int			n = list_length(positions);

	for (int from = 0; from < n; from += POSITIONS_AT_ONCE)
		save_positions(stream, positions, from, Min(n - from, POSITIONS_AT_ONCE));
}

void
catalog_save_gaps(const Stream *stream, List *gaps)
{
	ListCell   *lc;

	foreach(lc, gaps)
	{
		const SourceGap *gap = lfirst(lc);
		CatalogValue values[] = {
			catalog_text(stream->name), catalog_text(gap->split), catalog_text(gap->first),
			catalog_text(gap->last), catalog_text(gap->reason)
		};

		catalog_execute("INSERT INTO pinterest._stream_gap (stream, split, first, last, reason)"
						" VALUES ($1, $2, $3, $4, $5)", values, lengthof(values));
	}
}

void
catalog_count_run(const Stream *stream, const BatchResult *result)
{
	CatalogValue values[] = {
		catalog_text(stream->name), catalog_int8(result->records), catalog_int8(result->bytes),
		catalog_int8(result->rows), catalog_int8(result->rejected)
	};

	catalog_execute("UPDATE pinterest._stream SET runs = runs + 1, records = records + $2,"
					" bytes = bytes + $3, rows = rows + $4, rejected = rejected + $5,"
					" last_run = clock_timestamp() WHERE name = $1", values, lengthof(values));
}
