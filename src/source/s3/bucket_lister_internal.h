/*-------------------------------------------------------------------------
 *
 * bucket_lister_internal.h
 *	  The structures behind bucket_lister.h, for bucket_lister.c, which asks for
 *	  pages and takes them, and bucket_lister_place.c, which knows where to go on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BUCKET_LISTER_INTERNAL_H
#define PINTEREST_BUCKET_LISTER_INTERNAL_H

#include "postgres.h"

#include "lib/ilist.h"
#include "source/s3/bucket_lister.h"
#include "source/s3/bucket_trail.h"

typedef struct Page
{
	dlist_node	node;
	MemoryContext context;		/* holds this struct as well */
	ListedObject *objects;		/* only those that match */
	int			nobjects;
	int			next;			/* the first not yet taken */
} Page;

struct BucketLister
{
	Store	   *store;			/* its filter and counters */
	const Location *location;
	MemoryContext context;		/* of everything below */
	AwsService *service;
	const char *root;
	const char *delimiter;		/* NULL for none */
	char	   *prefix;			/* of the keys listed now, as sent */
	List	   *prefixes;		/* narrowed: the places to list */
	int			nth;			/* how many of them have been begun */
	bool		ordered;		/* listed in order of keys */
	AwsCall    *call;
	AwsRequest	request;
	StringInfoData query;
	bool		listing;		/* call is under way */
	bool		listed_all;
	char	   *token;			/* of the next page; or NULL, and */
	char	   *after;			/* the key behind which it begins, or NULL */
	char	   *last_key;		/* of the last page */
	ListTrail	trail;
	char	   *back;			/* the key (not as sent) to go on after if a
								 * leap was too far; NULL without a leap */
	dlist_head	pages;
	int			npages;
	int			waiting;		/* objects in pages, not yet taken */
	bool		any_matched;	/* has any object matched the location? */
	StringInfoData place;		/* of a turn */
};

/* Turns to the next place to list; with none left, all has been listed. */
extern void lister_next_prefix(BucketLister *lister);

/* Goes on behind the page; a service that leads nowhere is found out here. */
extern void lister_go_on(BucketLister *lister, const ListedPage *listed);

/*
 * A page of objects in order, behind which there are more: which one follows the
 * last that matches is not known, so that one is left to the next page.  Returns
 * how many are not.
 */
extern int	lister_leave_last(BucketLister *lister, const ListedPage *listed);

/*
 * Asks the owner where to go on from a key, in the folder that is listed; back
 * is a key up to which all objects have been taken.
 */
extern void lister_leap(BucketLister *lister, const char *key, const char *back);

/* Has a leap led here, and too far?  Then the page is not to be used. */
extern bool lister_leapt_too_far(BucketLister *lister, const ListedPage *listed);

/* Where the next page begins, for whoever lists it. */
extern void lister_put_place(const BucketLister *lister, StringInfo place);

/* Goes to where a process has put its place; an empty one is where we are. */
extern void lister_go_to_place(BucketLister *lister, StringInfo place);

#endif							/* PINTEREST_BUCKET_LISTER_INTERNAL_H */
