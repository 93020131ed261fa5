/*-------------------------------------------------------------------------
 *
 * s3_objects.c
 *	  Records as objects, one object after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/document.h"
#include "json/path.h"
#include "record.h"
#include "source/s3/s3_objects.h"
#include "utils/memutils.h"

struct S3Objects
{
	S3TargetConfig config;
	Upload	   *upload;
	Compressor *compressor;
	JsonDocument *document;		/* NULL before the first whole record */
	MemoryContext context;		/* of keys */
	StringInfoData packed;		/* bytes, compressed */

	/*
	 * Which keys are complete, for messages.  Files are all removed after an
	 * error, so they need not be remembered.
	 */
	List	   *begun;			/* keys not known to be complete, oldest first */
	int64		ncomplete;		/* those that are not in it any more */
	char	   *first;			/* of these */
	char	   *last;
};

S3Objects *
objects_open(const S3TargetConfig *config, Upload *upload)
{
	S3Objects  *objects = palloc0(sizeof(S3Objects));

	objects->config = *config;
	objects->upload = upload;
	objects->compressor = compress_open(config->compression);
	objects->context = CurrentMemoryContext;
	initStringInfo(&objects->packed);
	return objects;
}

char *
objects_suffix(const S3Objects *objects)
{
	return psprintf(".json%s", compress_suffix(objects->compressor));
}

/* Raises an error unless it is what a scan takes for a good record. */
static void
check_record(S3Objects *objects, const char *record, size_t len, char *spare)
{
	const JsonRecord *json;
	MemoryContext old;
	int			nslots;

	if (objects->document == NULL)
	{
		old = MemoryContextSwitchTo(objects->context);
		objects->document = json_document_create(json_path_tree(NIL, NULL, &nslots), 0,
												 (Size) pinterest_max_record_size * 1024);
		MemoryContextSwitchTo(old);
	}
	json = json_document_read(objects->document, record, len, spare);
	if (json->error != JSON_ERROR_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid JSON record"),
				 errdetail("%s The error is at byte %zu of the record.",
						   json_error_detail(json->error), json->error_at + 1)));
}

/*
 * Makes one line of a record.  A line break in JSON is white space; a byte order
 * mark belongs nowhere but at the start of a file.
 */
static void
make_line(char *record, size_t len)
{
	static const char breaks[] = {'\n', '\r'};

	if (len >= 3 && memcmp(record, "\xEF\xBB\xBF", 3) == 0)
		memset(record, ' ', 3);
	for (int i = 0; i < lengthof(breaks); i++)
		for (char *at = record; (at = memchr(at, breaks[i], record + len - at)) != NULL;)
			*at = ' ';
}

/* A record that a row has given as a whole: it is checked where it comes to lie. */
static void
append_whole(S3Objects *objects, StringInfo bytes, const TargetRecord *record)
{
	char	   *place;

	if (record->data == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("a row has no value, and makes no record")));
	enlargeStringInfo(bytes, record->len + JSON_PADDING);
	place = bytes->data + bytes->len;
	appendBinaryStringInfo(bytes, record->data, record->len);
	check_record(objects, place, record->len, place + record->len);
	make_line(place, record->len);
}

void
objects_append(S3Objects *objects, StringInfo bytes, bool first, const TargetRecord *record)
{
	if (objects->config.array)
		appendStringInfoCharMacro(bytes, first ? '[' : ',');
	if (record->whole)
		append_whole(objects, bytes, record);
	else
		appendBinaryStringInfo(bytes, record->data, record->len);
	appendStringInfoCharMacro(bytes, '\n');
}

/* Moves the keys of objects that are complete by now out of the list. */
static void
note_complete(S3Objects *objects)
{
	while (objects->begun != NIL && objects->ncomplete < objects->upload->complete)
	{
		char	   *key = linitial(objects->begun);

		objects->begun = list_delete_first(objects->begun);
		objects->ncomplete++;
		if (objects->first == NULL)
			objects->first = key;
		else if (objects->last != NULL)
			pfree(objects->last);
		if (objects->first != key)
			objects->last = key;
	}
}

void
objects_begin(S3Objects *objects, const char *key)
{
	MemoryContext old = MemoryContextSwitchTo(objects->context);

	if (objects->config.location->scheme == LOCATION_S3)
		objects->begun = lappend(objects->begun, pstrdup(key));
	MemoryContextSwitchTo(old);
	objects->upload->ops->begin(objects->upload, key);
	note_complete(objects);
}

void
objects_write(S3Objects *objects, StringInfo bytes, bool last)
{
	StringInfo	out = bytes;

	if (last && objects->config.array)
		appendStringInfoString(bytes, "]\n");
	if (compress_suffix(objects->compressor)[0] != '\0')
	{
		out = &objects->packed;
		resetStringInfo(out);
		compress_append(objects->compressor, bytes->data, bytes->len, last, out);
	}
	if (out->len > 0)
		objects->upload->ops->write(objects->upload, out->data, out->len);
	resetStringInfo(bytes);
	if (last)
	{
		objects->upload->ops->end(objects->upload);
		note_complete(objects);
	}
}

void
objects_settle(S3Objects *objects)
{
	objects->upload->ops->settle(objects->upload);
	note_complete(objects);
}

void
objects_finish(S3Objects *objects)
{
	objects->upload->ops->finish(objects->upload);
	note_complete(objects);
}

int64
objects_complete(const S3Objects *objects)
{
	return objects->upload->complete;
}

static char *
uri_of(const S3Objects *objects, const char *key)
{
	return location_uri_of(objects->config.location, key);
}

/* Adds a sentence that ends with the names of objects. */
static void
add_names(const S3Objects *objects, StringInfo text, const char *what, List *keys)
{
	ListCell   *lc;

	if (keys == NIL)
		return;
	appendStringInfo(text, "%s%s", text->len > 0 ? " " : "", what);
	foreach(lc, keys)
		appendStringInfo(text, "%s \"%s\"", foreach_current_index(lc) > 0 ? "," : ":",
						 uri_of(objects, lfirst(lc)));
	appendStringInfoChar(text, '.');
}

char *
objects_remains(S3Objects *objects)
{
	List	   *more = NIL;
	List	   *doubtful = NIL;
	int64		complete;
	StringInfoData text;

	note_complete(objects);
	complete = objects->ncomplete;
	objects->upload->ops->remaining(objects->upload, &more, &doubtful);
	initStringInfo(&text);
	if (complete > 2)
		appendStringInfo(&text, "%lld objects were complete, and stay: \"%s\" to \"%s\".",
						 (long long) complete, uri_of(objects, objects->first),
						 uri_of(objects, objects->last));
	else
	{
		if (objects->last != NULL)
			more = lcons(objects->last, more);
		if (objects->first != NULL)
			more = lcons(objects->first, more);
	}
	add_names(objects, &text, complete > 2 ? "Complete as well" : "Complete, and staying", more);
	add_names(objects, &text, "May be there as well", doubtful);
	return text.len > 0 ? text.data : NULL;
}
