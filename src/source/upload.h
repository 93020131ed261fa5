/*-------------------------------------------------------------------------
 *
 * upload.h
 *	  Objects on their way into a store: a bucket, or a directory.
 *
 * The reverse of store.h: bytes are handed over object by object.  None is
 * visible before all its bytes are, and none ever takes the place of another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_UPLOAD_H
#define PINTEREST_UPLOAD_H

#include "postgres.h"

#include "source/location.h"
#include "source/store.h"

typedef struct Upload Upload;

typedef struct UploadOps
{
	/* Begins an object of that key; the last one has ended. May block. */
	void		(*begin) (Upload *upload, const char *key);

	/* Takes more bytes of it. May block. */
	void		(*write) (Upload *upload, const char *data, size_t len);

	/* These were all; the object appears now, or by the end of finish. */
	void		(*end) (Upload *upload);

	/* Returns when all objects are there and durable. May block. */
	void		(*finish) (Upload *upload);

	/* The key of an object that might be there or not, if the upload fails now. */
	const char *(*in_doubt) (Upload *upload);
} UploadOps;

struct Upload
{
	const UploadOps *ops;
	int64		complete;		/* objects that are there to stay */
};

/*
 * Both allocate in the current memory context, and register a reset callback
 * on it that takes back what is not complete; so they need no end after an
 * error.  Neither touches network or disk before the first begin.
 */
extern Upload *file_upload_open(void);
extern Upload *bucket_upload_open(const Location *location, const S3Access *access);

#endif							/* PINTEREST_UPLOAD_H */
