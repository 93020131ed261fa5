/*-------------------------------------------------------------------------
 *
 * import.c
 *	  IMPORT FOREIGN SCHEMA: tables for what the source finds, with columns
 *	  inferred from samples of their records.
 *
 * What comes from outside, the names of folders and the keys of records, ends
 * up in the text of commands: everything is quoted, and types are named so
 * that no search path can make others of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/heap.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "fdw/fdw.h"
#include "fdw/identifier.h"
#include "foreign/foreign.h"
#include "json/infer.h"
#include "json/path.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "option.h"
#include "record.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Room is left for metadata, and for columns that users add. */
#define MAX_FIELDS (MaxHeapAttributeNumber - 100)

typedef struct Import
{
	ImportForeignSchemaStmt *stmt;
	const SourceOps *ops;
	SourceRequest request;		/* table_options: those of the statement */
} Import;

/* The sampling of one table. */
typedef struct Sample
{
	const SourceTable *table;
	const SourceOps *ops;
	Source	   *source;
	int64		objects;		/* wanted so far */
	int64		max_objects;
} Sample;

/* Names that no column can have. */
static List *
system_columns(void)
{
	List	   *names = NIL;

	for (AttrNumber attnum = -1; attnum > FirstLowInvalidHeapAttributeNumber; attnum--)
		names = lappend(names, NameStr(*unconstify(NameData *,
												   &SystemAttributeDefinition(attnum)->attname)));
	return names;
}

/*
 * Sampling
 */

/* Of SourceFilter: no more objects are fetched than are wanted. */
static bool
wants_object(void *arg)
{
	Sample	   *sample = arg;

	if (sample->objects == sample->max_objects)
		return false;
	sample->objects++;
	return true;
}

/* Of SourceFilter. */
static bool
looks_at_nothing(void *arg, int item)
{
	return false;
}

/* Of SourceFilter: the whole location is listed. */
static bool
nothing_known(void *arg, int item, const char *hive_key, List **values)
{
	return false;
}

/* Of SourceFilter: nor are there ranges. */
static List *
no_ranges(void *arg, int item)
{
	return ranges_all();
}

/* Error context callback */
static void
add_place(void *arg)
{
	Sample	   *sample = arg;
	char	   *place = sample->source == NULL ? NULL : sample->ops->place(sample->source);

	errcontext("%s import of \"%s\"%s%s", sample->ops->wrapper, sample->table->name,
			   place == NULL ? "" : ", ", place == NULL ? "" : place);
}

/* Reads records until there are enough. */
static void
read_records(Records *records, int64 max_rows, JsonInference *inference)
{
	const JsonRecord *record;
	RecordPlace place;

	for (int64 rows = 0; rows < max_rows; rows++)
	{
		CHECK_FOR_INTERRUPTS();
		record = records_next(records, &place);
		if (record == NULL)
			return;
		if (record->error == JSON_ERROR_NONE && record->data != NULL)
			json_infer_record(inference, record->data, record->len);
	}
}

/*
 * Has the source deliver no more than a sample; returns how many records that is
 * at most.
 */
static int64
limit_sample(Import *import, Sample *sample, const SourceFilter *filter)
{
	int64		rows = option_integer(import->request.table_options, "sample_rows", 0);
	int64		drawn;

	if (import->ops->sample != NULL)
	{
		/* what producers send now is what queries will see */
		(void) import->ops->sample(sample->source, rows, true, &drawn);
		return drawn;
	}
	sample->max_objects = option_integer(import->request.table_options, "sample_objects", 0);
	import->ops->set_filter(sample->source, filter);
	return rows;
}

/* The fields of a table, in the current memory context. */
static List *
sample_fields(Import *import, const SourceTable *table, List *options)
{
	Sample		sample = {table, import->ops};
	SourceRequest request = import->request;
	JsonInference *inference = json_infer_begin(MAX_FIELDS);
	ErrorContextCallback callback = {error_context_stack, add_place, &sample};
	SourceFilter filter = {
			.wants = wants_object, .ranges = no_ranges, .looks_at = looks_at_nothing,
			.known = nothing_known, .arg = &sample
		};
	Records    *records;
	JsonNode   *root;
	int64		rows;
	int			no_slots[1];
	int			nslots;

	error_context_stack = &callback;
	request.table_options = options;
	sample.source = import->ops->open(&request);
	rows = limit_sample(import, &sample, &filter);
	root = json_path_tree(NIL, no_slots, &nslots);
	records = records_create(sample.source, options, root, nslots, true);
	if (!records_are_messages(records))
		records_limit_bodies(records, sample.max_objects);
	read_records(records, rows, inference);
	import->ops->close(sample.source);
	error_context_stack = callback.previous;

	if (json_infer_overflowed(inference))
		ereport(WARNING,
				(errmsg("records of \"%s\" have more than %d keys", table->name, MAX_FIELDS),
				 errdetail("No columns were created for the others.")));
	return json_infer_fields(inference);
}

/*
 * Commands
 */

/* A key as option "field" takes it. */
static char *
field_option(const char *key)
{
	StringInfoData pointer;

	if (*key != '/')
		return pstrdup(key);
	initStringInfo(&pointer);
	appendStringInfoChar(&pointer, '/');
	for (; *key != '\0'; key++)
	{
		if (*key == '~')
			appendStringInfoString(&pointer, "~0");
		else if (*key == '/')
			appendStringInfoString(&pointer, "~1");
		else
			appendStringInfoChar(&pointer, *key);
	}
	return pointer.data;
}

