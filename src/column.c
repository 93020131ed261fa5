/*-------------------------------------------------------------------------
 *
 * column.c
 *	  What each column of a foreign table stands for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "column.h"
#include "foreign/foreign.h"
#include "json/path.h"
#include "option.h"
#include "pg_compat.h"

static const SourceMetadata *
find_metadata(const SourceOps *ops, const char *name)
{
	const SourceMetadata *metadata = source_metadata(ops, name);
	StringInfoData names;

	if (metadata != NULL)
		return metadata;

	initStringInfo(&names);
	for (metadata = ops->metadata; metadata->name != NULL; metadata++)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", metadata->name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid value for option \"metadata\": \"%s\"", name),
			 errhint("Metadata of %s are: %s.", ops->wrapper, names.data)));
}

/* What walks a pointer's tree recurses, and relies on the limit of its depth. */
static void
validate_field(const char *field)
{
	List	   *tokens = json_path_tokens(field);

	if (tokens == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"field\": \"%s\"", field),
				 errdetail("The value is a JSON Pointer that holds a \"~\" which is neither \"~0\" nor \"~1\"."),
				 errhint("Write \"~0\" for \"~\", and \"~1\" for \"/\".")));
	if (list_length(tokens) > JSON_MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"field\""),
				 errdetail("The value is a JSON Pointer of %d elements, but records are nested at most %d levels deep.",
						   list_length(tokens), JSON_MAX_DEPTH)));
}

void
column_validate(const SourceOps *ops, List *options)
{
	const char *field = option_text(options, "field");
	const char *metadata = option_text(options, "metadata");
	const char *hive_key = option_text(options, "hive_key");

	if ((field != NULL) + (metadata != NULL) + (hive_key != NULL) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("conflicting column options"),
				 errhint("A column takes one of the options \"field\", \"metadata\" and \"hive_key\".")));
	if (metadata != NULL)
		(void) find_metadata(ops, metadata);
	if (hive_key != NULL && *hive_key == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid value for option \"hive_key\": \"\""),
				 errhint("The value must not be empty.")));
	if (field != NULL)
		validate_field(field);
}

List *
columns_of(Relation rel, const SourceOps *ops, List *attnums)
{
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, attnums)
	{
		Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1);
		List	   *options;
		Column	   *column;

		if (attribute->attisdropped || is_virtual_column(attribute))
			continue;
		options = GetForeignColumnOptions(RelationGetRelid(rel), attribute->attnum);
		option_validate(ops->wrapper, AttributeRelationId, options);
		column_validate(ops, options);
		column = palloc0(sizeof(Column));
		column->attnum = attribute->attnum;
		column->name = pstrdup(NameStr(attribute->attname));
		column->typid = attribute->atttypid;
		column->typmod = attribute->atttypmod;
		column->updatable = option_boolean(options, "updatable");
		if (option_given(options, "metadata"))
		{
			column->kind = COLUMN_METADATA;
			column->metadata = find_metadata(ops, option_text(options, "metadata"));
		}
		else if (option_given(options, "hive_key"))
		{
			column->kind = COLUMN_HIVE;
			column->hive_key = option_text(options, "hive_key");
		}
		else
		{
			column->kind = COLUMN_FIELD;
			column->field = option_given(options, "field") ?
				option_text(options, "field") : column->name;
		}
		columns = lappend(columns, column);
	}
	return columns;
}

List *
all_attnums(Relation rel)
{
	List	   *attnums = NIL;

	for (int attnum = 1; attnum <= RelationGetNumberOfAttributes(rel); attnum++)
		attnums = lappend_int(attnums, attnum);
	return attnums;
}

bool
column_of_split(const Column *column)
{
	return column->kind == COLUMN_HIVE ||
		(column->kind == COLUMN_METADATA && column->metadata->of_split);
}

bool
column_counts_records(const Column *column)
{
	return column->kind == COLUMN_METADATA && column->metadata->item >= 0 &&
		!column->metadata->of_split;
}
