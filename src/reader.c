/*-------------------------------------------------------------------------
 *
 * reader.c
 *	  The pipe: source -> record -> row.
 *
 * The source delivers bodies, json/frame.c takes the records out of them,
 * json/datum.c turns the wanted values into Datums.  What is left to do here
 * is to bind columns to values, and to deal with bad records.
 *
 * Three lifetimes: the reader's own context lives as long as the scan, a body
 * as long as the source says, and the row context until the next row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_type.h"
#include "column.h"
#include "foreign/foreign.h"
#include "json/datum.h"
#include "json/frame.h"
#include "json/path.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "option.h"
#include "pg_compat.h"
#include "reader.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

int			pinterest_max_record_size = 64 * 1024;

/* Option on_error */
typedef enum OnError
{
	ON_ERROR_STOP,
	ON_ERROR_IGNORE,
	ON_ERROR_SET_NULL
} OnError;

/* Option log_verbosity */
typedef enum Verbosity
{
	VERBOSITY_DEFAULT,
	VERBOSITY_VERBOSE,
	VERBOSITY_SILENT
} Verbosity;

/* A column that takes a value of the record. */
typedef struct FieldColumn
{
	const Column *column;
	int			slot;			/* of the value */
	JsonConverter converter;
} FieldColumn;

/* A column that takes what the source, or the reader, knows. */
typedef struct OtherColumn
{
	const Column *column;
	Oid			type;			/* of what is known */
	bool		converts;		/* is the column's type another? */
	bool		pure;			/* by PostgreSQL's own functions only? */
	FmgrInfo	output;			/* to text and back, then */
	FmgrInfo	input;
	Oid			typioparam;
} OtherColumn;

struct Reader
{
	char	   *table;			/* its name, for messages */
	const SourceOps *ops;
	Source	   *source;
	JsonFrame  *frame;
	MemoryContext row_context;

	OnError		on_error;
	Verbosity	verbosity;
	int64		reject_limit;

	int			nfields;
	FieldColumn *fields;
	int			nothers;
	OtherColumn *others;
	int		   *slow;			/* fields of the row at hand that need an input
								 * function */

	bool		in_body;
	const JsonRecord *record;	/* the one at hand, NULL between records */
	const Column *column;		/* the one at hand, NULL outside conversion */
	RecordPlace place;
	int64		records;
	int64		rejected;		/* since the scan last started over */
	int64		rejected_before;	/* in all passes before */
	int64		most_rejected;	/* in one of them */
};

/*
 * Opening
 */

static char *
utf8_from_server(const char *text)
{
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

static void
bind_field(FieldColumn *field, const Column *column, List **paths)
{
	field->column = column;
	json_converter_init(&field->converter, column->typid, column->typmod);

	/* a column's own name is a key even if it starts with "/" */
	*paths = lappend(*paths, column->field == column->name ?
					 list_make1(utf8_from_server(column->name)) :
					 json_path_tokens(utf8_from_server(column->field)));
}

static void
bind_other(OtherColumn *other, const Column *column)
{
	Oid			function;
	bool		varlena;

	other->column = column;
	other->type = column->kind == COLUMN_HIVE ? TEXTOID : column->metadata->type;
	other->converts = column->typid != other->type || column->typmod >= 0;
	other->pure = column->typid < FirstGenbkiObjectId;
	getTypeOutputInfo(other->type, &function, &varlena);
	fmgr_info(function, &other->output);
	getTypeInputInfo(column->typid, &function, &other->typioparam);
	fmgr_info(function, &other->input);
}

/* Sorts the columns by where their values come from, and makes the frame. */
static void
bind_columns(Reader *reader, List *columns, List *table_options)
{
	List	   *paths = NIL;
	int		   *slots = palloc(sizeof(int) * Max(list_length(columns), 1));
	int			nslots;
	JsonNode   *root;
	FrameFormat	format = FRAME_AUTO;
	ListCell   *lc;

	reader->fields = palloc0(sizeof(FieldColumn) * Max(list_length(columns), 1));
	reader->others = palloc0(sizeof(OtherColumn) * Max(list_length(columns), 1));
	reader->slow = palloc(sizeof(int) * Max(list_length(columns), 1));
	foreach(lc, columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_FIELD)
			bind_field(&reader->fields[reader->nfields++], column, &paths);
		else
			bind_other(&reader->others[reader->nothers++], column);
	}

	root = json_path_tree(paths, slots, &nslots);
	for (int i = 0; i < reader->nfields; i++)
		reader->fields[i].slot = slots[i];
	if (option_given(table_options, "format"))
		format = option_enum(table_options, "format");
	reader->frame = json_frame_create(root, nslots, format,
									  (Size) pinterest_max_record_size * 1024);
}

