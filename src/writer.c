/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  The pipe the other way: row -> record -> target.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "column.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "json/write.h"
#include "mb/pg_wchar.h"
#include "option.h"
#include "pg_compat.h"
#include "source/target.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "writer.h"
#include "written.h"

/* A metadata column whose value goes with the record. */
typedef struct GivenColumn
{
	const Column *column;
	bool		converts;		/* is its type another than the target's? */
	FmgrInfo	output;			/* to text and back, then; to bytea: its bytes */
	FmgrInfo	input;
	Oid			typioparam;
} GivenColumn;

struct Writer
{
	MemoryContext context;		/* of everything */
	char	   *table;			/* its name, for messages */
	JsonWriter *json;
	List	   *fields;			/* of Column: what json is made of */
	List	   *given;			/* of GivenColumn: what the target takes besides */
	GivenColumn *bytes;			/* the record as a whole; NULL: no such column */
	List	   *refused;		/* of Column: what it does not take */
	Target	   *target;
	Datum		metadata[TARGET_MAX_ITEMS]; /* of the row at hand */
	bool		absent[TARGET_MAX_ITEMS];
	MemoryContext row_context;
	StringInfoData record;
	bool		told;			/* what stays, or nothing does */
	MemoryContextCallback on_reset;
};

/* The context of a writer goes: if it was not closed, there was an error. */
static void
on_context_reset(void *arg)
{
	Writer	   *writer = arg;
	Target	   *target = writer->target;

	if (!writer->told && target != NULL && target->complete > 0)
		written_warn(target->name, target->complete, target->unit);
}

/* ---------- opening ---------- */

/* The table's word goes before the server's. */
static bool
is_updatable(List *table_options, List *server_options)
{
	return option_boolean(option_given(table_options, "updatable") ? table_options :
						  server_options, "updatable");
}

bool
writer_allowed(Relation rel)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));

	return is_updatable(table->options, GetForeignServer(table->serverid)->options);
}

static GivenColumn *
bind_given(const Column *column)
{
	GivenColumn *given = palloc0(sizeof(GivenColumn));
	Oid			function;
	bool		varlena;

	given->column = column;
	given->converts = getBaseType(column->typid) != column->metadata->type;
	getTypeOutputInfo(column->typid, &function, &varlena);
	fmgr_info(function, &given->output);
	getTypeInputInfo(column->metadata->type, &function, &given->typioparam);
	fmgr_info(function, &given->input);
	return given;
}

/* A column that the target takes.  Two of one kind could say two things. */
static GivenColumn *
add_given(Writer *writer, const Column *column)
{
	GivenColumn *given = bind_given(column);
	ListCell   *lc;

	foreach(lc, writer->given)
	{
		const Column *other = ((GivenColumn *) lfirst(lc))->column;

		if (other->metadata->item == column->metadata->item)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("cannot write to foreign table \"%s\"", writer->table),
					 errdetail("Columns \"%s\" and \"%s\" both give the metadata \"%s\".",
							   other->name, column->name, column->metadata->name)));
	}
	writer->given = lappend(writer->given, given);
	return given;
}

static bool
takes(const Target *target, const Column *column)
{
	int			item = column->kind == COLUMN_METADATA ? column->metadata->item : METADATA_ERROR;

	if (!column->updatable)
		return false;
	if (item == METADATA_RAW)
		return target->takes_bytes;
	return item >= 0 && item < TARGET_MAX_ITEMS && (target->takes & 1U << item) != 0;
}

/*
 * Columns of the record go to json, metadata that the target takes go with it,
 * all other columns cannot have values.
 */
static void
sort_columns(Writer *writer, List *columns)
{
	List	   *written = NIL;
	ListCell   *lc;

	foreach(lc, columns)
	{
		Column	   *column = lfirst(lc);
		JsonWriteColumn *field;

		if (takes(writer->target, column))
		{
			GivenColumn *given = add_given(writer, column);

			if (column->metadata->item == METADATA_RAW)
				writer->bytes = given;
			continue;
		}
		if (column->kind != COLUMN_FIELD || !column->updatable)
		{
			writer->refused = lappend(writer->refused, column);
			continue;
		}
		field = palloc0(sizeof(JsonWriteColumn));
		field->name = column->name;
		field->field = column->field;
		field->index = column->attnum - 1;
		field->typid = column->typid;
		written = lappend(written, field);
		writer->fields = lappend(writer->fields, column);
	}
	writer->json = json_writer_create(written);
	memset(writer->absent, true, sizeof(writer->absent));
}

/* What a table's options say, as whom; an error unless it can be written. */
static const SourceOps *
make_request(Relation rel, Oid userid, SourceRequest *request)
{
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	ForeignServer *server = GetForeignServer(table->serverid);
	const SourceOps *ops = source_of_server(server->serverid);

	/* a wrapper may have been made without the validator */
	option_validate(ops->wrapper, ForeignServerRelationId, server->options);
	option_validate(ops->wrapper, ForeignTableRelationId, table->options);
	if (!is_updatable(table->options, server->options))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("foreign table \"%s\" does not allow inserts",
						RelationGetRelationName(rel))));

	*request = (SourceRequest) {
		.serverid = server->serverid,
		.userid = userid,
		.ownerid = rel->rd_rel->relowner,
		.server_options = server->options,
		.table_options = table->options,
	};
	return ops;
}

void
writer_find_objects(Relation rel, Oid userid, List *objects)
{
	SourceRequest request;

	make_request(rel, userid, &request)->find_objects(&request, objects);
}

