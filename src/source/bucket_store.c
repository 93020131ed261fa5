/*-------------------------------------------------------------------------
 *
 * bucket_store.c
 *	  A bucket as a store: lists it and fetches its objects, many at a time.
 *
 *	  list call -> pages of matching objects -> slots, one GET each -> reader
 *
 * Both sides run ahead of the reader within bounds: at most PAGES_AHEAD pages
 * are kept, and there are as many slots as connections, each with a receive
 * buffer of fixed size.  A small object is complete in its buffer before the
 * reader gets to it; a large one rests there, full, until it is the current
 * one, and then streams through.
 *
 * With real distances everything waits for round trips, so what matters is
 * that no slot is idle: a slot the reader is done with starts its next GET
 * before anything else happens, and the next page is asked for while the
 * objects of the last one are still being fetched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/client.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "net/url.h"
#include "portability/instr_time.h"
#include "source/bucket_address.h"
#include "source/bucket_listing.h"
#include "source/store.h"
#include "utils/memutils.h"

/* A page is asked for while fewer objects than these wait to be fetched. */
#define LOW_WATER 1000
#define PAGES_AHEAD 2

/* 1000 keys of 1024 bytes, every byte encoded, take about 3.5 MB. */
#define MAX_LISTING (16 * 1024 * 1024)

/* A folder is given up behind as many pages: nobody waits for the rest. */
#define MAX_FOLDER_PAGES 200

/* While the reader is busy, transfers are moved on this often (us). */
#define NUDGE_INTERVAL 500

typedef struct Page
{
	dlist_node	node;
	MemoryContext context;		/* holds this struct as well */
	ListedObject *objects;		/* only those that match */
	int			nobjects;
	int			next;			/* the first not yet given to a slot */
} Page;

typedef enum SlotState
{
	SLOT_FREE,
	SLOT_FETCHING,				/* its call goes on, or is done and unread */
	SLOT_CURRENT				/* the reader has it */
} SlotState;

typedef struct Slot
{
	SlotState	state;
	AwsCall    *call;			/* NULL until one is needed */
	bool		fetched;		/* call is used (the object is not empty) */
	MemoryContext context;		/* of the current object */
	StoreObject object;
	AwsRequest	request;
} Slot;

typedef struct BucketStore
{
	Store		base;
	const Location *location;
	const S3Access *access;
	MemoryContext context;		/* of everything below; NULL before the first
								 * next */
	AwsService *service;
	char	   *root;			/* encoded path of the bucket, ends in "/" */
	char	   *prefix;			/* of the keys listed now, as sent */
	List	   *prefixes;		/* narrowed: what else is to be listed */
	bool		ordered;		/* listed in order of keys */
	const char *delimiter;		/* of the listing; NULL for none */
	int64		earlier_retries;	/* of services before a rewind */

	AwsCall    *list_call;
	AwsRequest	list_request;
	StringInfoData list_query;
	bool		listing;		/* list_call is under way */
	bool		listed_all;
	char	   *token;			/* of the next page */
	char	   *last_key;		/* of the last page */
	dlist_head	pages;
	int			npages;
	int			waiting;		/* objects in pages, not yet given to a slot */

	StoreObject listed;			/* what bucket_list gave last */
	MemoryContext listed_context;

	Slot	   *slots;
	int			nslots;
	int			nfree;
	int			look_at;		/* slot to look at first for a ready body */
	Slot	   *current;
	bool		any_matched;	/* has any object matched the location? */
	bool		ended;			/* everything has been read and let go */
	bool		supplied_all;	/* base.supply has nothing more */
	int			unsent;			/* GETs begun since the last pump */
	instr_time	nudged;
} BucketStore;

/* "Directory buckets", S3 user guide: they are listed in no order. */
static bool
is_directory_bucket(const char *bucket)
{
	size_t		len = strlen(bucket);

	return len > 6 && strcmp(bucket + len - 6, "--x-s3") == 0;
}

/* Keys are UTF-8 on the wire. */
static char *
to_wire(const char *text)
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
			separate = lappend(separate, to_wire(prefix));
	}
	return separate;
}

/* Turns to the next place to list; with none left, all has been listed. */
static void
next_prefix(BucketStore *store)
{
	set_string(&store->token, NULL, store->context);
	set_string(&store->last_key, NULL, store->context);
	store->listed_all = store->prefixes == NIL;
	if (store->listed_all)
		return;
	store->prefix = linitial(store->prefixes);
	store->prefixes = list_delete_first(store->prefixes);
}