Reader *
reader_open(Relation rel, Oid userid, List *attnums)
{
	Reader	   *reader = palloc0(sizeof(Reader));
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	ForeignServer *server = GetForeignServer(table->serverid);
	SourceRequest request;

	/* a wrapper may have been made without the validator */
	reader->ops = source_of_server(server->serverid);
	option_validate(reader->ops->wrapper, ForeignServerRelationId, server->options);
	option_validate(reader->ops->wrapper, ForeignTableRelationId, table->options);

	request.serverid = server->serverid;
	request.userid = userid;
	request.server_options = server->options;
	request.table_options = table->options;

	reader->table = pstrdup(RelationGetRelationName(rel));
	reader->on_error = option_enum(table->options, "on_error");
	reader->verbosity = option_enum(table->options, "log_verbosity");
	reader->reject_limit = option_integer(table->options, "reject_limit", PG_INT64_MAX);
	reader->row_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest row",
												ALLOCSET_DEFAULT_SIZES);
	bind_columns(reader, columns_of(rel, reader->ops, attnums), table->options);
	reader->source = reader->ops->open(&request);
	return reader;
}

/*
 * Messages
 */

/* "object …, line …", as far as it is known. */
static char *
describe_place(Reader *reader)
{
	char	   *place = reader->ops->place(reader->source);

	if (place == NULL)
		return psprintf("%s table \"%s\"", reader->ops->wrapper, reader->table);
	if (reader->record == NULL)
		return psprintf("%s table \"%s\", %s", reader->ops->wrapper, reader->table, place);
	return psprintf("%s table \"%s\", %s, line %lld", reader->ops->wrapper,
					reader->table, place, (long long) reader->record->line);
}

/* Error context callback: names source, split, position and column. */
static void
add_place(void *arg)
{
	Reader	   *reader = arg;

	if (reader->column != NULL)
		errcontext("%s, column \"%s\"", describe_place(reader), reader->column->name);
	else
		errcontext("%s", describe_place(reader));
}

static int
record_sqlstate(JsonError error)
{
	switch (error)
	{
		case JSON_ERROR_UTF8:
			return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
		case JSON_ERROR_ZERO:
			return ERRCODE_UNTRANSLATABLE_CHARACTER;
		case JSON_ERROR_DEPTH:
		case JSON_ERROR_TOO_LARGE:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		default:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
	}
}

static int
record_hint(JsonError error)
{
	if (error == JSON_ERROR_TOO_LARGE)
		return errhint("Raise the setting \"pinterest.max_record_size\", now %d kB.",
					   pinterest_max_record_size);
	return errhint("To read past bad records, set option \"on_error\" of the table to \"ignore\" or \"set_null\".");
}

static void
raise_bad_record(Reader *reader)
{
	const JsonRecord *record = reader->record;

	ereport(ERROR,
			(errcode(record_sqlstate(record->error)),
			 errmsg("invalid JSON record"),
			 errdetail("%s It is byte %lld of the record, which begins at byte %lld.",
					   json_error_detail(record->error),
					   (long long) record->error_at + 1,
					   (long long) record->offset + 1),
			 record_hint(record->error)));
}

