/*-------------------------------------------------------------------------
 *
 * s3.h
 *	  What the files of the S3 source share; the rest is behind source.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_H
#define PINTEREST_S3_H

#include "postgres.h"

#include "source/check.h"
#include "source/source.h"
#include "source/s3/store.h"

/* Requests in flight at most, in one backend. */
extern int	pinterest_s3_connections;

/* Large files of lines are read in parts of this size by parallel scans. */
extern int	pinterest_part_size;

/* The location of a table's options. */
extern Location *s3_location(List *table_options);

/* SourceOps.validate; this and what follows down to s3_access in s3_options.c. */
extern void s3_validate(Oid catalog, List *options);

/*
 * How to reach buckets, from the server's options; then whose keys to use;
 * s3_access does both.  Raise errors that tell what to set; none blocks or
 * gets keys.
 */
extern S3Access *s3_server_access(const SourceRequest *request);
extern void s3_take_credentials(const SourceRequest *request, S3Access *access);
extern S3Access *s3_access(const SourceRequest *request);

/* SourceOps.check; in s3_check.c. */
extern bool s3_check(Check *check, bool ready, const SourceRequest *request);

/*
 * The store of a location, in the current memory context; raises an error if
 * the user of the request lacks what it takes.  Does not block.
 */
extern Store *s3_store_open(const SourceRequest *request, const Location *location);

/* SourceOps.tables; in s3_tables.c. */
extern List *s3_tables(const SourceRequest *request, const char *schema);

#endif							/* PINTEREST_S3_H */
