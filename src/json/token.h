/*-------------------------------------------------------------------------
 *
 * token.h
 *	  What a JSON document is made of: white space, strings, numbers, literals.
 *
 * For scan.c alone.  Each function takes the place where its part begins and
 * returns the place behind it, or NULL after it has noted what is wrong and
 * where.  None of them compares against the end of the input; see scan.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_TOKEN_H
#define PINTEREST_JSON_TOKEN_H

#include "postgres.h"

#include "json/scan.h"

static inline const uint8 *
json_fail(JsonScan *scan, const uint8 *p, JsonError error)
{
	scan->error = error;
	scan->error_at = (const char *) p;
	return NULL;
}

/* Moves over white space.  Outside strings every line feed is passed here. */
extern const uint8 *json_skip_space_slow(JsonScan *scan, const uint8 *p);

static inline const uint8 *
json_skip_space(JsonScan *scan, const uint8 *p)
{
	return likely(*p > ' ') ? p : json_skip_space_slow(scan, p);
}

/* Checks a string nobody wants; p is behind its opening quote. */
extern const uint8 *json_skip_string(JsonScan *scan, const uint8 *p);

/*
 * Unescapes a string into the arena while checking it; p is behind its opening
 * quote.
 */
extern const uint8 *json_take_string(JsonScan *scan, const uint8 *p, JsonValue *value);

/* Checks true, false, null or a number. */
extern const uint8 *json_scan_scalar(JsonScan *scan, const uint8 *p, JsonKind *kind);

#endif							/* PINTEREST_JSON_TOKEN_H */