/*
 * Converting
 */

/* Fields whose values need an input function, raising its errors. */
static void
convert_slow_fields(Reader *reader, int nslow, const char *error,
					Datum *values, bool *nulls)
{
	for (int i = 0; i < nslow; i++)
	{
		FieldColumn *field = &reader->fields[reader->slow[i]];
		int			at = field->column->attnum - 1;

		reader->column = field->column;
		values[at] = json_to_datum(&field->converter,
								   &reader->record->values[field->slot], &nulls[at]);
	}
	reader->column = NULL;
}

/* May all errors of these fields be caught without a subtransaction? */
static bool
slow_fields_pure(const Reader *reader, int nslow)
{
	for (int i = 0; i < nslow; i++)
		if (!reader->fields[reader->slow[i]].converter.pure)
			return false;
	return true;
}

/*
 * Is this an error of the data, rather than of the server or a cancel?  Some
 * input functions call bad input a syntax error; a character that the server's
 * encoding cannot have is a feature not supported.
 */
static bool
is_data_error(const ErrorData *edata)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_FEATURE_NOT_SUPPORTED ||
		edata->sqlerrcode == ERRCODE_SYNTAX_ERROR ||
		edata->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/*
 * A conversion: of the first n slow fields, or of the n-th other column, which
 * shows the error of the record, if it has one.
 */
typedef void (*Conversion) (Reader *reader, int n, const char *error,
							Datum *values, bool *nulls);

/*
 * Does it, returning the message of an error of the data, or NULL.
 *
 * Input functions of built-in types hold nothing when they raise an error, so
 * that it can be caught as it is.  Where functions of users may run (domains,
 * extension types), so that it is not pure, a subtransaction cleans up; but
 * before 17 none can be begun while any part of the query runs in parallel,
 * and the error is left to stop the query.
 */
static char *
try_to_convert(Reader *reader, Conversion convert, bool pure, int n,
			   const char *error, Datum *values, bool *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile message = NULL;

	if (!pure && !can_begin_subtransaction())
	{
		convert(reader, n, error, values, nulls);
		return NULL;
	}
	if (!pure)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
	}
	PG_TRY();
	{
		convert(reader, n, error, values, nulls);
		if (!pure)
			ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		if (!pure)
		{
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
		}
		if (!is_data_error(edata))
			ReThrowError(edata);
		message = psprintf("column \"%s\": %s", reader->column->name, edata->message);
		reader->column = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return message;
}

/* What stands for bytes that cannot be text. */
static const char *
replacement(void)
{
	return GetDatabaseEncoding() == PG_UTF8 ? "\xEF\xBF\xBD" : "?";	/* U+FFFD */
}

/* Appends one character of UTF-8 in the server's encoding, by conversion. */
static void
append_character(StringInfo text, const unsigned char *character, int len,
				 Oid conversion)
{
	char		converted[MAX_CONVERSION_GROWTH * 4 + 1];

	if (len == 1 || !OidIsValid(conversion))
		appendBinaryStringInfo(text, (const char *) character, len);
	else if (pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(),
										   unconstify(unsigned char *, character), len,
										   (unsigned char *) converted,
										   sizeof(converted), true) == len)
		appendStringInfoString(text, converted);
	else
		appendStringInfoString(text, replacement());
}

/* The bytes of the record as text that the server can hold, whatever they are. */
static text *
raw_as_text(const JsonRecord *record)
{
	StringInfoData text;
	Oid			conversion = InvalidOid;

	if (GetDatabaseEncoding() != PG_UTF8)
		conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	initStringInfo(&text);
	for (size_t i = 0; i < record->len;)
	{
		const unsigned char *p = (const unsigned char *) record->data + i;
		int			len = pg_utf_mblen(p);

		if (*p != '\0' && i + len <= record->len && pg_utf8_islegal(p, len))
			append_character(&text, p, len, conversion);
		else
		{
			appendStringInfoString(&text, replacement());
			len = 1;
		}
		i += len;
	}
	return cstring_to_text_with_len(text.data, text.len);
}

