/*-------------------------------------------------------------------------
 *
 * bucket_lister.c
 *	  Lists a bucket, some pages ahead of who takes its objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "source/s3/bucket_lister_internal.h"
#include "utils/memutils.h"

/* A page is asked for while fewer objects than these wait to be taken. */
#define LOW_WATER 1000
#define PAGES_AHEAD 2

/* 1000 keys of 1024 bytes, every byte encoded, take about 3.5 MB. */
#define MAX_LISTING (16 * 1024 * 1024)

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
		lister_next_prefix(lister);
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

/* ---------- by turns ---------- */

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
		lister_put_place(lister, &lister->place);
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
	if (!lister_leapt_too_far(lister, listed))
	{
		int			n;
		const char *back;

		lister_go_on(lister, listed);
		n = lister_leave_last(lister, listed);
		back = n < listed->nobjects ? listed->objects[n - 1].key : NULL;
		keep_wanted(lister, page, listed, n);
		if (n < listed->nobjects)
			lister_leap(lister, listed->objects[n].key, back);
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
		lister_go_to_place(lister, &lister->place);
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
	lister_go_on(lister, listed);
	return listed;
}
