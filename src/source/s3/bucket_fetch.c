/*-------------------------------------------------------------------------
 *
 * bucket_fetch.c
 *	  One object on its way out of a bucket, or a part of one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/url.h"
#include "source/s3/bucket_fetch.h"
#include "source/s3/bucket_lister.h"
#include "source/s3/decompress.h"

/* What is fetched behind a part at once: most often the rest of its last line. */
#define PART_TAIL (16 * 1024)

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

/* Asks for the bytes of the object from one up to another. */
static void
begin_range(Store *store, Fetch *fetch, int64 from, int64 to)
{
	AwsRequest *request = &fetch->request;

	request->from = from;
	request->size = to - from;
	fetch->asked_to = to;
	aws_call_begin(fetch->call, request);
	store->counters.get_requests++;
}

/* All of an object or, with some bytes more, of a part. */
static void
begin_body(Store *store, Fetch *fetch)
{
	const StoreObject *object = &fetch->object;

	begin_range(store, fetch, object->from,
				object->to < 0 ? object->size : Min(object->to + PART_TAIL, object->size));
}

void
fetch_begin(Store *store, Fetch *fetch, const char *root)
{
	const StoreObject *object = &fetch->object;
	AwsRequest *request = &fetch->request;
	StringInfoData path;

	fetch->looking = false;
	fetch->under_way = object->size > 0;
	if (!fetch->under_way)
		return;
	initStringInfo(&path);
	appendStringInfoString(&path, root);
	url_encode(&path, bucket_wire_key(object->key), true);

	memset(request, 0, sizeof(AwsRequest));
	request->method = "GET";
	request->path = path.data;
	request->query = "";
	request->stream = true;
	request->etag = entity_tag(object->etag);
	request->whole = object->size;
	request->what = "read";
	request->subject = object->uri;
	fetch->looking = object->unsure && object->from > 0;
	if (fetch->looking)
		begin_range(store, fetch, 0, COMPRESSION_MAGIC_SIZE);
	else
		begin_body(store, fetch);
}

/* Counts what has come of a request. */
static void
count_bytes(Store *store, const Fetch *fetch)
{
	store->counters.bytes += aws_call_received(fetch->call);
	store->status.partial = 0;
}

void
fetch_look(Store *store, Fetch *fetch)
{
	char		start[COMPRESSION_MAGIC_SIZE];
	size_t		n;

	if (!fetch->looking || aws_call_state(fetch->call) != AWS_DONE)
		return;
	n = aws_call_read(fetch->call, start, sizeof(start));
	count_bytes(store, fetch);
	fetch->looking = false;
	fetch->under_way = !is_compressed(start, n);
	if (fetch->under_way)
		begin_body(store, fetch);
}

bool
fetch_ready(const Fetch *fetch)
{
	if (!fetch->under_way)
		return true;
	aws_call_check(fetch->call);
	return !fetch->looking && aws_call_ready(fetch->call);
}

bool
fetch_missing(const Fetch *fetch)
{
	return fetch->under_way && aws_call_state(fetch->call) == AWS_FAILED &&
		aws_failure_missing(aws_call_failure(fetch->call)) &&
		aws_call_received(fetch->call) == 0;
}

size_t
fetch_read(Store *store, Fetch *fetch, char *buf, size_t room, bool *ended)
{
	int64		from = fetch->asked_to;
	size_t		n = 0;

	*ended = !fetch->under_way;
	if (fetch->under_way)
		n = aws_call_read(fetch->call, buf, room);
	store->status.partial += n;
	if (n > 0 || *ended || aws_call_state(fetch->call) != AWS_DONE)
		return n;
	*ended = from == fetch->object.size;
	if (!*ended)
	{
		count_bytes(store, fetch);
		begin_range(store, fetch, from,
					Min(from + (from - fetch->object.from), fetch->object.size));
	}
	return 0;
}

void
fetch_end(Store *store, Fetch *fetch)
{
	if (!fetch->under_way)
		return;
	count_bytes(store, fetch);
	aws_call_abort(fetch->call);
	fetch->under_way = false;
}
