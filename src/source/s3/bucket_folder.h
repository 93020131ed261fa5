/*-------------------------------------------------------------------------
 *
 * bucket_folder.h
 *	  What lies directly in a folder of a bucket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_FOLDER_H
#define PINTEREST_BUCKET_FOLDER_H

#include "postgres.h"

#include "source/s3/store.h"

/*
 * As list_folder of a store, which store is: it gets the counts.  Blocks.
 */
extern StoreFolder *bucket_folder(Store *store, const Location *location,
								  S3Access *access);

#endif							/* PINTEREST_BUCKET_FOLDER_H */
