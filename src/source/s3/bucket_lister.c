/*-------------------------------------------------------------------------
 *
 * bucket_lister.c
 *	  Lists a bucket, some pages ahead of who takes its objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "source/s3/bucket_lister.h"
#include "source/s3/bucket_trail.h"
#include "utils/memutils.h"

/* A page is asked for while fewer objects than these wait to be taken. */
#define LOW_WATER 1000
#define PAGES_AHEAD 2

/* 1000 keys of 1024 bytes, every byte encoded, take about 3.5 MB. */
#define MAX_LISTING (16 * 1024 * 1024)

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

/* "Directory buckets", S3 user guide: they are listed in no order. */
static bool
is_directory_bucket(const char *bucket)
{
	size_t		len = strlen(bucket);

	return len > 6 && strcmp(bucket + len - 6, "--x-s3") == 0;
}

char *
bucket_wire_key(const char *text)
{
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

static void
set_string(char **to, const char *text, MemoryContext context)
{
	char	   *copy = text == NULL ? NULL : MemoryContextStrdup(context, text);

	if (*to != NULL)
		pfree(*to);
	*to = copy;
}

/*
 * The places to list, without those that another one covers: a listing of "a"
 * gives "ab" as well, and nothing may be listed twice.
 */
static List *
separate_prefixes(List *prefixes)
{
	List	   *separate = NIL;
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, prefixes)
	{
		const char *prefix = lfirst(lc);
		bool		covered = false;

		foreach(other, prefixes)
			covered = covered ||
				(lc != other && strncmp(prefix, lfirst(other), strlen(lfirst(other))) == 0);
		if (!covered)
			separate = lappend(separate, bucket_wire_key(prefix));
	}
	return separate;
}

/* Turns to the next place to list; with none left, all has been listed. */
static void
next_prefix(BucketLister *lister)
{
	set_string(&lister->token, NULL, lister->context);
	set_string(&lister->after, NULL, lister->context);
	set_string(&lister->last_key, NULL, lister->context);
	memset(&lister->trail, 0, sizeof(ListTrail));
	lister->listed_all = lister->nth == list_length(lister->prefixes);
	if (!lister->listed_all)
		lister->prefix = list_nth(lister->prefixes, lister->nth++);
}

BucketLister *
lister_create(Store *store, const Location *location, AwsService *service,
			  const char *root, const char *delimiter)
{
	BucketLister *lister = palloc0(sizeof(BucketLister));

	lister->store = store;
	lister->location = location;
	lister->context = CurrentMemoryContext;
	lister->service = service;
	lister->root = root;
	lister->delimiter = delimiter;
	lister->call = aws_call_create(service);
	if (lister->call == NULL)
		aws_out_of_connections();
	initStringInfo(&lister->query);
	initStringInfo(&lister->place);
	lister->prefixes = separate_prefixes(store->prefixes);
	if (store->narrowed)
		next_prefix(lister);
	else
		lister->prefix = bucket_wire_key(location->prefix);
	lister->ordered = !is_directory_bucket(location->bucket);
	dlist_init(&lister->pages);
	return lister;
}

static void
request_page(BucketLister *lister)
{
	AwsRequest *request = &lister->request;
	const char *prefix = lister->prefix[0] == '\0' ? NULL : lister->prefix;
	const char *pairs[] = {
		"continuation-token", lister->token,
		"delimiter", lister->delimiter,
		"encoding-type", "url",
		"list-type", "2",
		"prefix", prefix,
		"start-after", lister->after
	};

	resetStringInfo(&lister->query);
	sigv4_query(&lister->query, pairs, lengthof(pairs) / 2);
	memset(request, 0, sizeof(AwsRequest));
	request->method = "GET";
	request->path = lister->root;
	request->query = lister->query.data;
	request->max_body = MAX_LISTING;
	request->what = "list";
	request->subject = lister->location->uri;
	aws_call_begin(lister->call, request);
	lister->listing = true;
	lister->store->counters.list_requests++;
}

