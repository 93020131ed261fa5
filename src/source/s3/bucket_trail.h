/*-------------------------------------------------------------------------
 *
 * bucket_trail.h
 *	  Do the pages of a listing lead anywhere?
 *
 * A service that ignores its own tokens, or a cache in between, must not keep a
 * query busy for ever.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_TRAIL_H
#define PINTEREST_BUCKET_TRAIL_H

#include "postgres.h"

#include "source/s3/bucket_listing.h"

/* What is remembered of the pages so far; all zero before the first. */
typedef struct ListTrail
{
	int64		pages;			/* that hold objects */
	int			empty;			/* in a row that hold nothing */
	uint64		mark;			/* hash of the last key of one of them */
} ListTrail;

/*
 * Another page, asked for with token (NULL for the first).  Raises an error that
 * names subject if it leads nowhere.
 */
extern void trail_follow(ListTrail *trail, const ListedPage *page,
						 const char *token, const char *subject);

#endif							/* PINTEREST_BUCKET_TRAIL_H */
