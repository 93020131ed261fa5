/*-------------------------------------------------------------------------
 *
 * bucket_upload_internal.h
 *	  The structures behind bucket_upload_open, for the files of an upload:
 *
 *	  bucket_upload.c			slots that are filled and sent
 *	  bucket_upload_request.c	requests, and what their answers mean
 *	  bucket_multipart.c		uploads in parts: begun, completed, aborted
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_UPLOAD_INTERNAL_H
#define PINTEREST_BUCKET_UPLOAD_INTERNAL_H

#include "postgres.h"

#include "aws/client.h"
#include "source/s3/store.h"
#include "source/s3/upload.h"

#define MAX_SLOTS 4

typedef struct UploadSlot
{
	StringInfoData data;		/* what is sent; filled while not under way */
	AwsCall    *call;
	AwsRequest	request;
	MemoryContext context;		/* of the request */
	bool		under_way;
	int			part;			/* number from 1; 0: the whole object */
	char	   *key;
} UploadSlot;

typedef struct BucketUpload
{
	Upload		base;
	const Location *location;
	S3Access   *access;
	MemoryContext context;
	AwsService *service;		/* NULL before the first begin */
	char	   *root;			/* encoded path of the bucket, ends in "/" */
	bool		unique;			/* are the names such as nobody else gives? */
	bool		unconditional;	/* the service knows no If-None-Match */
	char	   *mark;			/* on all objects: the value of MARK */

	UploadSlot	slots[MAX_SLOTS];
	int			nslots;
	int			filling;		/* the slot that takes bytes; the one behind it
								 * has been under way for the longest time */
	MemoryContext object_context;
	char	   *key;			/* of the current object; this and the next one
								 * outlive its context, for on_context_reset */
	char	   *upload_id;		/* NULL: it is not sent in parts */
	int			parts;			/* sent so far */
	StringInfoData done;		/* parts that have arrived, as XML */
	bool		completing;		/* CompleteMultipartUpload was sent */

	AwsCall    *control;		/* for everything but data */
	MemoryContextCallback on_reset;
} BucketUpload;

/* ---------- bucket_upload_request.c ---------- */

/* Fills in a request, in the current memory context. */
extern void upload_prepare(BucketUpload *upload, AwsRequest *request, const char *method,
						   const char *key, const char *query, const char *what);

/* A query of two parameters; a value may be NULL. */
extern char *upload_query(const char *name, const char *value,
						  const char *name2, const char *value2);

/* What all objects have. */
extern void upload_describe(BucketUpload *upload, AwsRequest *request);

/* No object of that name may be there yet.  Must be the last header. */
extern void upload_add_condition(BucketUpload *upload, AwsRequest *request);

extern bool upload_ended(const AwsCall *call);
extern void upload_wait_for(BucketUpload *upload, AwsCall *call);
extern bool upload_failed_with(const AwsCall *call, const char *code);

/* Sends a request other than data, and waits for its answer. */
extern void upload_send_control(BucketUpload *upload, AwsRequest *request);

/* The service does not know conditions: the names alone have to do, if they can. */
extern bool upload_condition_unknown(BucketUpload *upload, const AwsCall *call);

/*
 * The request to write an object has failed: was it carried out all the same?
 * Then it was another one, whose answer was lost, that did it.
 */
extern bool upload_is_written(BucketUpload *upload, const char *key, const AwsCall *call);

/* Raises: a proxy that answers in the service's place is found out by this. */
extern void upload_no_version(const char *subject);

/* ---------- bucket_multipart.c ---------- */

/* "CreateMultipartUpload" of the current object. */
extern void multipart_begin(BucketUpload *upload);

/* The version tag of a part goes into the list that completes the object. */
extern void multipart_note_part(BucketUpload *upload, UploadSlot *slot);

/* All parts have been noted: makes an object of them. */
extern void multipart_complete(BucketUpload *upload);

/* A MemoryContextCallbackFunction: ends what an error has left, or nothing. */
extern void multipart_on_reset(void *arg);

#endif							/* PINTEREST_BUCKET_UPLOAD_INTERNAL_H */