/* What a metadata or path column shows, in its own type. */
static Datum
other_value(Reader *reader, const OtherColumn *other, const char *error, bool *isnull)
{
	const Column *column = other->column;
	char	   *hive;

	if (column->kind == COLUMN_HIVE)
	{
		hive = reader->ops->hive_value(reader->source, column->hive_key);
		*isnull = hive == NULL;
		return hive == NULL ? (Datum) 0 : CStringGetTextDatum(hive);
	}
	switch (column->metadata->item)
	{
		case METADATA_ERROR:
			*isnull = error == NULL;
			return error == NULL ? (Datum) 0 : CStringGetTextDatum(error);
		case METADATA_RAW:
			*isnull = false;
			if (column->typid != BYTEAOID)
				return PointerGetDatum(raw_as_text(reader->record));
			return PointerGetDatum(cstring_to_text_with_len(reader->record->data,
															reader->record->len));
		default:
			return reader->ops->metadata_value(reader->source, column->metadata->item,
											   &reader->place, isnull);
	}
}

/* Fills the n-th of these columns, in the column's type. */
static void
fill_other(Reader *reader, int n, const char *error, Datum *values, bool *nulls)
{
	OtherColumn *other = &reader->others[n];
	const Column *column = other->column;
	int			at = column->attnum - 1;
	char	   *string = NULL;

	reader->column = column;
	values[at] = other_value(reader, other, error, &nulls[at]);
	if (other->converts)
	{
		/* bytes that are not wanted as bytea have come as text */
		if (!nulls[at])
			string = other->type == BYTEAOID ? TextDatumGetCString(values[at]) :
				OutputFunctionCall(&other->output, values[at]);
		/* NULL as well, for domains that refuse it */
		values[at] = InputFunctionCall(&other->input, string, other->typioparam,
									   column->typmod);
	}
	reader->column = NULL;
}

/*
 * Metadata and path columns.  error is what is wrong with the record, or NULL;
 * returns what is wrong with one of these values, or NULL.  If the record is
 * bad anyway, a value that does not fit is NULL.
 */
static char *
fill_others(Reader *reader, const char *error, Datum *values, bool *nulls)
{
	for (int i = 0; i < reader->nothers; i++)
	{
		OtherColumn *other = &reader->others[i];
		char	   *message = NULL;

		if ((other->converts || other->column->kind == COLUMN_HIVE) &&
			reader->on_error != ON_ERROR_STOP)
			message = try_to_convert(reader, fill_other, other->pure, i, error,
									 values, nulls);
		else
			fill_other(reader, i, error, values, nulls);
		if (message == NULL)
			continue;
		if (error == NULL)
			return message;
		nulls[other->column->attnum - 1] = true;
	}
	return NULL;
}

/*
 * Deals with a bad record.  True if it makes a row.  message is what is wrong
 * with one of its values; NULL if the record itself is no good.
 */
static bool
reject_record(Reader *reader, const char *message, Datum *values, bool *nulls)
{
	reader->rejected++;
	if (message == NULL)
	{
		if (reader->on_error == ON_ERROR_STOP)
			raise_bad_record(reader);
		message = json_error_detail(reader->record->error);
	}
	if (reader->rejected > reader->reject_limit)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("more bad records than option \"reject_limit\" allows (%lld)",
						(long long) reader->reject_limit),
				 errdetail("The last one: %s", message)));
	if (reader->verbosity == VERBOSITY_VERBOSE)
		ereport(NOTICE,
				(errmsg("bad record: %s", message)));
	if (reader->on_error == ON_ERROR_IGNORE)
		return false;

	for (int i = 0; i < reader->nfields; i++)
		nulls[reader->fields[i].column->attnum - 1] = true;
	(void) fill_others(reader, message, values, nulls);
	return true;
}

