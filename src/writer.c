/*-------------------------------------------------------------------------
 *
 * writer.c
 *	  The pipe the other way: row -> record -> target.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "column.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "json/write.h"
#include "option.h"
#include "pg_compat.h"
#include "source/target.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "writer.h"

/* A metadata column whose value goes with the record. */
typedef struct GivenColumn
{
	const Column *column;
	bool		converts;		/* is its type another than the target's? */
	FmgrInfo	output;			/* to text and back, then */
	FmgrInfo	input;
	Oid			typioparam;
} GivenColumn;

struct Writer
{
	MemoryContext context;		/* of everything */
	char	   *table;			/* its name, for messages */
	JsonWriter *json;
	List	   *given;			/* of GivenColumn: what the target takes besides */
	List	   *refused;		/* of Column: what it does not take */
	Target	   *target;
	Datum		metadata[TARGET_MAX_ITEMS]; /* of the row at hand */
	bool		absent[TARGET_MAX_ITEMS];
	MemoryContext row_context;
	StringInfoData record;
	bool		told;			/* what stays, or nothing does */
	MemoryContextCallback on_reset;
};

/*
 * What the current transaction has written, for the case that it is rolled
 * back: one entry for each subtransaction and table name.
 */
typedef struct Written
{
	struct Written *next;
	SubTransactionId subid;
	int64		count;
	const char *unit;			/* static */
	char		name[FLEXIBLE_ARRAY_MEMBER];
} Written;

static Written *written_list = NULL;

/* ---------- what stays after a rollback ---------- */

static void
remember_written(const Target *target)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	Written    *written;

	if (target->complete == 0)
		return;
	for (written = written_list; written != NULL; written = written->next)
		if (written->subid == subid && strcmp(written->name, target->name) == 0)
			break;
	if (written == NULL)
	{
		written = MemoryContextAllocZero(TopTransactionContext,
										 offsetof(Written, name) + strlen(target->name) + 1);
		strcpy(written->name, target->name);
		written->subid = subid;
		written->unit = target->unit;
		written->next = written_list;
		written_list = written;
	}
	written->count += target->complete;
}

static void
warn_of(const char *name, int64 count, const char *unit)
{
	ereport(WARNING,
			(errmsg("rolling back does not undo what was written to \"%s\"", name),
			 errdetail("Number of %s that stay there: %lld.", unit, (long long) count)));
}

/* The context of a writer goes: if it was not closed, there was an error. */
static void
on_context_reset(void *arg)
{
	Writer	   *writer = arg;
	Target	   *target = writer->target;

	if (!writer->told && target != NULL && target->complete > 0)
		warn_of(target->name, target->complete, target->unit);
}

/* The entries of one name, from this one on, as one. */
static void
warn_of_all(Written *first)
{
	int64		count = 0;

	for (Written *written = first; written != NULL; written = written->next)
		if (strcmp(written->name, first->name) == 0)
		{
			count += written->count;
			written->count = 0;
		}
	warn_of(first->name, count, first->unit);
}

static void
on_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		for (Written *written = written_list; written != NULL; written = written->next)
			if (written->count > 0)
				warn_of_all(written);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		written_list = NULL;
}

static void
on_subxact_end(SubXactEvent event, SubTransactionId subid,
			   SubTransactionId parent, void *arg)
{
	Written   **link = &written_list;

	while (*link != NULL)
	{
		Written    *written = *link;

		if (written->subid == subid && event == SUBXACT_EVENT_COMMIT_SUB)
			written->subid = parent;
		if (written->subid == subid && event == SUBXACT_EVENT_ABORT_SUB)
		{
			*link = written->next;
			warn_of(written->name, written->count, written->unit);
		}
		else
			link = &written->next;
	}
}

static void
watch_transactions(void)
{
	static bool watching = false;

	if (watching)
		return;
	RegisterXactCallback(on_xact_end, NULL);
	RegisterSubXactCallback(on_subxact_end, NULL);
	watching = true;
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
	given->converts = column->typid != column->metadata->type;
	getTypeOutputInfo(column->typid, &function, &varlena);
	fmgr_info(function, &given->output);
	getTypeInputInfo(column->metadata->type, &function, &given->typioparam);
	fmgr_info(function, &given->input);
	return given;
}

/* Two columns could say two things. */
static void
check_given_once(const Writer *writer, const Column *column)
{
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
}

static bool
takes(const Target *target, const Column *column)
{
	int			item = column->kind == COLUMN_METADATA ? column->metadata->item : -1;

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
			check_given_once(writer, column);
			writer->given = lappend(writer->given, bind_given(column));
			continue;
		}
		if (column->kind != COLUMN_FIELD)
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
	}
	writer->json = json_writer_create(written);
	memset(writer->absent, true, sizeof(writer->absent));
}

Writer *
writer_open(Relation rel, Oid userid)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest writer",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Writer	   *writer = palloc0(sizeof(Writer));
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	ForeignServer *server = GetForeignServer(table->serverid);
	const SourceOps *ops = source_of_server(server->serverid);
	SourceRequest request = {0};

	/* a wrapper may have been made without the validator */
	option_validate(ops->wrapper, ForeignServerRelationId, server->options);
	option_validate(ops->wrapper, ForeignTableRelationId, table->options);
	if (!is_updatable(table->options, server->options))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("foreign table \"%s\" does not allow inserts",
						RelationGetRelationName(rel))));

	request.serverid = server->serverid;
	request.userid = userid;
	request.ownerid = rel->rd_rel->relowner;
	request.server_options = server->options;
	request.table_options = table->options;

	writer->context = context;
	writer->table = pstrdup(RelationGetRelationName(rel));
	initStringInfo(&writer->record);
	if (ops->open_target == NULL)
		source_lacks(ops, "INSERT");
	writer->row_context = AllocSetContextCreate(context, "pinterest written row",
												ALLOCSET_SMALL_SIZES);
	writer->target = ops->open_target(&request);
	sort_columns(writer, columns_of(rel, ops, all_attnums(rel)));
	writer->on_reset.func = on_context_reset;
	writer->on_reset.arg = writer;
	MemoryContextRegisterResetCallback(context, &writer->on_reset);
	watch_transactions();
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
					 errdetail("The column is not part of the record: it shows what is known of a record that is read."),
					 errhint("Leave the column out, or make it NULL.")));
	}
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

		writer->absent[item] = nulls[at];
		if (nulls[at])
			continue;
		writer->metadata[item] = values[at];
		if (given->converts)
			writer->metadata[item] = InputFunctionCall(&given->input,
													   OutputFunctionCall(&given->output, values[at]),
													   given->typioparam, -1);
	}
	MemoryContextSwitchTo(old);
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
		if (writer->given != NIL)
			take_metadata(writer, values, nulls);
		resetStringInfo(&writer->record);
		json_writer_append(writer->json, values, nulls, &writer->record);
		record.data = writer->record.data;
		record.len = writer->record.len;
		record.metadata = writer->metadata;
		record.absent = writer->absent;
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
	remember_written(writer->target);
	writer->told = true;
	MemoryContextDelete(writer->context);
}
