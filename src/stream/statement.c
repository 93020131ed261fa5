/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  The INSERT ... SELECT that a run of a stream executes.
 *
 * With key columns, the last row of each key counts.  Rows are numbered as they
 * come from the query, which is the order of the records unless it has another
 * one of its own:
 *
 *		INSERT INTO target AS t (key, other)
 *		SELECT key, other
 *		FROM (SELECT DISTINCT ON (key of the target's type) ...
 *			  FROM (SELECT *, row_number() OVER () AS number FROM (query)) ...
 *			  ORDER BY key of the target's type, number DESC)
 *		ON CONFLICT (key) DO UPDATE SET other = excluded.other
 *
 * Rows without a key conflict with none, so each of them stays.
 *
 * What is written to a foreign table makes objects, each of the records of a range
 * of offsets.  So it is sorted:
 *
 *		INSERT INTO target (...) SELECT ... FROM (query) ORDER BY partition, topic, offset
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "column.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "pg_compat.h"
#include "source/source.h"
#include "stream/citus.h"
#include "stream/identity.h"
#include "stream/key_index.h"
#include "stream/statement.h"
#include "stream/tables.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* The row's number in a batch; no column of a user's is likely called so. */
#define ROW_NUMBER "\"pinterest row number\""

typedef struct Statement
{
	const Stream *stream;
	Relation	source;
	Relation	target;
	List	   *columns;		/* of char *: of the query, and of the target */
	List	   *order;			/* of char *: those of them that rows are sorted by;
								 * NIL unless the target makes objects */
} Statement;

/* The attribute of that name; NULL if there is none. */
static Form_pg_attribute
find_attribute(Relation relation, const char *name)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && strcmp(NameStr(attribute->attname), name) == 0)
			return attribute;
	}
	return NULL;
}

/*
 * The query
 */

void
statement_point_at_text(void *arg)
{
	int			position = geterrposition();

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(arg);
}

/* A query's parse tree; it is one SELECT. */
static Query *
analyze_query(const char *text)
{
	ErrorContextCallback callback = {
		error_context_stack, statement_point_at_text, unconstify(char *, text)
	};
	List	   *statements;
	Query	   *query = NULL;

	error_context_stack = &callback;
	statements = pg_parse_query(text);
	if (list_length(statements) == 1)
		query = analyze_fixedparams(linitial_node(RawStmt, statements), text);
	error_context_stack = callback.previous;
	if (query == NULL || query->commandType != CMD_SELECT || query->hasModifyingCTE ||
		query->utilityStmt != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query of a stream must be one SELECT")));
	if (isQueryUsingTempRelation(query))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the query of a stream must not read temporary tables or views")));
	return query;
}

char *
statement_query(const char *query)
{
	Query	   *tree = analyze_query(query);
	Identity	identity;
	char	   *text;

	/*
	 * What is found without being qualified is in pg_catalog then.  Constants are
	 * written so that they are read alike whatever the settings are.
	 */
	identity_assume(&identity, GetUserId());
	identity_set("datestyle", "ISO");
	identity_set("intervalstyle", "postgres");
	identity_set("extra_float_digits", "3");
	text = query_text(tree, query);
	identity_restore(&identity);
	return text;
}

/* The names of a query's columns. */
static List *
query_columns(const char *text)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, analyze_query(text)->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk)
			columns = lappend(columns, entry->resname);
	}
	return columns;
}

/* The names that both relations have. */
static List *
common_columns(Relation source, Relation target)
{
	TupleDesc	desc = RelationGetDescr(target);
	List	   *columns = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && attribute->attgenerated == '\0' &&
			find_attribute(source, NameStr(attribute->attname)) != NULL)
			columns = lappend(columns, NameStr(attribute->attname));
	}
	return columns;
}

static void
check_columns(const Statement *statement)
{
	const Stream *stream = statement->stream;
	List	   *seen = NIL;
	ListCell   *lc;

	if (statement->columns == NIL && stream->query != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("the query of a stream must have columns")));
	if (statement->columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("%s and %s have no column in common", stream->source, stream->target),
				 errhint("Give a query whose columns have the names of the target's.")));
	foreach(lc, statement->columns)
	{
		const char *name = lfirst(lc);

		if (find_attribute(statement->target, name) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of the query is not a column of %s", name, stream->target),
					 errhint("Rows go into the target's columns of the same names.")));
		if (has_name(seen, name))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("the query has two columns \"%s\"", name)));
		seen = lappend(seen, lfirst(lc));
	}
	foreach(lc, stream->key_columns)
		if (!has_name(statement->columns, lfirst(lc)))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key column \"%s\" is not among the columns of stream \"%s\"",
							(char *) lfirst(lc), stream->name)));
}

/* Rows must say which node they go to. */
static void
check_distribution(const Statement *statement)
{
	const char *column = citus_distribution_column(RelationGetRelid(statement->target));
	Form_pg_attribute attribute;

	if (column == NULL || has_name(statement->columns, column))
		return;
	attribute = find_attribute(statement->target, column);
	if (!attribute->atthasdef && attribute->attidentity == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\", by which %s is distributed, is not among the columns of stream \"%s\"",
						column, statement->stream->target, statement->stream->name)));
}

/* The column that gives a target a record's topic, partition or offset. */
static char *
find_metadata(const Statement *statement, List *columns, const char *metadata)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		const Column *column = lfirst(lc);

		if (column->kind == COLUMN_METADATA && strcmp(column->metadata->name, metadata) == 0 &&
			has_name(statement->columns, column->name))
			return unconstify(char *, column->name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("no column of stream \"%s\" gives %s the %s of records",
					statement->stream->name, statement->stream->target, metadata),
			 errhint("Both tables need columns with the options metadata 'topic', 'partition' and 'offset', of the same names.")));
}

