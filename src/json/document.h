/*-------------------------------------------------------------------------
 *
 * document.h
 *	  A record that comes alone: one JSON document in bytes of known length.
 *
 * What a record must be is said here for framed bodies as well: an object, or
 * a string that holds one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_DOCUMENT_H
#define PINTEREST_JSON_DOCUMENT_H

#include "postgres.h"

#include "json/scan.h"

/* A record, good or bad. */
typedef struct JsonRecord
{
	const char *data;			/* the bytes as they came; NULL for no value */
	size_t		len;
	int64		line;			/* it begins on this line, from 1 */
	int64		offset;			/* and at this byte of the body, from 0 */
	const JsonValue *values;	/* by slot; of no meaning if it is bad */
	bool		checked;		/* are the bytes known to be a document? */
	JsonError	error;			/* JSON_ERROR_NONE if it is good */
	size_t		error_at;		/* byte in data where it went wrong */
} JsonRecord;

/*
 * Reads what stands at *next, which is not white space, and must be a record;
 * moves behind it if its syntax is sound.  Fills scan->values, whose strings
 * replace those of the record before.
 */
extern JsonStatus json_scan_record(JsonScan *scan, const char **next);

typedef struct JsonDocument JsonDocument;

/*
 * Makes a place for documents in the current memory context.  It holds a
 * buffer and an arena that grow with the largest record, up to max_record
 * bytes.  root and nslots: the values that are wanted.
 */
extern JsonDocument *json_document_create(JsonNode *root, int nslots, Size max_record);

/*
 * The record that len bytes hold, valid as long as they are and until the next
 * call.  White space, a byte order mark and the brackets of an array may stand
 * around it, nothing else.  spare: the byte behind them, which is changed meanwhile,
 * and with which JSON_PADDING bytes begin that can be read; NULL if there are none.
 */
extern const JsonRecord *json_document_read(JsonDocument *document, const char *data,
											size_t len, char *spare);

/*
 * The same without looking into it: a good record without values.  data is
 * NULL for a record that has none.
 */
extern const JsonRecord *json_document_pass(JsonDocument *document,
											const char *data, size_t len);

#endif							/* PINTEREST_JSON_DOCUMENT_H */
