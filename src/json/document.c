/*-------------------------------------------------------------------------
 *
 * document.c
 *	  A record that comes alone: one JSON document in bytes of known length.
 *
 * The scanner wants a zero behind its input.  Where none may be put there, because
 * the bytes belong to a library, they are copied.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/document.h"
#include "utils/memutils.h"

/* Larger than most messages, and well within the first-level cache. */
#define DOCUMENT_CAPACITY (8 * 1024)

/* A buffer larger than this is not kept for the next record. */
#define DOCUMENT_KEPT (4 * 1024 * 1024)

struct JsonDocument
{
	MemoryContext context;
	Size		max_record;
	char	   *buffer;			/* capacity + JSON_PADDING bytes */
	Size		capacity;
	const JsonValue *no_values; /* as many as there are slots, all missing */
	JsonScan	scan;
	JsonRecord	record;
};

/*
 * Reads the object that the string at *next holds.
 */
static JsonStatus
scan_object_in_string(JsonScan *scan, const char **next)
{
	JsonScan	inner = *scan;
	JsonValue	text;
	const char *start = *next;
	const char *p;
	JsonStatus	status = json_scan_string(scan, next, &text);

	if (status != JSON_OK)
		return status;

	inner.end = text.data + text.len;
	inner.final = true;
	inner.arena_next = scan->arena_next + JSON_PADDING;
	memset(scan->arena_next, 0, JSON_PADDING);
	p = json_scan_space(&inner, text.data);
	scan->error = JSON_ERROR_NOT_OBJECT;
	scan->error_at = start;
	if (*p != '{' || json_scan_object(&inner, &p) != JSON_OK ||
		json_scan_space(&inner, p) != inner.end)
		return JSON_BAD;
	return JSON_OK;
}

JsonStatus
json_scan_record(JsonScan *scan, const char **next)
{
	const char *start = *next;
	JsonStatus	status;

	json_scan_reset(scan);
	if (likely(*start == '{'))
		return json_scan_object(scan, next);
	if (*start == '"')
		return scan_object_in_string(scan, next);
	status = json_scan_over(scan, next);
	if (status != JSON_OK)
		return status;
	scan->error = JSON_ERROR_NOT_OBJECT;
	scan->error_at = start;
	return JSON_BAD;
}

/*
 * An array of one record stands for it, as it does in framed bodies.  Leaves
 * *next where it is if there is no such array.
 */
static bool
scan_array_of_one(JsonScan *scan, const char **next)
{
	const char *p;

	if (likely(**next != '['))
		return false;
	p = json_scan_space(scan, *next + 1);
	if ((*p != '{' && *p != '"') || json_scan_record(scan, &p) != JSON_OK)
		return false;
	p = json_scan_space(scan, p);
	if (*p != ']')
		return false;
	*next = p + 1;
	return true;
}

static void
allocate_place(JsonDocument *document, Size capacity)
{
	document->capacity = capacity;
	document->buffer = MemoryContextAllocHuge(document->context, capacity + JSON_PADDING);
	document->scan.arena = MemoryContextAllocHuge(document->context,
												  JSON_ARENA_SIZE(capacity));
}

JsonDocument *
json_document_create(JsonNode *root, int nslots, Size max_record)
{
	JsonDocument *document = palloc0(sizeof(JsonDocument));

	document->context = CurrentMemoryContext;
	document->max_record = max_record;
	document->scan.root = root;
	document->scan.nvalues = nslots;
	document->scan.values = palloc0(sizeof(JsonValue) * Max(nslots, 1));
	document->scan.final = true;
	document->no_values = palloc0(sizeof(JsonValue) * Max(nslots, 1));
	document->record.line = 1;
	allocate_place(document, DOCUMENT_CAPACITY);
	return document;
}

/* Makes room for a document of so many bytes. */
static void
make_place(JsonDocument *document, size_t len)
{
	Size		capacity = document->capacity;

	if (capacity > DOCUMENT_KEPT)
		capacity = DOCUMENT_CAPACITY;
	while (capacity < len)
		capacity *= 2;
	if (capacity != document->capacity)
	{
		pfree(document->buffer);
		pfree(document->scan.arena);
		allocate_place(document, capacity);
	}
}

static const JsonRecord *
bad_document(JsonDocument *document, JsonError error, size_t error_at)
{
	document->record.checked = false;
	document->record.error = error;
	document->record.error_at = Min(error_at, document->record.len);
	return &document->record;
}

/* Reads what stands at p, behind which there is a zero. */
static const JsonRecord *
read_at(JsonDocument *document, const char *p, size_t len)
{
	JsonScan   *scan = &document->scan;
	const char *start = p;

	scan->end = p + len;
	scan->line = 1;
	if (unlikely(memcmp(p, "\xEF\xBB\xBF", 3) == 0))
		p += 3;
	p = json_scan_space(scan, p);
	if (unlikely(p == scan->end))
		return bad_document(document, JSON_ERROR_EMPTY, 0);
	if (!scan_array_of_one(scan, &p) && unlikely(json_scan_record(scan, &p) != JSON_OK))
		return bad_document(document, scan->error, scan->error_at - start);
	p = json_scan_space(scan, p);
	if (unlikely(p != scan->end))
		return bad_document(document, JSON_ERROR_TRAILING, p - start);
	document->record.checked = true;
	document->record.error = JSON_ERROR_NONE;
	document->record.error_at = 0;
	return &document->record;
}

const JsonRecord *
json_document_read(JsonDocument *document, const char *data, size_t len, char *spare)
{
	JsonRecord *record = &document->record;
	char		behind;

	record->data = data;
	record->len = len;
	record->values = document->scan.values;
	if (unlikely(len > document->max_record))
		return bad_document(document, JSON_ERROR_TOO_LARGE, 0);
	make_place(document, len);
	if (spare == NULL)
	{
		memcpy(document->buffer, data, len);
		memset(document->buffer + len, 0, JSON_PADDING);
		return read_at(document, document->buffer, len);
	}
	behind = *spare;
	*spare = '\0';
	(void) read_at(document, data, len);
	*spare = behind;
	return record;
}

const JsonRecord *
json_document_pass(JsonDocument *document, const char *data, size_t len)
{
	JsonRecord *record = &document->record;

	record->data = data;
	record->len = len;
	record->values = document->no_values;
	record->checked = false;
	record->error = JSON_ERROR_NONE;
	record->error_at = 0;
	return record;
}
