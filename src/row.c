/*-------------------------------------------------------------------------
 *
 * row.c
 *	  A record into a row: the wanted columns, from wherever their values come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "json/datum.h"
#include "json/path.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "row.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/resowner.h"

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
	bool		bytes_as_text;	/* are bytes shown to a column of another type? */
	FmgrInfo	output;			/* to text and back, then */
	FmgrInfo	input;
	Oid			typioparam;
} OtherColumn;

struct RowMaker
{
	const SourceOps *ops;
	bool		catch_errors;	/* of values that do not fit */

	int			nfields;
	FieldColumn *fields;
	int			nothers;
	OtherColumn *others;
	int		   *slow;			/* fields of the row at hand that need an input
								 * function */

	/* the row at hand */
	Source	   *source;
	const JsonRecord *record;
	const RecordPlace *place;
	const Column *column;		/* NULL outside conversion */
};

/*
 * Binding
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
	other->bytes_as_text = other->type == BYTEAOID &&
		getBaseType(column->typid) != BYTEAOID;
	getTypeOutputInfo(other->type, &function, &varlena);
	fmgr_info(function, &other->output);
	getTypeInputInfo(column->typid, &function, &other->typioparam);
	fmgr_info(function, &other->input);
}

RowMaker *
row_maker_create(const SourceOps *ops, List *columns, bool catch_errors,
				 JsonNode **root, int *nslots)
{
	RowMaker   *maker = palloc0(sizeof(RowMaker));
	int			ncolumns = Max(list_length(columns), 1);
	int		   *slots = palloc(sizeof(int) * ncolumns);
	List	   *paths = NIL;
	ListCell   *lc;

	maker->ops = ops;
	maker->catch_errors = catch_errors;
	maker->fields = palloc0(sizeof(FieldColumn) * ncolumns);
	maker->others = palloc0(sizeof(OtherColumn) * ncolumns);
	maker->slow = palloc(sizeof(int) * ncolumns);
	foreach(lc, columns)
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_FIELD)
			bind_field(&maker->fields[maker->nfields++], column, &paths);
		else
			bind_other(&maker->others[maker->nothers++], column);
	}

	*root = json_path_tree(paths, slots, nslots);
	for (int i = 0; i < maker->nfields; i++)
		maker->fields[i].slot = slots[i];
	return maker;
}

const Column *
row_maker_column(const RowMaker *maker)
{
	return maker->column;
}

/*
 * Converting
 */

/* Fields whose values need an input function, raising its errors. */
static void
convert_slow_fields(RowMaker *maker, int nslow, const char *error,
					Datum *values, bool *nulls)
{
	for (int i = 0; i < nslow; i++)
	{
		FieldColumn *field = &maker->fields[maker->slow[i]];
		int			at = field->column->attnum - 1;

		maker->column = field->column;
		values[at] = json_to_datum(&field->converter,
								   &maker->record->values[field->slot], &nulls[at]);
	}
	maker->column = NULL;
}

/* May all errors of these fields be caught without a subtransaction? */
static bool
slow_fields_pure(const RowMaker *maker, int nslow)
{
	for (int i = 0; i < nslow; i++)
		if (!maker->fields[maker->slow[i]].converter.pure)
			return false;
	return true;
}

/*
 * Is this an error of the data, rather than of the server or a cancel?  Some
 * input functions call bad input a syntax error; a character that the server's
 * encoding cannot have is a feature not supported.  With functions of
 * PostgreSQL's own only, what is undefined is what regclass and the like did not
 * find; otherwise it may be something that a function of a user misses.
 */