static void
set_order(Statement *statement)
{
	static const char *const metadata[] = {"partition", "topic", "offset"};
	Relation	target = statement->target;
	const SourceOps *ops = source_of_server(GetForeignTable(RelationGetRelid(target))->serverid);
	List	   *columns = columns_of(target, ops, all_attnums(target));

	for (int i = 0; i < lengthof(metadata); i++)
		statement->order = lappend(statement->order,
								   find_metadata(statement, columns, metadata[i]));
}

/*
 * The text
 */

/* a, b */
static void
append_columns(StringInfo sql, List *columns)
{
	ListCell   *lc;

	foreach(lc, columns)
		appendStringInfo(sql, "%s%s", lc == list_head(columns) ? "" : ", ",
						 quote_identifier(lfirst(lc)));
}

/*
 * The query's rows, in which the target's columns are called as there.
 */
static void
append_query(StringInfo sql, const Statement *statement)
{
	if (statement->stream->query != NULL)
	{
		appendStringInfo(sql, "(%s)", statement->stream->query);
		return;
	}
	appendStringInfoString(sql, "(SELECT ");
	append_columns(sql, statement->columns);
	appendStringInfo(sql, " FROM ONLY %s)", statement->stream->source);
}

/* By what the target's index compares a key column: the value as it is stored. */
static char *
key_expression(const Statement *statement, const char *name)
{
	Form_pg_attribute attribute = find_attribute(statement->target, name);
	char	   *expression = psprintf("q.%s::%s", quote_identifier(name),
									  format_type_extended(attribute->atttypid, attribute->atttypmod,
														   FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));

	if (!OidIsValid(attribute->attcollation))
		return expression;
	return psprintf("%s COLLATE %s", expression,
					generate_collation_name(attribute->attcollation));
}

/* What tells keys apart: their columns, and the row's number if one is null. */
static char *
key_expressions(const Statement *statement)
{
	StringInfoData list;
	StringInfoData missing;
	ListCell   *lc;

	initStringInfo(&list);
	initStringInfo(&missing);
	foreach(lc, statement->stream->key_columns)
	{
		char	   *name = lfirst(lc);

		appendStringInfo(&list, "%s, ", key_expression(statement, name));
		appendStringInfo(&missing, "%sq.%s IS NULL", missing.len > 0 ? " OR " : "",
						 quote_identifier(name));
	}
	appendStringInfo(&list, "CASE WHEN %s THEN q." ROW_NUMBER " END", missing.data);
	return list.data;
}

static void
append_last_of_keys(StringInfo sql, const Statement *statement)
{
	char	   *keys = key_expressions(statement);

	appendStringInfo(sql, "(SELECT DISTINCT ON (%s) q.* FROM (SELECT q.*, pg_catalog.row_number() OVER () AS "
					 ROW_NUMBER " FROM ", keys);
	append_query(sql, statement);
	appendStringInfo(sql, " AS q) AS q ORDER BY %s, q." ROW_NUMBER " DESC)", keys);
}

static void
append_conflict(StringInfo sql, const Statement *statement)
{
	List	   *keys = statement->stream->key_columns;
	const char *separator = "UPDATE SET ";
	ListCell   *lc;

	appendStringInfoString(sql, " ON CONFLICT (");
	append_columns(sql, keys);
	appendStringInfoString(sql, ") DO ");
	foreach(lc, statement->columns)
	{
		const char *name = quote_identifier(lfirst(lc));

		if (has_name(keys, lfirst(lc)))
			continue;
		appendStringInfo(sql, "%s%s = excluded.%s", separator, name, name);
		separator = ", ";
	}
	if (*separator != ',')
		appendStringInfoString(sql, "NOTHING");
}

/* Names of topics are compared by their bytes, which is fast. */
static void
append_order(StringInfo sql, const Statement *statement)
{
	ListCell   *lc;

	foreach(lc, statement->order)
	{
		const char *name = lfirst(lc);

		appendStringInfo(sql, "%sq.%s%s", lc == list_head(statement->order) ? " ORDER BY " : ", ",
						 quote_identifier(name),
						 OidIsValid(find_attribute(statement->target, name)->attcollation) ?
						 "::pg_catalog.text COLLATE pg_catalog.\"C\"" : "");
	}
}

static char *
statement_text(const Statement *statement)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s (", statement->stream->target);
	append_columns(&sql, statement->columns);
	appendStringInfoString(&sql, ") SELECT ");
	append_columns(&sql, statement->columns);
	appendStringInfoString(&sql, " FROM ");
	if (statement->stream->key_columns == NIL)
		append_query(&sql, statement);
	else
		append_last_of_keys(&sql, statement);
	appendStringInfoString(&sql, " AS q");
	append_order(&sql, statement);
	if (statement->stream->key_columns != NIL)
		append_conflict(&sql, statement);
	return sql.data;
}

char *
statement_make(const Stream *stream, bool returns, Oid *source, Oid *target)
{
	Statement	statement = {.stream = stream};
	char	   *text;

	tables_open(stream, &statement.source, &statement.target);
	statement.columns = stream->query != NULL ? query_columns(stream->query) :
		common_columns(statement.source, statement.target);
	check_columns(&statement);
	check_distribution(&statement);
	if (stream->key_columns != NIL)
		key_index_check(stream, statement.target);
	if (statement.target->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		set_order(&statement);
	text = statement_text(&statement);
	if (returns)
		text = psprintf("%s RETURNING 1", text);
	*source = RelationGetRelid(statement.source);
	*target = RelationGetRelid(statement.target);

	tables_close(statement.source, statement.target);
	return text;
}
