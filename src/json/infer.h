/*-------------------------------------------------------------------------
 *
 * infer.h
 *	  What columns a table needs for records that have been seen.
 *
 * Looks at the keys of whole records, not further down.  A type is inferred
 * only if every value seen fits it:
 *
 *	boolean				true and false
 *	integer, bigint		numbers without fraction and exponent
 *	double precision	numbers that a double gives back as they were
 *	numeric				other numbers
 *	timestamptz			ISO 8601 with "T" and a zone: Z, +01:00, +0100, +01
 *	jsonb				objects and arrays
 *	text				anything else, a mixture, or nothing but null
 *
 * A number and a string are a mixture even if the string holds digits.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_INFER_H
#define PINTEREST_JSON_INFER_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct JsonInference JsonInference;

typedef struct JsonInferredField
{
	char	   *key;			/* in the database's encoding */
	const char *type;			/* as CREATE TABLE takes it, whatever the search
								 * path */
} JsonInferredField;

/*
 * Starts without fields, in the current memory context; knows up to max_fields
 * of them, the ones seen first.
 */
extern JsonInference *json_infer_begin(int max_fields);

/*
 * Adds a record as json_frame_next gave it, which must be a good one.  Keys
 * that the database cannot hold are left out.
 */
extern void json_infer_record(JsonInference *inference, const char *data, size_t len);

/* A List of JsonInferredField, in the order in which keys were first seen. */
extern List *json_infer_fields(const JsonInference *inference);

/* Were there more fields than max_fields? */
extern bool json_infer_overflowed(const JsonInference *inference);

#endif							/* PINTEREST_JSON_INFER_H */