static bool
is_data_error(const ErrorData *edata, bool pure)
{
	int			category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_FEATURE_NOT_SUPPORTED ||
		edata->sqlerrcode == ERRCODE_SYNTAX_ERROR ||
		(pure && category == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION) ||
		edata->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/*
 * A conversion: of the first n slow fields, or of the n-th other column, which
 * shows the error of the record, if it has one.
 */
typedef void (*Conversion) (RowMaker *maker, int n, const char *error,
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
try_to_convert(RowMaker *maker, Conversion convert, bool pure, int n,
			   const char *error, Datum *values, bool *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *volatile message = NULL;

	if (!pure && !can_begin_subtransaction())
	{
		convert(maker, n, error, values, nulls);
		return NULL;
	}
	if (!pure)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
	}
	PG_TRY();
	{
		convert(maker, n, error, values, nulls);
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
		if (!is_data_error(edata, pure))
			ReThrowError(edata);
		message = maker->column == NULL ? edata->message :
			psprintf("column \"%s\": %s", maker->column->name, edata->message);
		maker->column = NULL;
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

	/* a good record has been checked */
	if (record->checked && GetDatabaseEncoding() == PG_UTF8)
		return cstring_to_text_with_len(record->data, record->len);
	if (GetDatabaseEncoding() != PG_UTF8)
		conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	initStringInfo(&text);
	for (size_t i = 0; i < record->len;)
	{
		const unsigned char *p = (const unsigned char *) record->data + i;
		int			len = pg_utf_mblen(p);

		CHECK_FOR_INTERRUPTS();

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

/* Bytes that a source knows, for a column that takes text. */
static char *
bytes_as_cstring(bytea *bytes)
{
	char	   *text = pnstrdup(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	/* raises an error if they are none */
	if (strlen(text) != VARSIZE_ANY_EXHDR(bytes))
		report_invalid_encoding(PG_UTF8, "", 1);
	return pg_any_to_server(text, strlen(text), PG_UTF8);
}

/* What a metadata or path column shows, in its own type. */
static Datum
other_value(RowMaker *maker, const OtherColumn *other, const char *error, bool *isnull)
{
	const Column *column = other->column;
	const JsonRecord *record = maker->record;
	char	   *hive;

	if (column->kind == COLUMN_HIVE)
	{
		hive = maker->ops->hive_value(maker->source, column->hive_key);
		*isnull = hive == NULL;
		return hive == NULL ? (Datum) 0 : CStringGetTextDatum(hive);
	}
	if (record == NULL && (column->metadata->item < 0 || !column->metadata->of_split))
		elog(ERROR, "column \"%s\" is not known before its split is read", column->name);
	switch (column->metadata->item)
	{
		case METADATA_ERROR:
			*isnull = error == NULL;
			return error == NULL ? (Datum) 0 : CStringGetTextDatum(error);
		case METADATA_RAW:
			*isnull = record->data == NULL;
			if (*isnull)
				return (Datum) 0;
			if (other->bytes_as_text)
				return PointerGetDatum(raw_as_text(record));
			return PointerGetDatum(cstring_to_text_with_len(record->data, record->len));
		default:
			return maker->ops->metadata_value(maker->source, column->metadata->item,
											   maker->place, isnull);
	}
}

/* A value as text, which the column's input function takes. */
static char *
text_of_other(OtherColumn *other, Datum value)
{
	if (!other->bytes_as_text)
		return OutputFunctionCall(&other->output, value);
	if (other->column->metadata->item == METADATA_RAW)
		return TextDatumGetCString(value);	/* see other_value */
	return bytes_as_cstring(DatumGetByteaPP(value));
}

/* Fills the n-th of these columns, in the column's type. */
static void
fill_other(RowMaker *maker, int n, const char *error, Datum *values, bool *nulls)
{
	OtherColumn *other = &maker->others[n];
	const Column *column = other->column;
	int			at = column->attnum - 1;
	char	   *string = NULL;

	maker->column = column;
	values[at] = other_value(maker, other, error, &nulls[at]);
	if (other->converts)
	{
		if (!nulls[at])
			string = text_of_other(other, values[at]);
		/* NULL as well, for domains that refuse it */
		values[at] = InputFunctionCall(&other->input, string, other->typioparam,
									   column->typmod);
	}
	maker->column = NULL;
}

/*
 * Metadata and path columns.  error is what is wrong with the record, or NULL;
 * returns what is wrong with one of these values, or NULL.  If the record is
 * bad anyway, a value that does not fit is NULL.
 */
static char *
fill_others(RowMaker *maker, const char *error, Datum *values, bool *nulls)
{
	for (int i = 0; i < maker->nothers; i++)
	{
		OtherColumn *other = &maker->others[i];
		char	   *message = NULL;

		if ((other->converts || other->column->kind == COLUMN_HIVE) &&
			maker->catch_errors)
			message = try_to_convert(maker, fill_other, other->pure, i, error,
									 values, nulls);
		else
			fill_other(maker, i, error, values, nulls);
		if (message == NULL)
			continue;
		if (error == NULL)
			return message;
		nulls[other->column->attnum - 1] = true;
	}
	return NULL;
}

/* What the next row is made of. */
static void
take_record(RowMaker *maker, Source *source, const JsonRecord *record,
			const RecordPlace *place)
{
	maker->source = source;
	maker->record = record;
	maker->place = place;
	maker->column = NULL;
}

char *
row_make(RowMaker *maker, Source *source, const JsonRecord *record,
		 const RecordPlace *place, Datum *values, bool *nulls)
{
	const JsonValue *from = record->values;
	int			nslow = 0;
	char	   *message = NULL;

	take_record(maker, source, record, place);
	for (int i = 0; i < maker->nfields; i++)
	{
		FieldColumn *field = &maker->fields[i];
		int			at = field->column->attnum - 1;

		if (!json_to_datum_fast(&field->converter, &from[field->slot],
								&values[at], &nulls[at]))
			maker->slow[nslow++] = i;
	}
	if (nslow > 0)
	{
		if (maker->catch_errors)
			message = try_to_convert(maker, convert_slow_fields,
									 slow_fields_pure(maker, nslow), nslow, NULL,
									 values, nulls);
		else
			convert_slow_fields(maker, nslow, NULL, values, nulls);
	}
	if (message == NULL && maker->nothers > 0)
		message = fill_others(maker, NULL, values, nulls);
	return message;
}

void
row_make_bad(RowMaker *maker, Source *source, const JsonRecord *record,
			 const RecordPlace *place, const char *error,
			 Datum *values, bool *nulls)
{
	take_record(maker, source, record, place);
	for (int i = 0; i < maker->nfields; i++)
		nulls[maker->fields[i].column->attnum - 1] = true;
	(void) fill_others(maker, error, values, nulls);
}

char *
row_make_split(RowMaker *maker, Source *source, Datum *values, bool *nulls)
{
	take_record(maker, source, NULL, NULL);
	return fill_others(maker, NULL, values, nulls);
}