/* Fills in what a listed object is to a reader, in the current context. */
static void
describe_object(const BucketLister *lister, const ListedObject *listed, StoreObject *object)
{
	object->key = listed->key;
	object->uri = location_uri_of(lister->location, listed->key);
	object->etag = listed->etag;
	object->size = listed->size;
	object->last_modified = listed->last_modified;
	object->from = 0;
	object->to = -1;
	object->unsure = false;
	object->next = NULL;
}

/* The key of the next object that matches, if the page holds it. */
static const char *
next_match(const BucketLister *lister, const ListedPage *page, int i)
{
	for (i++; i < page->nobjects; i++)
		if (location_matches(lister->location, page->objects[i].key))
			return page->objects[i].key;
	return NULL;
}

static bool
is_wanted(BucketLister *lister, const ListedPage *page, int i)
{
	const ListedObject *listed = &page->objects[i];
	StoreObject object;

	if (!location_matches(lister->location, listed->key))
		return false;
	lister->any_matched = true;
	if (lister->store->filter == NULL)
		return true;
	describe_object(lister, listed, &object);
	if (lister->store->in_order && lister->ordered)
		object.next = next_match(lister, page, i);
	if (store_wants(lister->store, &object))
		return true;
	lister->store->counters.filtered++;
	return false;
}

/* Keeps what is wanted of the first n objects, moved together at the front. */
static void
keep_wanted(BucketLister *lister, Page *page, const ListedPage *listed, int n)
{
	page->objects = listed->objects;
	for (int i = 0; i < n; i++)
		if (is_wanted(lister, listed, i))
			page->objects[page->nobjects++] = listed->objects[i];
}

/* Where to go on; a service that leads nowhere is found out here. */
static void
remember_place(BucketLister *lister, const ListedPage *listed)
{
	trail_follow(&lister->trail, listed, lister->token, lister->location->uri);
	set_string(&lister->token, listed->next_token, lister->context);
	set_string(&lister->after, NULL, lister->context);
	if (listed->last_key != NULL)
		set_string(&lister->last_key, listed->last_key, lister->context);
	lister->listed_all = listed->next_token == NULL;
	if (lister->listed_all && lister->store->narrowed)
		next_prefix(lister);
}

/* The page that has come, in the current context. */
static ListedPage *
parse_page(BucketLister *lister)
{
	StringInfo	body = aws_call_body(lister->call);

	lister->listing = false;
	return listing_parse(body->data, body->len, lister->location->uri,
						 lister->ordered, lister->last_key);
}

static void
tell_if_none(const BucketLister *lister)
{
	if (lister->listed_all && !lister->any_matched && !lister->store->narrowed)
		ereport(NOTICE,
				(errmsg("no object matches location \"%s\"",
						lister->location->uri)));
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

/*
 * Asks the owner where to go on from a key, in the folder that is listed; back
 * is a key up to which all objects have been taken.
 */
static void
leap(BucketLister *lister, const char *key, const char *back)
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
				next_prefix(lister);
			break;
	}
}

/* Has a leap led here, and too far?  Then the page is not to be used. */
static bool
leapt_too_far(BucketLister *lister, const ListedPage *listed)
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
		leap(lister, back, back);
	}
	pfree(back);
	return too_far;
}

/*
 * A page of objects in order, behind which there are more: which one follows the
 * last that matches is not known, so that one is left to the next page.  Returns
 * how many are not.
 */
static int
leave_last(BucketLister *lister, const ListedPage *listed)
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

/* Where the next page begins, for whoever lists it. */
static void
put_place(const BucketLister *lister, StringInfo place)
{
	resetStringInfo(place);
	appendBinaryStringInfo(place, (char *) &lister->nth, sizeof(lister->nth));
	appendBinaryStringInfo(place, (char *) &lister->trail, sizeof(lister->trail));
	appendStringInfoChar(place, lister->any_matched);
	put_string(place, lister->token);
	put_string(place, lister->after);
	put_string(place, lister->last_key);
}

/* Goes to where a process has put its place; an empty one is where we are. */
static void
go_to_place(BucketLister *lister, StringInfo place)
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

