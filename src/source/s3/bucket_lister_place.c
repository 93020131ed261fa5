/*-------------------------------------------------------------------------
 *
 * bucket_lister_place.c
 *	  Where a listing goes on: page after page, from one prefix to the next, by
 *	  leaps, or where another process has come to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/bucket_lister_internal.h"

static void
set_string(char **to, const char *text, MemoryContext context)
{
	char	   *copy = text == NULL ? NULL : MemoryContextStrdup(context, text);

	if (*to != NULL)
		pfree(*to);
	*to = copy;
}

void
lister_next_prefix(BucketLister *lister)
{
	set_string(&lister->token, NULL, lister->context);
	set_string(&lister->after, NULL, lister->context);
	set_string(&lister->last_key, NULL, lister->context);
	memset(&lister->trail, 0, sizeof(ListTrail));
	lister->listed_all = lister->nth == list_length(lister->prefixes);
	if (!lister->listed_all)
		lister->prefix = list_nth(lister->prefixes, lister->nth++);
}

void
lister_go_on(BucketLister *lister, const ListedPage *listed)
{
	trail_follow(&lister->trail, listed, lister->token, lister->location->uri);
	set_string(&lister->token, listed->next_token, lister->context);
	set_string(&lister->after, NULL, lister->context);
	if (listed->last_key != NULL)
		set_string(&lister->last_key, listed->last_key, lister->context);
	lister->listed_all = listed->next_token == NULL;
	if (lister->listed_all && lister->store->narrowed)
		lister_next_prefix(lister);
}

/* ---------- in order ---------- */

static void
go_on_after(BucketLister *lister, const char *key)
{
	set_string(&lister->token, NULL, lister->context);
	set_string(&lister->after, key, lister->context);
	set_string(&lister->last_key, key, lister->context);
	lister->listed_all = false;
}

void
lister_leap(BucketLister *lister, const char *key, const char *back)
{
	Store	   *store = lister->store;
	char	   *after;

	if (store->leap == NULL ||
		strchr(bucket_wire_key(key) + strlen(lister->prefix), '/') != NULL)
		return;
	switch (store->leap(store->filter_arg, key, &after))
	{
		case LEAP_ON:
			break;
		case LEAP_TO:
			/* processes that list by turns know too little of each other */
			if (store->supply != NULL)
				break;
			set_string(&lister->back, back, lister->context);
			go_on_after(lister, bucket_wire_key(after));
			break;
		case LEAP_END:
			lister->listed_all = true;
			if (store->narrowed)
				lister_next_prefix(lister);
			break;
	}
}

bool
lister_leapt_too_far(BucketLister *lister, const ListedPage *listed)
{
	Store	   *store = lister->store;
	char	   *back = lister->back;
	bool		too_far;

	if (back == NULL)
		return false;
	lister->back = NULL;
	too_far = store->leapt_too_far(store->filter_arg, listed->nobjects > 0 ?
								   listed->objects[0].key : NULL);
	if (too_far)
	{
		go_on_after(lister, bucket_wire_key(back));
		lister_leap(lister, back, back);
	}
	pfree(back);
	return too_far;
}

int
lister_leave_last(BucketLister *lister, const ListedPage *listed)
{
	int			last = listed->nobjects - 1;

	if (!lister->store->in_order || !lister->ordered || listed->next_token == NULL)
		return listed->nobjects;
	while (last > 0 && !location_matches(lister->location, listed->objects[last].key))
		last--;
	if (last <= 0)
		return listed->nobjects;
	go_on_after(lister, bucket_wire_key(listed->objects[last - 1].key));
	return last;
}

/* ---------- by turns ---------- */

/* A string that may be NULL, behind its length with the zero byte. */
static void
put_string(StringInfo place, const char *text)
{
	int			len = text == NULL ? 0 : strlen(text) + 1;

	appendBinaryStringInfo(place, (char *) &len, sizeof(len));
	appendBinaryStringInfo(place, text, len);
}

static const char *
get_string(const char *from, char **to, MemoryContext context)
{
	int			len;

	memcpy(&len, from, sizeof(len));
	from += sizeof(len);
	set_string(to, len == 0 ? NULL : from, context);
	return from + len;
}

void
lister_put_place(const BucketLister *lister, StringInfo place)
{
	resetStringInfo(place);
	appendBinaryStringInfo(place, (char *) &lister->nth, sizeof(lister->nth));
	appendBinaryStringInfo(place, (char *) &lister->trail, sizeof(lister->trail));
	appendStringInfoChar(place, lister->any_matched);
	put_string(place, lister->token);
	put_string(place, lister->after);
	put_string(place, lister->last_key);
}

void
lister_go_to_place(BucketLister *lister, StringInfo place)
{
	const char *from = place->data;

	if (place->len == 0)
		return;
	lister->listed_all = false;
	memcpy(&lister->nth, from, sizeof(lister->nth));
	from += sizeof(lister->nth);
	memcpy(&lister->trail, from, sizeof(lister->trail));
	from += sizeof(lister->trail);
	lister->any_matched = *from++;
	from = get_string(from, &lister->token, lister->context);
	from = get_string(from, &lister->after, lister->context);
	(void) get_string(from, &lister->last_key, lister->context);
	if (lister->nth > 0)
		lister->prefix = list_nth(lister->prefixes, lister->nth - 1);
}