/* Makes a row of the record at hand; false if it makes none. */
static bool
make_row(Reader *reader, Datum *values, bool *nulls)
{
	const JsonValue *from = reader->record->values;
	int			nslow = 0;
	char	   *message = NULL;

	if (unlikely(reader->record->error != JSON_ERROR_NONE))
		return reject_record(reader, NULL, values, nulls);

	for (int i = 0; i < reader->nfields; i++)
	{
		FieldColumn *field = &reader->fields[i];
		int			at = field->column->attnum - 1;

		if (!json_to_datum_fast(&field->converter, &from[field->slot],
								&values[at], &nulls[at]))
			reader->slow[nslow++] = i;
	}
	if (nslow > 0)
	{
		if (reader->on_error == ON_ERROR_STOP)
			convert_slow_fields(reader, nslow, NULL, values, nulls);
		else
			message = try_to_convert(reader, convert_slow_fields,
									 slow_fields_pure(reader, nslow), nslow, NULL,
									 values, nulls);
	}
	if (message == NULL && reader->nothers > 0)
		message = fill_others(reader, NULL, values, nulls);
	if (message != NULL)
		return reject_record(reader, message, values, nulls);
	return true;
}

/*
 * Reading
 */

static size_t
read_body(void *arg, char *buf, size_t room)
{
	Reader	   *reader = arg;

	return reader->ops->read(reader->source, buf, room);
}

/* Moves to the next record; false behind the last. */
static bool
next_record(Reader *reader)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		reader->record = NULL;
		if (!reader->in_body)
		{
			if (!reader->ops->next(reader->source))
				return false;
			json_frame_begin(reader->frame, read_body, reader);
			reader->place.ordinal = -1;
			reader->in_body = true;
		}
		reader->record = json_frame_next(reader->frame);
		if (reader->record != NULL)
			break;
		reader->in_body = false;
	}
	reader->place.ordinal++;
	reader->place.line = reader->record->line;
	reader->records++;
	return true;
}

bool
reader_next(Reader *reader, Datum *values, bool *nulls)
{
	ErrorContextCallback callback;
	MemoryContext old = CurrentMemoryContext;
	bool		found = false;

	callback.callback = add_place;
	callback.arg = reader;
	callback.previous = error_context_stack;
	error_context_stack = &callback;

	while (!found && next_record(reader))
	{
		MemoryContextReset(reader->row_context);
		MemoryContextSwitchTo(reader->row_context);
		found = make_row(reader, values, nulls);
		MemoryContextSwitchTo(old);
	}

	error_context_stack = callback.previous;
	return found;
}

void
reader_rewind(Reader *reader)
{
	reader->in_body = false;
	reader->record = NULL;
	reader->most_rejected = Max(reader->most_rejected, reader->rejected);
	reader->rejected_before += reader->rejected;
	reader->rejected = 0;
	reader->ops->rewind(reader->source);
}

void
reader_close(Reader *reader)
{
	int64		rejected = Max(reader->most_rejected, reader->rejected);

	reader->record = NULL;
	reader->ops->close(reader->source);
	if (rejected > 0 && reader->verbosity != VERBOSITY_SILENT)
		ereport(NOTICE,
				(errmsg_plural("%lld bad record in %s table \"%s\"",
							   "%lld bad records in %s table \"%s\"",
							   (unsigned long) rejected, (long long) rejected,
							   reader->ops->wrapper, reader->table),
				 reader->on_error == ON_ERROR_IGNORE ?
				 errdetail_plural("It was skipped.", "They were skipped.",
								  (unsigned long) rejected) :
				 errdetail_plural("It is a row of NULLs.", "They are rows of NULLs.",
								  (unsigned long) rejected)));
}

void
reader_counters(Reader *reader, ReaderCounters *counters)
{
	counters->records = reader->records;
	counters->rejected = reader->rejected_before + reader->rejected;
	counters->nsource = reader->ops->counters(reader->source, counters->source);
}