Writer *
writer_open(Relation rel, Oid userid, List *objects)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest writer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Writer	   *writer = palloc0(sizeof(Writer));
	SourceRequest request;
	const SourceOps *ops = make_request(rel, userid, &request);

	request.objects = objects;

	writer->context = context;
	writer->table = pstrdup(RelationGetRelationName(rel));
	initStringInfo(&writer->record);
	writer->row_context = AllocSetContextCreate(context, "pinterest written row",
												ALLOCSET_SMALL_SIZES);
	writer->target = ops->open_target(&request);
	sort_columns(writer, columns_of(rel, ops, all_attnums(rel)));
	writer->on_reset.func = on_context_reset;
	writer->on_reset.arg = writer;
	MemoryContextRegisterResetCallback(context, &writer->on_reset);
	written_watch();
	MemoryContextSwitchTo(old);
	return writer;
}

/* ---------- writing ---------- */

static void
check_refused(const Writer *writer, const bool *nulls)
{
	ListCell   *lc;

	foreach(lc, writer->refused)
	{
		Column	   *column = lfirst(lc);

		if (!nulls[column->attnum - 1])
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot insert a value into column \"%s\" of foreign table \"%s\"",
							column->name, writer->table),
					 errdetail("%s", !column->updatable ? "Its option \"updatable\" is false." :
							   writer->target->refusal != NULL ? writer->target->refusal :
							   "The column is not part of the record: it shows what is known of a record that is read."),
					 errhint("Leave the column out, or make it NULL.")));
	}
}

/* A value as the target takes it. */
static Datum
convert(GivenColumn *given, Datum value)
{
	char	   *text;

	if (!given->converts)
		return value;
	text = OutputFunctionCall(&given->output, value);
	if (given->column->metadata->type != BYTEAOID)
		return InputFunctionCall(&given->input, text, given->typioparam, -1);

	/* a bytea is a text's bytes, not what its input function makes of them */
	return PointerGetDatum(cstring_to_text(pg_server_to_any(text, strlen(text), PG_UTF8)));
}

/* Fills in what goes with the record, in the row's context. */
static void
take_metadata(Writer *writer, const Datum *values, const bool *nulls)
{
	MemoryContext old;
	ListCell   *lc;

	MemoryContextReset(writer->row_context);
	old = MemoryContextSwitchTo(writer->row_context);
	foreach(lc, writer->given)
	{
		GivenColumn *given = lfirst(lc);
		int			item = given->column->metadata->item;
		int			at = given->column->attnum - 1;

		if (given == writer->bytes)
			continue;
		writer->absent[item] = nulls[at];
		if (!nulls[at])
			writer->metadata[item] = convert(given, values[at]);
	}
	MemoryContextSwitchTo(old);
}

static bool
has_fields(const Writer *writer, const bool *nulls)
{
	ListCell   *lc;

	foreach(lc, writer->fields)
		if (!nulls[((Column *) lfirst(lc))->attnum - 1])
			return true;
	return false;
}

/*
 * The record as a whole, from the column for that: false if fields make it.  A
 * row that has neither is a record without a value, where there can be such.
 */
static bool
take_bytes(Writer *writer, const Datum *values, const bool *nulls, TargetRecord *record)
{
	const Column *column = writer->bytes->column;
	bool		given = !nulls[column->attnum - 1];
	MemoryContext old;
	struct varlena *bytes;

	if (has_fields(writer, nulls))
	{
		if (given)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("cannot insert both column \"%s\" and fields into foreign table \"%s\"",
							column->name, writer->table),
					 errdetail("The column is the record as a whole."),
					 errhint("Give either that column or columns that are fields of the record.")));
		return false;
	}
	if (!given && writer->target->wants_value && writer->fields != NIL)
		return false;
	record->data = NULL;
	record->len = 0;
	if (given)
	{
		old = MemoryContextSwitchTo(writer->row_context);
		bytes = PG_DETOAST_DATUM_PACKED(convert(writer->bytes, values[column->attnum - 1]));
		record->data = VARDATA_ANY(bytes);
		record->len = VARSIZE_ANY_EXHDR(bytes);
		MemoryContextSwitchTo(old);
	}
	return true;
}

static void
make_record(Writer *writer, const Datum *values, const bool *nulls, TargetRecord *record)
{
	if (writer->given != NIL)
		take_metadata(writer, values, nulls);
	record->metadata = writer->metadata;
	record->absent = writer->absent;
	record->whole = writer->bytes != NULL && take_bytes(writer, values, nulls, record);
	if (record->whole)
		return;
	resetStringInfo(&writer->record);
	json_writer_append(writer->json, values, nulls, &writer->record);
	record->data = writer->record.data;
	record->len = writer->record.len;
}

/* Called while an error is under way: adds what the target has to say. */
pg_noreturn static void
rethrow_with_remains(Writer *writer)
{
	ErrorData  *error;
	char	   *remains;

	MemoryContextSwitchTo(writer->context);
	error = CopyErrorData();
	FlushErrorState();
	remains = writer->target->ops->remains(writer->target);
	writer->told = true;
	if (remains != NULL)
		error->detail = error->detail == NULL ? remains :
			psprintf("%s\n%s", error->detail, remains);
	ReThrowError(error);
	pg_unreachable();
}

void
writer_put(Writer *writer, const Datum *values, const bool *nulls)
{
	TargetRecord record;

	PG_TRY();
	{
		check_refused(writer, nulls);
		make_record(writer, values, nulls, &record);
		writer->target->ops->put(writer->target, &record);
	}
	PG_CATCH();
	{
		rethrow_with_remains(writer);
	}
	PG_END_TRY();
}

void
writer_close(Writer *writer)
{
	PG_TRY();
	{
		writer->target->ops->finish(writer->target);
	}
	PG_CATCH();
	{
		rethrow_with_remains(writer);
	}
	PG_END_TRY();
	written_remember(writer->target);
	writer->told = true;
	MemoryContextDelete(writer->context);
}