static void
start(BucketStore *store)
{
	MemoryContext context = AllocSetContextCreate(GetMemoryChunkContext(store),
												  "pinterest bucket store",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	const S3Access *access = store->access;

	store->context = context;	/* from here on, close cleans up */
	store->nslots = Max(access->connections, 1);
	store->service = bucket_service(access, store->location->bucket, store->nslots,
									&store->root);
	store->list_call = aws_call_create(store->service);
	if (store->list_call == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many connections to other servers are open"),
				 errhint("Raise max_files_per_process, or read fewer tables in one query.")));
	initStringInfo(&store->list_query);
	store->prefixes = separate_prefixes(store->base.prefixes);
	if (store->base.narrowed)
		next_prefix(store);
	else
		store->prefix = to_wire(store->location->prefix);
	store->ordered = !is_directory_bucket(store->location->bucket);
	dlist_init(&store->pages);
	store->nfree = store->nslots;
	store->slots = palloc0(store->nslots * sizeof(Slot));
	MemoryContextSwitchTo(old);
}

/* ---------- listing ---------- */

static bool
page_is_due(const BucketStore *store)
{
	return store->base.supply == NULL && !store->listing && !store->listed_all &&
		store->npages < PAGES_AHEAD && store->waiting < LOW_WATER &&
		aws_service_has_room(store->service);
}

static void
request_page(BucketStore *store)
{
	AwsRequest *request = &store->list_request;
	const char *prefix = store->prefix[0] == '\0' ? NULL : store->prefix;
	const char *pairs[] = {
		"continuation-token", store->token,
		"delimiter", store->delimiter,
		"encoding-type", "url",
		"list-type", "2",
		"prefix", prefix
	};

	resetStringInfo(&store->list_query);
	sigv4_query(&store->list_query, pairs, lengthof(pairs) / 2);
	memset(request, 0, sizeof(AwsRequest));
	request->method = "GET";
	request->path = store->root;
	request->query = store->list_query.data;
	request->max_body = MAX_LISTING;
	request->what = "list";
	request->subject = store->location->uri;
	aws_call_begin(store->list_call, request);
	store->listing = true;
	store->base.counters.list_requests++;
}

/* Fills in what a listed object is to a reader, in the current context. */
static void
describe_object(const BucketStore *store, const ListedObject *listed, StoreObject *object)
{
	object->key = listed->key;
	object->uri = location_uri_of(store->location, listed->key);
	object->etag = listed->etag;
	object->size = listed->size;
	object->last_modified = listed->last_modified;
	object->from = 0;
}

static bool
is_wanted(BucketStore *store, const ListedObject *listed)
{
	StoreObject object;

	if (!location_matches(store->location, listed->key))
		return false;
	store->any_matched = true;
	if (store->base.filter == NULL)
		return true;
	describe_object(store, listed, &object);
	if (store_wants(&store->base, &object))
		return true;
	store->base.counters.filtered++;
	return false;
}

/* Keeps what is wanted, moved together at the front. */
static void
keep_wanted(BucketStore *store, Page *page)
{
	int			kept = 0;
	int			i;

	for (i = 0; i < page->nobjects; i++)
		if (is_wanted(store, &page->objects[i]))
			page->objects[kept++] = page->objects[i];
	page->nobjects = kept;
	store->base.status.known += kept;
}

/* Where to go on; a service that leads nowhere is found out here. */
static void
remember_place(BucketStore *store, const ListedPage *listed)
{
	if (listed->next_token != NULL && store->token != NULL &&
		strcmp(listed->next_token, store->token) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not list \"%s\": the service's answer is no valid listing",
						store->location->uri),
				 errdetail("The page names itself as the next one.")));
	set_string(&store->token, listed->next_token, store->context);
	if (listed->last_key != NULL)
		set_string(&store->last_key, listed->last_key, store->context);
	store->listed_all = listed->next_token == NULL;
	if (store->listed_all && store->base.narrowed)
		next_prefix(store);
}

