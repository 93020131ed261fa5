/*-------------------------------------------------------------------------
 *
 * error.h
 *	  What can be wrong with a JSON document.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_ERROR_H
#define PINTEREST_JSON_ERROR_H

#include "postgres.h"

/* Why a document was refused. */
typedef enum JsonError
{
	JSON_ERROR_NONE,
	JSON_ERROR_VALUE,			/* no value where one must stand */
	JSON_ERROR_NUMBER,
	JSON_ERROR_KEY,				/* no string where a key must stand */
	JSON_ERROR_COLON,
	JSON_ERROR_OBJECT_END,		/* neither "," nor "}" */
	JSON_ERROR_ARRAY_END,		/* neither "," nor "]" */
	JSON_ERROR_CONTROL,			/* control character inside a string */
	JSON_ERROR_ESCAPE,
	JSON_ERROR_ZERO,			/* \u0000 */
	JSON_ERROR_SURROGATE,
	JSON_ERROR_UTF8,
	JSON_ERROR_DEPTH,
	/* the rest comes from framing: */
	JSON_ERROR_NOT_OBJECT,
	JSON_ERROR_NOT_ARRAY,
	JSON_ERROR_SEPARATOR,		/* array elements without a comma */
	JSON_ERROR_UNCLOSED_ARRAY,
	JSON_ERROR_SPANS_LINES,
	JSON_ERROR_TOO_LARGE,
	JSON_ERROR_EMPTY,			/* a message without any document */
	JSON_ERROR_TRAILING			/* a message with more than one */
} JsonError;

/* What is wrong, as a full sentence in English; a constant. */
extern const char *json_error_detail(JsonError error);

#endif							/* PINTEREST_JSON_ERROR_H */