/* All processes have the page to take from, this one included. */
static void
give_page(BucketLister *lister, const Page *page)
{
	const StoreSupply *supply = lister->store->supply;
	StoreObject object;

	for (int i = 0; i < page->nobjects; i++)
	{
		describe_object(lister, &page->objects[i], &object);
		supply->add(supply->arg, &object);
	}
	if (!lister->listed_all)
		put_place(lister, &lister->place);
	if (!supply->end_turn(supply->arg, lister->listed_all ? NULL : &lister->place))
		return;
	lister->store->status.known += page->nobjects;
	tell_if_none(lister);
}

/* ---------- pages ---------- */

/* To be taken from by this process. */
static void
keep_page(BucketLister *lister, Page *page)
{
	lister->store->status.known += page->nobjects;
	tell_if_none(lister);
	if (page->nobjects == 0)
	{
		MemoryContextDelete(page->context);
		return;
	}
	dlist_push_tail(&lister->pages, &page->node);
	lister->npages++;
	lister->waiting += page->nobjects;
}

static void
take_page(BucketLister *lister)
{
	MemoryContext context = AllocSetContextCreate(lister->context, "pinterest listing page",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ListedPage *listed = parse_page(lister);
	Page	   *page = palloc0(sizeof(Page));

	page->context = context;
	if (!leapt_too_far(lister, listed))
	{
		int			n;
		const char *back;

		remember_place(lister, listed);
		n = leave_last(lister, listed);
		back = n < listed->nobjects ? listed->objects[n - 1].key : NULL;
		keep_wanted(lister, page, listed, n);
		if (n < listed->nobjects)
			leap(lister, listed->objects[n].key, back);
	}
	if (lister->store->supply != NULL)
		give_page(lister, page);
	MemoryContextSwitchTo(old);
	if (lister->store->supply != NULL)
		MemoryContextDelete(context);
	else
		keep_page(lister, page);
}

/* The page goes when it is empty. */
void
lister_take(BucketLister *lister, StoreObject *object)
{
	Page	   *page = dlist_head_element(Page, node, &lister->pages);
	const ListedObject *listed = &page->objects[page->next];

	describe_object(lister, listed, object);
	object->key = pstrdup(listed->key);
	object->etag = listed->etag == NULL ? NULL : pstrdup(listed->etag);

	lister->waiting--;
	if (++page->next < page->nobjects)
		return;
	dlist_delete(&page->node);
	lister->npages--;
	MemoryContextDelete(page->context);
}

void
lister_ask(BucketLister *lister, bool idle)
{
	const StoreSupply *supply = lister->store->supply;
	bool		due;

	if (lister->listing || !aws_service_has_room(lister->service))
		return;
	if (supply == NULL)
		due = !lister->listed_all &&
			lister->npages < PAGES_AHEAD && lister->waiting < LOW_WATER;
	else
		due = supply->begin_turn(supply->arg, idle, &lister->place);
	if (!due)
		return;
	if (supply != NULL)
		go_to_place(lister, &lister->place);
	if (lister->listed_all)
		(void) supply->end_turn(supply->arg, NULL); /* there is no place to list */
	else
		request_page(lister);
}

void
lister_look(BucketLister *lister)
{
	if (!lister->listing)
		return;
	aws_call_check(lister->call);
	if (aws_call_state(lister->call) == AWS_DONE)
		take_page(lister);
}

int
lister_waiting(const BucketLister *lister)
{
	return lister->waiting;
}

bool
lister_busy(const BucketLister *lister)
{
	return lister->listing;
}

bool
lister_complete(const BucketLister *lister)
{
	return lister->listed_all && !lister->listing;
}

ListedPage *
lister_page(BucketLister *lister)
{
	ListedPage *listed;

	if (lister->listed_all)
		return NULL;
	request_page(lister);
	while (aws_call_state(lister->call) != AWS_DONE)
	{
		aws_service_pump(lister->service, 100);
		aws_call_check(lister->call);
	}
	listed = parse_page(lister);
	remember_place(lister, listed);
	return listed;
}
