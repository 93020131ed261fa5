/*-------------------------------------------------------------------------
 *
 * bucket_listing.c
 *	  One page of a bucket's listing, from the XML the service sends.
 *
 * The order of keys is checked because a service that ignores the token, or
 * a cache in between, would otherwise repeat a page for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/error.h"
#include "aws/xml.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "net/date.h"
#include "net/url.h"
#include "source/s3/bucket_listing.h"

typedef struct ListingParser
{
	XmlReader	xml;
	const char *subject;
	ListedPage *page;
	int			room;			/* objects allocated */
	bool		keys_encoded;
	bool		truncated;
	char	   *token;
	StringInfoData text;		/* of the innermost element */
} ListingParser;

static void
bad_listing(const char *subject, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not list \"%s\": the service's answer is not a valid listing",
					subject),
			 errdetail("In the answer, %s.", problem),
			 errhint("Check the endpoint of the server: it must be that of an S3 service.")));
}

/* A 200 may carry an error, or a page of a proxy. */
static void
not_a_listing(const char *subject, const char *document)
{
	AwsFailure	failure = {AWS_ERROR_ANSWER};

	failure.status = 200;
	aws_failure_parse_body(&failure, document, strlen(document), NULL);
	aws_failure_report(&failure, "list", subject, 1);
}

static int64
parse_size(ListingParser *parser)
{
	const char *c = parser->text.data;
	int64		size = 0;

	if (*c == '\0')
		bad_listing(parser->subject, "an object has no size");
	for (; *c >= '0' && *c <= '9' && size < PG_INT64_MAX / 100; c++)
		size = size * 10 + (*c - '0');
	if (*c != '\0')
		bad_listing(parser->subject, "an object's size is no number");
	return size;
}

