/*-------------------------------------------------------------------------
 *
 * scan.h
 *	  One pass over the bytes of a JSON document.
 *
 * The scanner checks the whole document (RFC 8259, UTF-8, depth) and hands
 * out only the values that were asked for.  It knows nothing of rows, types
 * or PostgreSQL's errors: it allocates nothing, raises nothing, and reports
 * where and why it stopped.
 *
 * What it demands beyond RFC 8259 is what PostgreSQL demands of a JSON
 * document whose strings become text: no \u0000, and surrogates in pairs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_SCAN_H
#define PINTEREST_JSON_SCAN_H

#include "postgres.h"

#include "json/error.h"

/* Containers may be nested this deep, the record itself counted. */
#define JSON_MAX_DEPTH 1024

/*
 * Bytes behind the end of the input that can be read.  The scanner looks at whole
 * blocks, and relies on the first of these bytes, a zero, to stop it; what the others
 * are does not matter.
 */
#define JSON_PADDING 64

typedef enum JsonKind
{
	JSON_MISSING,				/* the document has no such value */
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
} JsonKind;

/*
 * A value that was asked for.  Strings are unescaped UTF-8 in the arena, with
 * room for a varlena header before them (data - 4 is aligned to 4) and a NUL
 * behind them; all other kinds are the raw bytes in the input.
 */
typedef struct JsonValue
{
	const char *data;
	uint32		len;
	JsonKind	kind;
} JsonValue;

typedef enum JsonStatus
{
	JSON_OK,
	JSON_MORE,					/* the input ends inside the document */
	JSON_BAD
} JsonStatus;

typedef struct JsonNode JsonNode;	/* a wanted place; see path.h */

typedef struct JsonScan
{
	/* set by the caller, once */
	JsonNode   *root;			/* what to take from an object */
	JsonValue  *values;			/* one for each slot of the nodes */
	int			nvalues;
	char	   *arena;			/* JSON_ARENA_SIZE(capacity of the input) */

	/* set by the caller, for each document */
	const char *end;			/* a zero, and more bytes: JSON_PADDING in all */
	bool		final;			/* nothing comes after end */

	/* kept by the scanner */
	char	   *arena_next;
	int			depth;
	int64		line;			/* line feeds passed so far */
	const char *line_start;		/* behind the last of them, if still there */
	JsonError	error;
	const char *error_at;
	int			escape_len;		/* of the last escape, unescaped */
	uint8		ignored[4];		/* where escapes of unwanted strings go */
	JsonValue	unwanted;		/* where values go that only hold wanted ones */
} JsonScan;

/*
 * Strings are never longer unescaped than escaped, but each takes up to eight
 * bytes for header, NUL and alignment, and three in the input ("", in an array):
 * at most three times the input.  A string that holds a whole record is itself
 * unescaped first: once more.
 */
#define JSON_ARENA_SIZE(input) (4 * (Size) (input) + 4 * JSON_PADDING)

/*
 * Reads the object at *next ("{"), fills scan->values, moves *next behind it.
 * With JSON_MORE and JSON_BAD, *next stays and the values mean nothing.
 */
extern JsonStatus json_scan_object(JsonScan *scan, const char **next);

/* Reads the string at *next into the arena. */
extern JsonStatus json_scan_string(JsonScan *scan, const char **next,
								   JsonValue *value);

/* Checks the value at *next, whatever it is, and moves behind it. */
extern JsonStatus json_scan_over(JsonScan *scan, const char **next);

/* Moves over white space, counting lines. */
extern const char *json_scan_space(JsonScan *scan, const char *next);

/* Forgets the strings of the document before. */
static inline void
json_scan_reset(JsonScan *scan)
{
	scan->arena_next = scan->arena;
}

#endif							/* PINTEREST_JSON_SCAN_H */
