/*-------------------------------------------------------------------------
 *
 * validator.c
 *	  Checks options when DDL sets them.
 *
 * The table of options knows names and forms, the source what they mean.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_table.h"
#include "column.h"
#include "fmgr.h"
#include "option.h"
#include "source/source.h"

/* What the reader's own options mean together. */
static void
validate_table(List *options)
{
	if (option_given(options, "reject_limit") &&
		strcmp(option_text(options, "on_error"), "stop") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
				 errmsg("option \"%s\" needs option \"%s\"", "reject_limit", "on_error"),
				 errhint("Set \"on_error\" to \"ignore\" or \"set_null\".")));
}

static void
validate(const SourceOps *ops, List *options, Oid catalog)
{
	option_validate(ops->wrapper, catalog, options);
	if (catalog == ForeignTableRelationId)
		validate_table(options);
	if (catalog == AttributeRelationId)
		column_validate(ops, options);
	else
		ops->validate(catalog, options);
}

PG_FUNCTION_INFO_V1(pinterest_s3_json_validator);
PG_FUNCTION_INFO_V1(pinterest_kafka_json_validator);
PG_FUNCTION_INFO_V1(pinterest_kinesis_json_validator);

Datum
pinterest_s3_json_validator(PG_FUNCTION_ARGS)
{
	validate(&s3_source_ops, untransformRelOptions(PG_GETARG_DATUM(0)),
			 PG_GETARG_OID(1));
	PG_RETURN_VOID();
}

Datum
pinterest_kafka_json_validator(PG_FUNCTION_ARGS)
{
	validate(&kafka_source_ops, untransformRelOptions(PG_GETARG_DATUM(0)),
			 PG_GETARG_OID(1));
	PG_RETURN_VOID();
}

Datum
pinterest_kinesis_json_validator(PG_FUNCTION_ARGS)
{
	validate(&kinesis_source_ops, untransformRelOptions(PG_GETARG_DATUM(0)),
			 PG_GETARG_OID(1));
	PG_RETURN_VOID();
}
