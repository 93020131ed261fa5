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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "pg_compat.h"
#include "source/source.h"
#include "stream/identity.h"
#include "stream/statement.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/varlena.h"

/* The row's number in a batch; no column of a user's is likely called so. */
#define ROW_NUMBER "\"pinterest row number\""

typedef struct Statement
{
	const Stream *stream;
	Relation	source;
	Relation	target;
	List	   *columns;		/* of char *: of the query, and of the target */
} Statement;

/*
 * Relations
 */

static Relation
open_relation(const Stream *stream, const char *what, const char *name)
{
	List	   *names = textToQualifiedNameList(cstring_to_text(name));
	Oid			relid = RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("%s %s of stream \"%s\" does not exist", what, name, stream->name)));
	return table_open(relid, AccessShareLock);
}

static void
check_source(const Stream *stream, Relation source)
{
	const SourceOps *ops;

	if (source->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("source %s of stream \"%s\" is not a foreign table", stream->source,
						stream->name),
				 errhint("To read through a view, name it in the query.")));
	ops = source_of_server(GetForeignTable(RelationGetRelid(source))->serverid);
	if (ops->positions == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("streams over %s are not supported", ops->wrapper)));
}

pg_noreturn static void
refuse_target(const Stream *stream, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("%s cannot be the target of stream \"%s\"", stream->target, stream->name),
			 errdetail("%s", detail),
			 hint != NULL ? errhint("%s", hint) : 0));
	pg_unreachable();
}

/* What holds for a target holds for each of its partitions. */
static void
check_partitions(const Stream *stream, Relation target)
{
	ListCell   *lc;

	foreach(lc, find_all_inheritors(RelationGetRelid(target), AccessShareLock, NULL))
	{
		Oid			relid = lfirst_oid(lc);

		if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
			refuse_target(stream, psprintf("Its partition \"%s\" is a foreign table: what is written there is not committed together with the stream's positions.",
										   get_rel_name(relid)), NULL);
		if (get_rel_persistence(relid) == RELPERSISTENCE_UNLOGGED)
			refuse_target(stream, psprintf("Its partition \"%s\" is unlogged: a crash of the server would empty it, and leave the stream's positions.",
										   get_rel_name(relid)), "Use ALTER TABLE ... SET LOGGED.");
	}
}

/* Rows must be as lasting as positions, and be committed with them. */
static void
check_target(const Stream *stream, Relation target)
{
	if (target->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		refuse_target(stream, "What is written to a foreign table is not committed together with the stream's positions.",
					  NULL);
	if (target->rd_rel->relkind != RELKIND_RELATION &&
		target->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		refuse_target(stream, "It is not a table.", NULL);
	if (target->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED)
		refuse_target(stream, "It is unlogged: a crash of the server would empty it, and leave the stream's positions.",
					  "Use ALTER TABLE ... SET LOGGED.");
	if (target->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		refuse_target(stream, "It is temporary: it would go, and leave the stream's positions.", NULL);
	if (target->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		check_partitions(stream, target);
}

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

	/* what is found without being qualified is in pg_catalog then */
	identity_assume(&identity, GetUserId());
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

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
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
	if (statement->stream->key_columns != NIL)
		append_conflict(&sql, statement);
	return sql.data;
}

char *
statement_make(const Stream *stream, Oid *source)
{
	Statement	statement = {.stream = stream};
	char	   *text;

	statement.source = open_relation(stream, "source", stream->source);
	statement.target = open_relation(stream, "target", stream->target);
	check_source(stream, statement.source);
	check_target(stream, statement.target);
	statement.columns = stream->query != NULL ? query_columns(stream->query) :
		common_columns(statement.source, statement.target);
	check_columns(&statement);
	text = statement_text(&statement);
	*source = RelationGetRelid(statement.source);

	/* locks last: it is executed now */
	table_close(statement.source, NoLock);
	table_close(statement.target, NoLock);
	return text;
}
