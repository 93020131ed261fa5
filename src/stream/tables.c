/*-------------------------------------------------------------------------
 *
 * tables.c
 *	  The source and the target of a stream.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "foreign/foreign.h"
#include "pg_compat.h"
#include "source/source.h"
#include "stream/tables.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

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

/*
 * A stream can write objects where they have names that tell what is in them: they
 * are committed before they are written, see sink.c.
 */
static void
check_objects(const Stream *stream, Relation source, Relation target)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(target));
	const SourceOps *ops = source_of_server(table->serverid);

	if (ops->check_objects == NULL)
		refuse_target(stream, "What is written to a foreign table is not committed together with the stream's positions.",
					  "A foreign table of s3_json with the option layout 'sink' can be the target of a stream over topics.");
	if (source_of_server(GetForeignTable(RelationGetRelid(source))->serverid)->positions->backlog == NULL)
		refuse_target(stream, "Objects are named by topics, partitions and offsets: the source must be a foreign table of kafka_json.",
					  NULL);
	if (stream->key_columns != NIL)
		refuse_target(stream, "It is a foreign table: the rows there have no keys.",
					  "Leave key_columns out.");
	ops->check_objects(table->options);
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

void
tables_open(const Stream *stream, Relation *source, Relation *target)
{
	*source = open_relation(stream, "source", stream->source);
	*target = open_relation(stream, "target", stream->target);
	check_source(stream, *source);
	if ((*target)->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		check_objects(stream, *source, *target);
	else
		check_target(stream, *target);
}

/* Locks last: something is done with them now. */
void
tables_close(Relation source, Relation target)
{
	table_close(source, NoLock);
	table_close(target, NoLock);
}
