/*-------------------------------------------------------------------------
 *
 * bucket_listing.h
 *	  One page of a bucket's listing, from the XML the service sends.
 *
 * S3 API, ListObjectsV2 with encoding-type=url.  Services leave that out or
 * add elements as they like: keys are decoded only if the page says that they
 * are encoded, elements come in any order, unknown ones are skipped.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_LISTING_H
#define PINTEREST_BUCKET_LISTING_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct ListedObject
{
	char	   *key;			/* decoded, in the database's encoding */
	char	   *etag;			/* with its quotes; NULL if not listed */
	int64		size;
	TimestampTz last_modified;
} ListedObject;

typedef struct ListedPage
{
	ListedObject *objects;
	int			nobjects;
	List	   *folders;		/* char *: with a delimiter, what keys begin with
								 * up to its next occurrence; decoded alike */
	char	   *last_key;		/* as sent: "after" for the next page; NULL if
								 * the page is empty */
	char	   *next_token;		/* of the page that follows; NULL at the end */
} ListedPage;

/*
 * Parses the page; everything is allocated in the current memory context, and
 * the document is overwritten.  subject names the listing in messages.  Raises
 * ERRCODE_FDW_ERROR if it is not a whole listing that makes sense.
 *
 * ordered: keys must ascend (every bucket but directory buckets), also from
 * after, the last key of the page before (NULL for the first page).
 */
extern ListedPage *listing_parse(char *document, size_t len, const char *subject,
								 bool ordered, const char *after);

#endif							/* PINTEREST_BUCKET_LISTING_H */
