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

#include "nodes/pg_list.h"
#include "pg_compat.h"
#include "source/s3/location.h"
#include "source/s3/store.h"

typedef struct Upload Upload;

typedef struct UploadOps
{
	/* Begins an object of that key; the last one has ended. May block. */
	void		(*begin) (Upload *upload, const char *key);

	/* Takes more bytes of it. May block. */
	void		(*write) (Upload *upload, const char *data, size_t len);

	/* These were all; the object appears now, or by the end of finish. */
	void		(*end) (Upload *upload);

	/*
	 * Returns when no object that has ended can turn out to have a name that is
	 * taken; or when that shows at finish, before any object appears.  May block.
	 */
	void		(*settle) (Upload *upload);

	/* Returns when all objects are there and durable. May block. */
	void		(*finish) (Upload *upload);

	/*
	 * When the upload fails here and now: adds the keys of objects that are
	 * there beside those counted in complete, and of those that may be.
	 */
	void		(*remaining) (Upload *upload, List **complete, List **doubtful);
} UploadOps;

struct Upload
{
	const UploadOps *ops;
	int64		complete;		/* objects that are there to stay: the first
								 * ones that were begun */
};

/*
 * Both allocate in the current memory context, and register a reset callback
 * on it that takes back what is not complete; so they need no end after an
 * error.  Neither touches network or disk before the first begin.
 *
 * root: a folder that must exist; folders below it are made for the keys.
 * unique: the keys are such as nobody else gives an object; where a service
 * cannot promise to replace none, these alone are written.
 */
extern Upload *file_upload_open(const char *root);
extern Upload *bucket_upload_open(const Location *location, S3Access *access,
								  bool unique);

/* For uploads: raises the error that somebody else has given an object this name. */
pg_noreturn extern void upload_name_taken(const char *name);

/* 64 random bits, palloc'd. */
extern char *random_hex(void);

#endif							/* PINTEREST_UPLOAD_H */
