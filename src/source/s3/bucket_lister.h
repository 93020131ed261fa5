/*-------------------------------------------------------------------------
 *
 * bucket_lister.h
 *	  Lists a bucket, some pages ahead of who takes its objects.
 *
 * S3 API, ListObjectsV2.  At most two pages are kept, of which only the objects
 * that the store's owner wants.  In a parallel scan the processes list by turns,
 * and pages go to what they share.
 *
 * 	  lister_ask -> aws_service_pump -> lister_look -> lister_take
 *
 * Nothing here waits but lister_page.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_LISTER_H
#define PINTEREST_BUCKET_LISTER_H

#include "postgres.h"

#include "aws/client.h"
#include "source/s3/bucket_listing.h"
#include "source/s3/store.h"

typedef struct BucketLister BucketLister;

/*
 * Lives in the current memory context, as do its pages.  store says where to
 * list and what is wanted, and gets the counts.  root is the encoded path of
 * the bucket; delimiter that of the listing, or NULL.
 */
extern BucketLister *lister_create(Store *store, const Location *location,
								   AwsService *service, const char *root,
								   const char *delimiter);

/*
 * Asks for the next page if it is due; when listing by turns (the store has a
 * supply), if it is this process's turn.  idle: as in SourceSupply.
 */
extern void lister_ask(BucketLister *lister, bool idle);

/* Takes the page that has come, if any.  Raises if it is not to be used. */
extern void lister_look(BucketLister *lister);

/* Wanted objects that have been listed and not been taken. */
extern int	lister_waiting(const BucketLister *lister);

/* Takes one of them, copied into the current memory context. */
extern void lister_take(BucketLister *lister, StoreObject *object);

/* A page has been asked for. */
extern bool lister_busy(const BucketLister *lister);

/* All pages have come. */
extern bool lister_complete(const BucketLister *lister);

/*
 * Instead of all that: the next page as it is, in the current memory context;
 * NULL behind the last.  Blocks.
 */
extern ListedPage *lister_page(BucketLister *lister);

/* A key as it goes over the wire: in UTF-8, not encoded. */
extern char *bucket_wire_key(const char *key);

#endif							/* PINTEREST_BUCKET_LISTER_H */