static void
take_page(BucketStore *store)
{
	StringInfo	body = aws_call_body(store->list_call);
	MemoryContext context = AllocSetContextCreate(store->context, "pinterest listing page",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	ListedPage *listed = listing_parse(body->data, body->len, store->location->uri,
									   store->ordered, store->last_key);
	Page	   *page = palloc0(sizeof(Page));

	store->listing = false;
	remember_place(store, listed);
	page->context = context;
	page->objects = listed->objects;
	page->nobjects = listed->nobjects;
	keep_wanted(store, page);
	MemoryContextSwitchTo(old);

	if (page->nobjects == 0)
	{
		MemoryContextDelete(context);
		return;
	}
	dlist_push_tail(&store->pages, &page->node);
	store->npages++;
	store->waiting += page->nobjects;
}

/* The next object to fetch, copied to the slot; the page goes when empty. */
static void
take_object(BucketStore *store, StoreObject *object)
{
	Page	   *page = dlist_head_element(Page, node, &store->pages);
	const ListedObject *listed = &page->objects[page->next];

	describe_object(store, listed, object);
	object->key = pstrdup(listed->key);
	object->etag = listed->etag == NULL ? NULL : pstrdup(listed->etag);

	store->waiting--;
	if (++page->next < page->nobjects)
		return;
	dlist_delete(&page->node);
	store->npages--;
	MemoryContextDelete(page->context);
}

/* Is there an object to be taken now, and may it be? */
static bool
has_object(const BucketStore *store)
{
	if (store->base.supply == NULL)
		return store->waiting > 0;
	return !store->supplied_all &&
		store->nslots - store->nfree < store->base.supply_limit(store->base.supply_arg);
}

/* Takes it to a slot; false if there was none after all. */
static bool
take_to_slot(BucketStore *store, Slot *slot)
{
	if (store->base.supply == NULL)
		take_object(store, &slot->object);
	else if (!store->base.supply(store->base.supply_arg, &slot->object))
	{
		store->supplied_all = true;
		return false;
	}
	return true;
}

/* ---------- fetching ---------- */

/*
 * What If-Match may hold: some services list tags without their quotes, and a
 * weak tag would never match (RFC 9110, 13.1.1): then only what the answer says
 * of its version is compared.
 */
static const char *
entity_tag(const char *listed)
{
	return listed == NULL || strchr(listed, '"') != NULL ? listed :
		psprintf("\"%s\"", listed);
}

static void
begin_fetch(BucketStore *store, Slot *slot)
{
	AwsRequest *request = &slot->request;
	StringInfoData path;

	slot->fetched = slot->object.size > 0;
	if (!slot->fetched)
		return;
	initStringInfo(&path);
	appendStringInfoString(&path, store->root);
	url_encode(&path, to_wire(slot->object.key), true);

	memset(request, 0, sizeof(AwsRequest));
	request->method = "GET";
	request->path = path.data;
	request->query = "";
	request->stream = true;
	request->etag = entity_tag(slot->object.etag);
	request->size = slot->object.size;
	request->what = "read";
	request->subject = slot->object.uri;
	aws_call_begin(slot->call, request);
	store->base.counters.get_requests++;
	store->unsent++;
}

/*
 * A free slot that has what it needs.  When no more connections are to be
 * had, the store goes on with the slots it has, unless that is none.
 */
static Slot *
free_slot(BucketStore *store)
{
	int			i;
	MemoryContext old;

	for (i = 0; i < store->nslots; i++)
	{
		Slot	   *slot = &store->slots[i];

		if (slot->state != SLOT_FREE)
			continue;
		if (slot->call != NULL)
			return slot;
		old = MemoryContextSwitchTo(store->context);
		slot->call = aws_call_create(store->service);
		if (slot->call != NULL)
			slot->context = AllocSetContextCreate(store->context, "pinterest object",
												  ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(old);
		if (slot->call != NULL)
			return slot;
		/* slots are made in order, so those behind it have no call either */
		store->nfree -= store->nslots - i;
		store->nslots = i;
	}
	if (store->nslots == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many connections to other servers are open"),
				 errhint("Raise max_files_per_process, or read fewer tables in one query.")));
	return NULL;
}

/* Starts whatever may be started now. */
static void
fill(BucketStore *store)
{
	if (page_is_due(store))
		request_page(store);
	while (has_object(store) && store->nfree > 0 &&
		   aws_service_has_room(store->service))
	{
		Slot	   *slot = free_slot(store);
		MemoryContext old;

		if (slot == NULL)
			break;
		MemoryContextReset(slot->context);
		old = MemoryContextSwitchTo(slot->context);
		if (!take_to_slot(store, slot))
		{
			MemoryContextSwitchTo(old);
			break;
		}
		begin_fetch(store, slot);
		MemoryContextSwitchTo(old);
		slot->state = SLOT_FETCHING;
		store->nfree--;
	}
}

static void
release(BucketStore *store, Slot *slot)
{
	if (slot->fetched)
	{
		store->base.counters.bytes += aws_call_received(slot->call);
		store->base.status.partial = 0;
		aws_call_abort(slot->call);
	}
	slot->state = SLOT_FREE;
	store->nfree++;
}

/* A slot the reader can start with; the one looked at longest ago first. */
static Slot *
ready_slot(BucketStore *store)
{
	int			i;

	for (i = 0; i < store->nslots; i++)
	{
		Slot	   *slot = &store->slots[(store->look_at + i) % store->nslots];

		if (slot->state != SLOT_FETCHING)
			continue;
		if (slot->fetched)
		{
			aws_call_check(slot->call);
			if (!aws_call_ready(slot->call))
				continue;
		}
		store->look_at = (slot - store->slots) + 1;
		return slot;
	}
	return NULL;
}

static SourceWait
what_for(const BucketStore *store)
{
	bool		fetching = store->nslots - store->nfree > 0;

	if (aws_service_in_flight(store->service) == 0)
		return SOURCE_BACKOFF;
	return store->listing && !fetching ? SOURCE_LIST : SOURCE_GET;
}

/* Tells how things are before a wait, and again behind it. */
static void
tell(BucketStore *store, SourceWait waiting)
{
	static const HttpWait names[] = {
		HTTP_WAIT_ANSWER, HTTP_WAIT_LIST, HTTP_WAIT_GET, HTTP_WAIT_BACKOFF
	};
	StoreStatus *status = &store->base.status;

	aws_service_name_wait(store->service, names[waiting]);
	status->waiting = waiting;
	status->in_flight = aws_service_in_flight(store->service);
	status->complete = store->listed_all && !store->listing;
	if (store->base.on_wait != NULL)
		store->base.on_wait(store->base.on_wait_arg);
}

static void
pump(BucketStore *store, int timeout)
{
	if (timeout > 0)
		tell(store, what_for(store));
	aws_service_pump(store->service, timeout);
	if (timeout > 0)
		tell(store, SOURCE_BUSY);
	store->unsent = 0;
	INSTR_TIME_SET_CURRENT(store->nudged);
	store->base.counters.retries =
		store->earlier_retries + aws_service_retries(store->service);
	if (!store->listing)
		return;
	aws_call_check(store->list_call);
	if (aws_call_state(store->list_call) == AWS_DONE)
		take_page(store);
}

/* Keeps the others moving while the reader has enough to do. */
static void
nudge(BucketStore *store)
{
	instr_time	since;

	if (store->unsent < store->nslots / 2)
	{
		INSTR_TIME_SET_CURRENT(since);
		INSTR_TIME_SUBTRACT(since, store->nudged);
		if (INSTR_TIME_GET_MICROSEC(since) < NUDGE_INTERVAL)
			return;
	}
	pump(store, 0);
	fill(store);
}

/* ---------- the store ---------- */

static void
bucket_close(Store *base)
{
	BucketStore *store = (BucketStore *) base;
	int			i;

	if (store->context == NULL)
		return;
	for (i = 0; i < store->nslots; i++)
		if (store->slots[i].state != SLOT_FREE)
			release(store, &store->slots[i]);
	store->current = NULL;
	MemoryContextDelete(store->context);
	store->context = NULL;
	store->earlier_retries = store->base.counters.retries;
}

static bool
exhausted(const BucketStore *store)
{
	if (store->nfree < store->nslots)
		return false;
	return store->base.supply != NULL ? store->supplied_all :
		store->listed_all && !store->listing && store->waiting == 0;
}

static const StoreObject *
bucket_next(Store *base)
{
	BucketStore *store = (BucketStore *) base;
	Slot	   *slot;

	if (store->ended)
		return NULL;
	if (store->context == NULL)
		start(store);
	if (store->current != NULL)
	{
		release(store, store->current);
		store->current = NULL;
	}
	fill(store);
	while ((slot = ready_slot(store)) == NULL)
	{
		if (exhausted(store))
		{
			if (!store->any_matched && !store->base.narrowed && store->base.supply == NULL)
				ereport(NOTICE,
						(errmsg("no object matches location \"%s\"",
								store->location->uri)));

			/*
			 * The scan may stay open for long: the connections are for
			 * others, for example the next table of a UNION ALL.
			 */
			store->ended = true;
			bucket_close(base);
			return NULL;
		}
		pump(store, 100);
		fill(store);
	}
	nudge(store);

	slot->state = SLOT_CURRENT;
	store->current = slot;
	store->base.counters.objects++;
	return &slot->object;
}

static size_t
bucket_read(Store *base, char *buf, size_t room)
{
	BucketStore *store = (BucketStore *) base;
	Slot	   *slot = store->current;

	if (slot == NULL || !slot->fetched)
		return 0;
	nudge(store);
	for (;;)
	{
		size_t		n = aws_call_read(slot->call, buf, room);

		store->base.status.partial += n;
		if (n > 0)
			return n;
		if (aws_call_state(slot->call) == AWS_DONE)
			return 0;
		pump(store, 100);
		fill(store);
	}
}

static void
bucket_rewind(Store *base)
{
	BucketStore *store = (BucketStore *) base;

	bucket_close(base);
	store->ended = false;
	store->listing = false;
	store->listed_all = false;
	store->token = NULL;
	store->last_key = NULL;
	store->listed_context = NULL;
	store->npages = 0;
	store->waiting = 0;
	store->look_at = 0;
	store->any_matched = false;
	store->supplied_all = false;
}

/* Lists for other processes; the object lives until the next call. */
static const StoreObject *
bucket_list(Store *base)
{
	BucketStore *store = (BucketStore *) base;
	MemoryContext old;

	if (store->context == NULL)
		start(store);
	while (store->waiting == 0)
	{
		if (store->listed_all && !store->listing)
			return NULL;
		if (page_is_due(store))
			request_page(store);
		pump(store, 100);
	}
	if (page_is_due(store))
		request_page(store);
	if (store->listed_context == NULL)
		store->listed_context = AllocSetContextCreate(store->context, "pinterest listed object",
													  ALLOCSET_SMALL_SIZES);
	MemoryContextReset(store->listed_context);
	old = MemoryContextSwitchTo(store->listed_context);
	take_object(store, &store->listed);
	MemoryContextSwitchTo(old);
	return &store->listed;
}

/* Asks for the next page and waits for it; kept in the current context. */
static ListedPage *
wait_for_page(BucketStore *store)
{
	StringInfo	body;
	ListedPage *listed;

	request_page(store);
	while (aws_call_state(store->list_call) != AWS_DONE)
	{
		aws_service_pump(store->service, 100);
		aws_call_check(store->list_call);
	}
	store->listing = false;
	body = aws_call_body(store->list_call);
	listed = listing_parse(body->data, body->len, store->location->uri,
						   store->ordered, store->last_key);
	remember_place(store, listed);
	return listed;
}

/* Names are what follows the folder's own. */
static void
take_folder_page(const BucketStore *store, const ListedPage *listed, StoreFolder *folder)
{
	size_t		prefix_len = strlen(store->location->prefix);
	ListCell   *lc;

	foreach(lc, listed->folders)
	{
		char	   *name = lfirst(lc);
		size_t		len = strlen(name);

		if (len > prefix_len && name[len - 1] == '/')
			store_add_folder(store->location, folder,
							 pnstrdup(name + prefix_len, len - prefix_len - 1));
	}
	for (int i = 0; i < listed->nobjects; i++)
		if (strlen(listed->objects[i].key) > prefix_len)
			store_add_object(folder, listed->objects[i].key + prefix_len);
}

static StoreFolder *
bucket_list_folder(Store *base)
{
	BucketStore *store = (BucketStore *) base;
	StoreFolder *folder = palloc0(sizeof(StoreFolder));

	Assert(store->context == NULL);
	start(store);
	store->delimiter = "/";
	for (int pages = 0; !store->listed_all; pages++)
	{
		CHECK_FOR_INTERRUPTS();
		if (pages == MAX_FOLDER_PAGES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("folder \"%s\" holds too many objects to look for folders among them",
							store->location->uri),
					 errhint("Name a folder that holds folders.")));
		take_folder_page(store, wait_for_page(store), folder);
	}
	bucket_close(base);
	store_sort_folder(folder);
	return folder;
}

static const StoreOps bucket_store_ops = {
	.next = bucket_next,
	.read = bucket_read,
	.list = bucket_list,
	.rewind = bucket_rewind,
	.list_folder = bucket_list_folder,
	.close = bucket_close
};

Store *
bucket_store_open(const Location *location, const S3Access *access)
{
	BucketStore *store = palloc0(sizeof(BucketStore));

	store->base.ops = &bucket_store_ops;
	store->location = location;
	store->access = access;
	return &store->base;
}
