/*-------------------------------------------------------------------------
 *
 * datum.h
 *	  JSON values to Datums: the only place that knows both.
 *
 * The rules are those of json_populate_record: strings, numbers and booleans
 * go through the input function of the type as text; arrays, composite types
 * and domains take JSON arrays and objects apart; json and jsonb take values
 * as they are; text takes the JSON text of arrays and objects; null and a
 * missing key are NULL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_DATUM_H
#define PINTEREST_JSON_DATUM_H

#include "postgres.h"

#include "fmgr.h"
#include "json/scan.h"
#include "pg_compat.h"

typedef enum JsonTarget
{
	TARGET_INT2,
	TARGET_INT4,
	TARGET_INT8,
	TARGET_FLOAT8,
	TARGET_BOOL,
	TARGET_TEXT,				/* text, and varchar without a length */
	TARGET_JSON,
	TARGET_JSONB,
	TARGET_INPUT,				/* any type, by its input function */
	TARGET_POPULATE				/* arrays, composite types, domains */
} JsonTarget;

/* How values become Datums of one type. */
typedef struct JsonConverter
{
	JsonTarget	target;
	Oid			typid;
	int32		typmod;
	Oid			typioparam;
	FmgrInfo	input;			/* the type's; json_populate_record for
								 * TARGET_POPULATE */
	Datum		base_row;		/* for TARGET_POPULATE */
	bool		refuses_null;	/* may the type refuse NULL?  A domain may. */
	bool		utf8;			/* the server encoding */
	bool		pure;			/* may its errors be caught without a
								 * subtransaction?  True if only built-in
								 * input functions can run. */
} JsonConverter;

/* Looks the type up; keeps what it needs in the current memory context. */
extern void json_converter_init(JsonConverter *converter, Oid typid, int32 typmod);

/*
 * Converts a value if that takes no function of the type and cannot raise an
 * error.  False: ask json_to_datum.
 */
static inline bool json_to_datum_fast(const JsonConverter *converter,
									  const JsonValue *value,
									  Datum *datum, bool *isnull);

/*
 * Converts any value; raises the type's errors.  Allocates in the current
 * memory context; text may lie in the arena of the scan.
 */
extern Datum json_to_datum(JsonConverter *converter, const JsonValue *value,
						   bool *isnull);

/* Plain decimal integers of up to 18 digits, between min and max. */
extern bool json_plain_integer(const JsonValue *value, int64 min, int64 max,
							   int64 *result);

/* Decimal numbers that a double represents without rounding twice. */
extern bool json_plain_double(const JsonValue *value, double *result);

static inline bool
json_to_datum_fast(const JsonConverter *converter, const JsonValue *value,
				   Datum *datum, bool *isnull)
{
	int64		integer;
	double		real;

	if (value->kind <= JSON_NULL && !converter->refuses_null)
	{
		*isnull = true;
		return true;
	}
	*isnull = false;
	switch (converter->target)
	{
		case TARGET_TEXT:
			if (value->kind != JSON_STRING || !converter->utf8)
				return false;
			SET_VARSIZE(value->data - VARHDRSZ, value->len + VARHDRSZ);
			*datum = PointerGetDatum(value->data - VARHDRSZ);
			return true;
		case TARGET_INT4:
			if (!json_plain_integer(value, PG_INT32_MIN, PG_INT32_MAX, &integer))
				return false;
			*datum = Int32GetDatum((int32) integer);
			return true;
		case TARGET_INT8:
			if (!json_plain_integer(value, PG_INT64_MIN, PG_INT64_MAX, &integer))
				return false;
			*datum = Int64GetDatum(integer);
			return true;
		case TARGET_INT2:
			if (!json_plain_integer(value, PG_INT16_MIN, PG_INT16_MAX, &integer))
				return false;
			*datum = Int16GetDatum((int16) integer);
			return true;
		case TARGET_FLOAT8:
			if (!json_plain_double(value, &real))
				return false;
			*datum = Float8GetDatum(real);
			return true;
		case TARGET_BOOL:
			*datum = BoolGetDatum(value->kind == JSON_TRUE);
			return value->kind == JSON_TRUE || value->kind == JSON_FALSE;
		default:
			return false;
	}
}

#endif							/* PINTEREST_JSON_DATUM_H */