static void
append_column(StringInfo command, const char *name, const char *type,
			  const char *option, const char *value)
{
	if (command->data[command->len - 1] != '(')
		appendStringInfoChar(command, ',');
	appendStringInfo(command, "\n    %s %s", quote_identifier(name), type);
	if (option != NULL)
		appendStringInfo(command, " OPTIONS (%s %s)", option, quote_literal_cstr(value));
}

/* Columns for fields; returns their names. */
static List *
append_fields(StringInfo command, List *fields)
{
	List	   *keys = NIL;
	List	   *names;
	ListCell   *lc;
	ListCell   *name;

	foreach(lc, fields)
		keys = lappend(keys, ((JsonInferredField *) lfirst(lc))->key);
	names = identifiers_of(keys, NIL, system_columns());
	forboth(lc, fields, name, names)
	{
		JsonInferredField *field = lfirst(lc);
		bool		same = strcmp(lfirst(name), field->key) == 0;

		append_column(command, lfirst(name), field->type,
					  same ? NULL : "field", same ? NULL : field_option(field->key));
	}
	return names;
}

/* Columns for metadata, called record_path and so on. */
static void
append_metadata(StringInfo command, const SourceOps *ops, List *metadata, List *taken)
{
	ListCell   *lc;

	foreach(lc, metadata)
	{
		const SourceMetadata *item = source_metadata(ops, lfirst(lc));

		append_column(command, identifier_distinct(psprintf("record_%s", item->name), taken),
					  format_type_be_qualified(item->type), "metadata", item->name);
	}
}

/* Options of the statement that are the tables' too, behind the table's own. */
static List *
options_of_table(Import *import, const SourceTable *table)
{
	List	   *options = list_copy(table->options);
	ListCell   *lc;

	foreach(lc, import->request.table_options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (!option_given(options, def->defname) &&
			option_is_known(import->ops->wrapper, ForeignTableRelationId, def->defname))
			options = lappend(options, def);
	}
	return options;
}

static char *
make_command(Import *import, const SourceTable *table, const char *name, const char *server)
{
	List	   *options = options_of_table(import, table);
	List	   *fields = sample_fields(import, table, options);
	StringInfoData command;
	List	   *names;
	ListCell   *lc;
	const char *separator = "";

	if (fields == NIL)
	{
		ereport(NOTICE,
				(errmsg("no table created for \"%s\": no record with a key was found", table->name)));
		return NULL;
	}
	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", quote_identifier(name));
	names = append_fields(&command, fields);
	if (option_boolean(import->request.table_options, "metadata"))
		append_metadata(&command, import->ops, table->metadata, names);
	appendStringInfo(&command, "\n) SERVER %s\nOPTIONS (", quote_identifier(server));
	foreach(lc, options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		appendStringInfo(&command, "%s%s %s", separator, quote_identifier(def->defname),
						 quote_literal_cstr(defGetString(def)));
		separator = ", ";
	}
	appendStringInfoChar(&command, ')');
	return command.data;
}

/* A name in LIMIT TO that stands for nothing may be mistyped. */
static void
tell_missing(ImportForeignSchemaStmt *stmt, List *names)
{
	ListCell   *lc;

	if (stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO || names == NIL)
		return;
	foreach(lc, stmt->table_list)
		if (!identifier_listed(names, lfirst_node(RangeVar, lc)->relname))
			ereport(NOTICE,
					(errmsg("no table \"%s\" was found in remote schema \"%s\"",
							lfirst_node(RangeVar, lc)->relname, stmt->remote_schema)));
}

/*
 * Tables are named as IMPORT FOREIGN SCHEMA lists them, if it does: LIMIT TO
 * ("Pins") makes a table "Pins" of the folder Pins, LIMIT TO (pins) makes pins
 * of it.
 */
static List *
table_names(ImportForeignSchemaStmt *stmt, List *tables)
{
	List	   *names = NIL;
	List	   *listed = NIL;
	ListCell   *lc;

	foreach(lc, stmt->table_list)
		listed = lappend(listed, lfirst_node(RangeVar, lc)->relname);
	foreach(lc, tables)
		names = lappend(names, ((SourceTable *) lfirst(lc))->name);
	return identifiers_of(names, listed, NIL);
}

List *
import_schema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	Import		import = {stmt, source_of_server(serverid)};
	ForeignServer *server = GetForeignServer(serverid);
	List	   *commands = NIL;
	List	   *tables;
	List	   *names;
	ListCell   *lc;
	ListCell   *name;

	option_validate(import.ops->wrapper, ForeignServerRelationId, server->options);
	option_validate(import.ops->wrapper, NamespaceRelationId, stmt->options);
	import.request.serverid = serverid;
	import.request.userid = GetUserId();
	import.request.server_options = server->options;
	import.request.table_options = stmt->options;

	tables = import.ops->tables(&import.request, stmt->remote_schema);
	names = table_names(stmt, tables);
	tell_missing(stmt, names);
	forboth(lc, tables, name, names)
	{
		MemoryContext old;
		MemoryContext context;
		char	   *command;

		if (!IsImportableForeignTable(lfirst(name), stmt))
			continue;
		context = AllocSetContextCreate(CurrentMemoryContext, "pinterest import",
										ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(context);
		command = make_command(&import, lfirst(lc), lfirst(name), server->servername);
		MemoryContextSwitchTo(old);
		if (command != NULL)
			commands = lappend(commands, pstrdup(command));
		MemoryContextDelete(context);
	}
	return commands;
}
