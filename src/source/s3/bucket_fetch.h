/*-------------------------------------------------------------------------
 *
 * bucket_fetch.h
 *	  One object on its way out of a bucket, or a part of one.
 *
 * S3 API, GetObject: one GET for an object.  A part is one GET with Range, behind
 * one for the start of the object if that may be compressed (StoreObject.unsure),
 * and others for what is read beyond its end.  All say If-Match.
 *
 *	  fetch_begin -> (fetch_look) -> fetch_ready -> fetch_read ... -> fetch_end
 *
 * Nothing here waits: aws_service_pump moves it on.  The store gets the counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_FETCH_H
#define PINTEREST_BUCKET_FETCH_H

#include "postgres.h"

#include "aws/client.h"
#include "source/s3/store.h"

typedef struct Fetch
{
	AwsCall    *call;			/* the owner's, as is what object points to */
	StoreObject object;

	/* bucket_fetch.c's own */
	bool		under_way;		/* call is used: the object is not empty */
	bool		looking;		/* at the start of the object */
	AwsRequest	request;
	int64		asked_to;		/* bytes of the object up to here */
} Fetch;

/*
 * Asks for the object, in the memory context of its strings.  root is the encoded
 * path of the bucket.
 */
extern void fetch_begin(Store *store, Fetch *fetch, const char *root);

/* Goes on if it is the start of the object that has been waited for. */
extern void fetch_look(Store *store, Fetch *fetch);

/* Can reading begin?  Raises if the request has failed. */
extern bool fetch_ready(const Fetch *fetch);

/* Has it failed because the object had gone, before any of it came? */
extern bool fetch_missing(const Fetch *fetch);

/*
 * Takes up to room bytes; 0 when none are there now, and with *ended when the
 * object, not only the part, has been read to its end.
 */
extern size_t fetch_read(Store *store, Fetch *fetch, char *buf, size_t room, bool *ended);

/* Lets go of it, wherever it is. */
extern void fetch_end(Store *store, Fetch *fetch);

#endif							/* PINTEREST_BUCKET_FETCH_H */
