/*-------------------------------------------------------------------------
 *
 * bucket_trail.c
 *	  Do the pages of a listing lead anywhere?
 *
 * Where keys ascend, bucket_listing.c finds most of what is wrong by their
 * order, and sooner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "source/s3/bucket_trail.h"

/*
 * So many pages in a row may hold nothing: a service may skip over removed
 * versions of objects like that.
 */
#define MAX_EMPTY_PAGES 10000

static void
leads_nowhere(const char *subject, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not list \"%s\": the service's answer is not a valid listing",
					subject),
			 errdetail_internal("%s", detail)));
}

/*
 * Pages that come again are found as Brent finds cycles: each is compared with
 * one that is moved on whenever their number has doubled.
 */
static bool
comes_again(ListTrail *trail, const char *last_key)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) last_key,
										   strlen(last_key), 0);

	if (trail->pages > 0 && hash == trail->mark)
		return true;
	if ((trail->pages & (trail->pages - 1)) == 0)
		trail->mark = hash;
	trail->pages++;
	return false;
}

void
trail_follow(ListTrail *trail, const ListedPage *page, const char *token, const char *subject)
{
	if (page->nobjects > 0 && comes_again(trail, page->last_key))
		leads_nowhere(subject, "A page comes twice.");
	if (page->next_token == NULL)
		return;
	if (token != NULL && strcmp(page->next_token, token) == 0)
		leads_nowhere(subject, "The page names itself as the next one.");
	trail->empty = page->nobjects == 0 && page->folders == NIL ? trail->empty + 1 : 0;
	if (trail->empty == MAX_EMPTY_PAGES)
		leads_nowhere(subject, psprintf("%d pages in a row hold nothing, and each names another one.",
										MAX_EMPTY_PAGES));
}