/* It goes back to the service in a header, so it must fit in one. */
static char *
parse_etag(ListingParser *parser)
{
	const char *c;

	for (c = parser->text.data; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			bad_listing(parser->subject, "an object's ETag holds control characters");
	return parser->text.len == 0 ? NULL : pstrdup(parser->text.data);
}

static bool
parse_bool(ListingParser *parser)
{
	if (pg_strcasecmp(parser->text.data, "true") == 0)
		return true;
	if (pg_strcasecmp(parser->text.data, "false") != 0)
		bad_listing(parser->subject, "IsTruncated is neither true nor false");
	return false;
}

static ListedObject *
new_object(ListingParser *parser)
{
	ListedPage *page = parser->page;
	ListedObject *object;

	if (page->nobjects == parser->room)
	{
		parser->room *= 2;
		page->objects = repalloc(page->objects, parser->room * sizeof(ListedObject));
	}
	object = &page->objects[page->nobjects++];
	memset(object, 0, sizeof(ListedObject));
	object->size = -1;
	object->last_modified = DT_NOBEGIN;
	return object;
}

/* The end of an element inside <Contents>. */
static void
object_element(ListingParser *parser, ListedObject *object)
{
	XmlReader  *xml = &parser->xml;

	if (xml_name_is(xml, "Key"))
		object->key = pnstrdup(parser->text.data, parser->text.len);
	else if (xml_name_is(xml, "Size"))
		object->size = parse_size(parser);
	else if (xml_name_is(xml, "ETag"))
		object->etag = parse_etag(parser);
	else if (xml_name_is(xml, "LastModified") &&
			 !iso_date_parse(parser->text.data, &object->last_modified))
		bad_listing(parser->subject, "an object's LastModified is no time");
}

/* The end of an element directly below the root. */
static void
page_element(ListingParser *parser)
{
	XmlReader  *xml = &parser->xml;

	if (xml_name_is(xml, "IsTruncated"))
		parser->truncated = parse_bool(parser);
	else if (xml_name_is(xml, "NextContinuationToken") && parser->text.len > 0)
		parser->token = pstrdup(parser->text.data);
	else if (xml_name_is(xml, "EncodingType"))
		parser->keys_encoded = pg_strcasecmp(parser->text.data, "url") == 0;
}

/* Reads everything between <ListBucketResult> and its end. */
static void
read_elements(ListingParser *parser)
{
	XmlReader  *xml = &parser->xml;
	ListedObject *object = NULL;
	bool		in_folder = false;

	for (;;)
	{
		switch (xml_next(xml))
		{
			case XML_OPEN:
				resetStringInfo(&parser->text);
				if (xml->depth != 2)
					break;
				object = xml_name_is(xml, "Contents") ? new_object(parser) : NULL;
				in_folder = xml_name_is(xml, "CommonPrefixes");
				break;
			case XML_TEXT:
				appendBinaryStringInfo(&parser->text, xml->text, xml->text_len);
				break;
			case XML_CLOSE:
				if (xml->depth == 2 && object != NULL)
					object_element(parser, object);
				else if (xml->depth == 2 && in_folder && xml_name_is(xml, "Prefix"))
					parser->page->folders = lappend(parser->page->folders,
													pstrdup(parser->text.data));
				else if (xml->depth == 1)
					page_element(parser);
				break;
			case XML_MALFORMED:
				bad_listing(parser->subject, xml->problem);
				break;
			case XML_END:
				return;
		}
	}
}

/* Keys are UTF-8 on the wire. */
static char *
key_in_database_encoding(ListingParser *parser, char *key)
{
	int			len = strlen(key);

	if (GetDatabaseEncoding() == PG_SQL_ASCII)
		return key;
	if (!pg_verify_mbstr(PG_UTF8, key, len, true))
		bad_listing(parser->subject, "a key is not valid UTF-8");
	return pg_any_to_server(key, len, PG_UTF8);
}

/*
 * Only now is it known whether keys are encoded.  Order is that of the bytes
 * on the wire.
 */
static void
finish_objects(ListingParser *parser, bool ordered, const char *after)
{
	ListedPage *page = parser->page;
	int			i;

	for (i = 0; i < page->nobjects; i++)
	{
		ListedObject *object = &page->objects[i];

		if (object->key == NULL || object->key[0] == '\0')
			bad_listing(parser->subject, "an object has no key");
		if (object->size < 0)
			bad_listing(parser->subject, "an object has no size");
		if (object->last_modified == DT_NOBEGIN)
			bad_listing(parser->subject, "an object has no LastModified");
		if (parser->keys_encoded && !url_decode(object->key, true))
			bad_listing(parser->subject, "a key is not encoded as it should be");
		if (ordered && after != NULL && strcmp(object->key, after) <= 0)
			bad_listing(parser->subject, "keys do not ascend, or a page comes twice");
		after = object->key;
	}
	if (page->nobjects > 0)
		page->last_key = pstrdup(after);
	for (i = 0; i < page->nobjects; i++)
		page->objects[i].key = key_in_database_encoding(parser, page->objects[i].key);
}

static void
finish_folders(ListingParser *parser)
{
	ListCell   *lc;

	foreach(lc, parser->page->folders)
	{
		char	   *folder = lfirst(lc);

		if (parser->keys_encoded && !url_decode(folder, true))
			bad_listing(parser->subject, "a key is not encoded as it should be");
		lfirst(lc) = key_in_database_encoding(parser, folder);
	}
}

ListedPage *
listing_parse(char *document, size_t len, const char *subject,
			  bool ordered, const char *after)
{
	ListingParser parser = {0};
	char	   *original = pnstrdup(document, Min(len, HTTP_ERROR_BODY_MAX));

	parser.subject = subject;
	parser.page = palloc0(sizeof(ListedPage));
	parser.room = 1000;
	parser.page->objects = palloc(parser.room * sizeof(ListedObject));
	initStringInfo(&parser.text);

	xml_begin(&parser.xml, document, len);
	if (xml_next(&parser.xml) != XML_OPEN ||
		!xml_name_is(&parser.xml, "ListBucketResult"))
		not_a_listing(subject, original);
	read_elements(&parser);
	if (parser.truncated && parser.token == NULL)
		bad_listing(subject, "more pages are announced without a token to ask for them");
	parser.page->next_token = parser.truncated ? parser.token : NULL;
	finish_objects(&parser, ordered, after);
	finish_folders(&parser);
	pfree(original);
	return parser.page;
}
