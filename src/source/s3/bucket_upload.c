/*-------------------------------------------------------------------------
 *
 * bucket_upload.c
 *	  Objects on their way into a bucket.
 *
 * A small object goes out as a whole (PutObject), a large one in parts ("S3
 * API, multipart upload").  Either is sent from one of a few slots, used in
 * turn: one is being filled while the others are under way, so memory is that
 * of the slots, however much is written.  Slots are waited for in the order
 * in which they were sent, so the parts of an object come in order.
 *
 * "If-None-Match: *" keeps an object from taking the place of another.  When a
 * request is told that the object exists, it may have been sent twice (libcurl
 * does that too, when a connection turns out to be dead) and the first one been
 * carried out.  Each object says by a random header who has written it, so that
 * a look at it tells our own from somebody else's.
 *
 * Parts that are not completed stay in the bucket, invisible but paid for.  So
 * an upload that fails is aborted, from a reset callback of the memory
 * context: nothing else is called after an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/client.h"
#include "aws/xml.h"
#include "mb/pg_wchar.h"
#include "net/url.h"
#include "portability/instr_time.h"
#include "source/aftermath.h"
#include "source/s3/bucket_address.h"
#include "source/s3/upload.h"
#include "utils/memutils.h"

/* Larger objects go out in parts of this size.  S3 wants 5 MB at least. */
#define PART_SIZE (8 * 1024 * 1024)
#define MAX_PARTS 10000

/* User metadata that says who has written an object. */
#define MARK "x-amz-meta-written-by"

#define MAX_SLOTS 4
#define MAX_ANSWER (1024 * 1024)

/* How long the abort of a failed upload may take (ms). */
#define ABORT_LIMIT 1000

typedef struct UploadSlot
{
	StringInfoData data;		/* what is sent; filled while not under way */
	AwsCall    *call;
	AwsRequest	request;
	MemoryContext context;		/* of the request */
	bool		under_way;
	int			part;			/* number from 1; 0: the whole object */
	char	   *key;
} UploadSlot;

typedef struct BucketUpload
{
	Upload		base;
	const Location *location;
	S3Access   *access;
	MemoryContext context;
	AwsService *service;		/* NULL before the first begin */
	char	   *root;			/* encoded path of the bucket, ends in "/" */
	bool		unique;			/* are the names such as nobody else gives? */
	bool		unconditional;	/* the service knows no If-None-Match */
	char	   *mark;			/* on all objects: the value of MARK */

	UploadSlot	slots[MAX_SLOTS];
	int			nslots;
	int			filling;		/* the slot that takes bytes; the one behind it
								 * has been under way for the longest time */
	MemoryContext object_context;
	char	   *key;			/* of the current object; this and the next one
								 * outlive its context, for on_context_reset */
	char	   *upload_id;		/* NULL: it is not sent in parts */
	int			parts;			/* sent so far */
	StringInfoData done;		/* parts that have arrived, as XML */
	bool		completing;		/* CompleteMultipartUpload was sent */

	AwsCall    *control;		/* for everything but data */
	MemoryContextCallback on_reset;
} BucketUpload;

static void on_context_reset(void *arg);

static void
start(BucketUpload *upload)
{
	MemoryContext old = MemoryContextSwitchTo(upload->context);
	S3Access   *access = upload->access;
	AwsService *service;

	upload->nslots = Max(Min(access->connections, MAX_SLOTS), 1);
	service = bucket_service(access, upload->location->bucket, upload->nslots,
							 &upload->root);
	upload->object_context = AllocSetContextCreate(upload->context, "pinterest object",
												   ALLOCSET_DEFAULT_SIZES);
	upload->control = aws_call_create(service);
	for (int i = 0; i < upload->nslots; i++)
	{
		UploadSlot *slot = &upload->slots[i];

		initStringInfo(&slot->data);
		slot->context = AllocSetContextCreate(upload->context, "pinterest upload",
											  ALLOCSET_DEFAULT_SIZES);
		slot->call = aws_call_create(service);
	}
	if (upload->slots[upload->nslots - 1].call == NULL)
		aws_out_of_connections();
	initStringInfo(&upload->done);

	/* callbacks run in reverse order: this one before those of the calls */
	upload->on_reset.func = on_context_reset;
	upload->on_reset.arg = upload;
	MemoryContextRegisterResetCallback(upload->context, &upload->on_reset);
	upload->service = service;
	MemoryContextSwitchTo(old);
}

/* ---------- requests ---------- */

/* Fills in a request, in the current memory context. */
static void
prepare(BucketUpload *upload, AwsRequest *request, const char *method, const char *key,
		const char *query, const char *what)
{
	StringInfoData path;

	initStringInfo(&path);
	appendStringInfoString(&path, upload->root);
	url_encode(&path, pg_server_to_any(key, strlen(key), PG_UTF8), true);
	memset(request, 0, sizeof(AwsRequest));
	request->method = method;
	request->path = path.data;
	request->query = query;
	request->max_body = MAX_ANSWER;
	request->what = what;
	request->subject = location_uri_of(upload->location, key);
}

static void
add_header(AwsRequest *request, const char *name, const char *value)
{
	request->headers[request->nheaders].name = name;
	request->headers[request->nheaders++].value = value;
}

static char *
make_query(const char *name, const char *value, const char *name2, const char *value2)
{
	const char *pairs[] = {name, value, name2, value2};
	StringInfoData query;

	initStringInfo(&query);
	sigv4_query(&query, pairs, lengthof(pairs) / 2);
	return query.data;
}

/* What all objects have. */
static void
describe(BucketUpload *upload, AwsRequest *request)
{
	add_header(request, "content-type", "application/x-ndjson");
	add_header(request, MARK, upload->mark);
}

/* No object of that name may be there yet.  Must be the last header. */
static void
add_condition(BucketUpload *upload, AwsRequest *request)
{
	if (!upload->unconditional)
		add_header(request, "if-none-match", "*");
}

static bool
ended(const AwsCall *call)
{
	return aws_call_state(call) == AWS_DONE || aws_call_state(call) == AWS_FAILED;
}

static void
wait_for(BucketUpload *upload, AwsCall *call)
{
	while (!ended(call))
		aws_service_pump(upload->service, 100);
}

static bool
failed_with(const AwsCall *call, const char *code)
{
	return aws_call_state(call) == AWS_FAILED &&
		strcmp(aws_call_failure(call)->code, code) == 0;
}

/* The service does not know conditions: the names alone have to do, if they can. */
static bool
condition_unknown(BucketUpload *upload, const AwsCall *call)
{
	if (!upload->unique || upload->unconditional || aws_call_state(call) != AWS_FAILED ||
		aws_call_failure(call)->status != 501)
		return false;
	upload->unconditional = true;
	return true;
}

/* Sends a request other than data, and waits for its answer. */
static void
send_control(BucketUpload *upload, AwsRequest *request)
{
	aws_call_begin(upload->control, request);
	wait_for(upload, upload->control);
}

/*
 * The request to write an object has failed: was it carried out all the same?
 * Then it was another one, whose answer was lost, that did it.
 */
static bool
is_written(BucketUpload *upload, const char *key, const AwsCall *call)
{
	AwsRequest	request;
	const char *mark;
	bool		exists = failed_with(call, "PreconditionFailed");

	if (!exists && !failed_with(call, "NoSuchUpload"))
		return false;
	prepare(upload, &request, "HEAD", key, "", "look for");
	send_control(upload, &request);
	if (aws_call_state(upload->control) == AWS_DONE)
	{
		mark = aws_call_header(upload->control, MARK);
		if (mark != NULL && strcmp(mark, upload->mark) == 0)
			return true;
	}
	if (exists)
		upload_name_taken(request.subject);
	return false;
}

/* ---------- slots ---------- */

static void
send_slot(BucketUpload *upload, UploadSlot *slot)
{
	MemoryContext old;
	char		number[12];
	char	   *query = "";

	MemoryContextReset(slot->context);
	old = MemoryContextSwitchTo(slot->context);
	snprintf(number, sizeof(number), "%d", slot->part);
	if (slot->part > 0)
		query = make_query("partNumber", number, "uploadId", upload->upload_id);
	slot->key = pstrdup(upload->key);
	prepare(upload, &slot->request, "PUT", slot->key, query, "write");
	slot->request.body = slot->data.data;
	slot->request.body_len = slot->data.len;
	if (slot->part == 0)
	{
		describe(upload, &slot->request);
		add_condition(upload, &slot->request);
	}
	MemoryContextSwitchTo(old);
	aws_call_begin(slot->call, &slot->request);
	slot->under_way = true;
	aws_service_pump(upload->service, 0);
}

/* A proxy that answers in the service's place is found out by this. */
static void
no_version(const char *subject)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not write \"%s\": the service's answer is not valid", subject),
			 errdetail("It names no version of what was written.")));
}

/* The version tag of a part goes into the list that completes the object. */
static void
note_part(BucketUpload *upload, UploadSlot *slot)
{
	const char *etag = aws_call_header(slot->call, "ETag");

	if (etag == NULL || strpbrk(etag, "<>&") != NULL)
		no_version(slot->request.subject);
	appendStringInfo(&upload->done, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>",
					 slot->part, etag);
}

/* Waits until what the slot sends has arrived, and makes it free. */
static void
collect_slot(BucketUpload *upload, UploadSlot *slot)
{
	if (!slot->under_way)
		return;
	wait_for(upload, slot->call);
	if (slot->part == 0 && condition_unknown(upload, slot->call))
	{
		/* the request was refused, not tried: nothing was written */
		slot->request.nheaders--;
		aws_call_begin(slot->call, &slot->request);
		wait_for(upload, slot->call);
	}
	if (slot->part > 0 || !is_written(upload, slot->key, slot->call))
	{
		aws_call_check(slot->call);
		if (aws_call_header(slot->call, "ETag") == NULL)
			no_version(slot->request.subject);
	}
	if (slot->part > 0)
		note_part(upload, slot);
	else
		upload->base.complete++;
	slot->under_way = false;
	resetStringInfo(&slot->data);
}

/* The slot behind the one just sent becomes the one that is filled. */
static void
next_slot(BucketUpload *upload)
{
	upload->filling = (upload->filling + 1) % upload->nslots;
	collect_slot(upload, &upload->slots[upload->filling]);
}

static void
collect_all(BucketUpload *upload)
{
	for (int i = 0; i < upload->nslots; i++)
		collect_slot(upload, &upload->slots[(upload->filling + i) % upload->nslots]);
}

/* ---------- multipart uploads ---------- */

/* The text of the element of that name, in the current memory context. */
static char *
element_text(StringInfo document, const char *name)
{
	XmlReader	xml;
	XmlEvent	event;

	xml_begin(&xml, document->data, document->len);
	while ((event = xml_next(&xml)) != XML_END && event != XML_MALFORMED)
		if (event == XML_TEXT && xml_name_is(&xml, name))
			return pnstrdup(xml.text, xml.text_len);
	return NULL;
}

static void
begin_multipart(BucketUpload *upload)
{
	MemoryContext old = MemoryContextSwitchTo(upload->object_context);
	AwsRequest	request;
	char	   *id;

	prepare(upload, &request, "POST", upload->key, make_query("uploads", "", "", NULL), "write");
	describe(upload, &request);
	send_control(upload, &request);
	aws_call_check(upload->control);
	upload->completing = false;
	upload->parts = 0;
	resetStringInfo(&upload->done);
	id = element_text(aws_call_body(upload->control), "UploadId");
	if (id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not write \"%s\": the service's answer is not valid",
						request.subject),
				 errdetail("It names no upload.")));
	upload->upload_id = MemoryContextStrdup(upload->context, id);
	MemoryContextSwitchTo(old);
}

static void
send_part(BucketUpload *upload)
{
	UploadSlot *slot = &upload->slots[upload->filling];

	if (upload->upload_id == NULL)
		begin_multipart(upload);
	if (upload->parts == MAX_PARTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("could not write \"%s\": it would be larger than %d parts of %d MB",
						location_uri_of(upload->location, upload->key), MAX_PARTS,
						PART_SIZE / (1024 * 1024)),
				 errhint("Lower the table's option \"rows_per_object\".")));
	slot->part = ++upload->parts;
	send_slot(upload, slot);
	next_slot(upload);
}

/*
 * "CompleteMultipartUpload": may fail with status 200 as well.  One that was
 * sent again finds the upload gone if the first one had been carried out.
 */
static void
complete_multipart(BucketUpload *upload)
{
	MemoryContext old = MemoryContextSwitchTo(upload->object_context);
	AwsCall    *call = upload->control;
	AwsRequest	request;
	bool		lost;

	prepare(upload, &request, "POST", upload->key,
			make_query("uploadId", upload->upload_id, "", NULL), "write");
	request.body = psprintf("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s</CompleteMultipartUpload>",
							upload->done.data);
	request.body_len = strlen(request.body);
	request.error_in_200 = true;
	add_condition(upload, &request);
	upload->completing = true;
	send_control(upload, &request);
	if (condition_unknown(upload, call))
	{
		request.nheaders--;
		send_control(upload, &request);
	}
	lost = failed_with(call, "NoSuchUpload");
	if (!is_written(upload, upload->key, call))
	{
		if (lost)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("could not write \"%s\": the service has lost its parts",
							request.subject)));
		aws_call_check(call);
		if (element_text(aws_call_body(call), "ETag") == NULL)
			no_version(request.subject);
	}
	pfree(upload->upload_id);
	upload->upload_id = NULL;
	upload->base.complete++;
	MemoryContextSwitchTo(old);
}

/* ---------- what a failed upload leaves ---------- */

/* AbortMultipartUpload; gives up when it takes too long. */
static void
abort_multipart(void *arg)
{
	BucketUpload *upload = arg;
	AwsRequest	request;
	instr_time	start_time;
	instr_time	now;

	prepare(upload, &request, "DELETE", upload->key,
			make_query("uploadId", upload->upload_id, "", NULL), "abort the upload of");
	aws_call_begin(upload->control, &request);
	INSTR_TIME_SET_CURRENT(start_time);
	do
	{
		aws_service_pump(upload->service, 100);
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, start_time);
	} while (!ended(upload->control) && INSTR_TIME_GET_MILLISEC(now) < ABORT_LIMIT);

	/* gone already is as good */
	if (aws_call_state(upload->control) != AWS_DONE &&
		!failed_with(upload->control, "NoSuchUpload"))
		ereport(WARNING,
				(errmsg("could not abort the upload of \"%s\"", request.subject),
				 errdetail("Its parts stay in the bucket, where no listing shows them."),
				 errhint("Abort the upload \"%s\", or let a life-cycle rule of the bucket do it.",
						 upload->upload_id)));
	aws_call_abort(upload->control);
}

/* The context goes with an upload that is not complete: an error happened. */
static void
on_context_reset(void *arg)
{
	BucketUpload *upload = arg;

	for (int i = 0; i < upload->nslots; i++)
		aws_call_abort(upload->slots[i].call);
	aws_call_abort(upload->control);
	if (upload->upload_id != NULL)
		aftermath(abort_multipart, upload);
}

/* Has the service refused it? */
static bool
refused(const AwsCall *call)
{
	return aws_call_state(call) == AWS_FAILED &&
		aws_call_failure(call)->problem == AWS_ERROR_ANSWER;
}

static void
bucket_remaining(Upload *base, List **complete, List **doubtful)
{
	BucketUpload *upload = (BucketUpload *) base;

	if (upload->upload_id != NULL && upload->completing && !refused(upload->control))
		*doubtful = lappend(*doubtful, upload->key);
	for (int i = 0; i < upload->nslots; i++)
	{
		UploadSlot *slot = &upload->slots[(upload->filling + i) % upload->nslots];

		if (!slot->under_way || slot->part > 0)
			continue;
		if (aws_call_state(slot->call) == AWS_DONE)
			*complete = lappend(*complete, slot->key);
		else if (!refused(slot->call))
			*doubtful = lappend(*doubtful, slot->key);
	}
}

/* ---------- the upload ---------- */

static void
bucket_begin(Upload *base, const char *key)
{
	BucketUpload *upload = (BucketUpload *) base;

	if (upload->service == NULL)
		start(upload);
	MemoryContextReset(upload->object_context);
	if (upload->key != NULL)
		pfree(upload->key);
	upload->key = MemoryContextStrdup(upload->context, key);
}

static void
bucket_write(Upload *base, const char *data, size_t len)
{
	BucketUpload *upload = (BucketUpload *) base;
	UploadSlot *slot = &upload->slots[upload->filling];

	appendBinaryStringInfo(&slot->data, data, len);
	if (slot->data.len >= PART_SIZE)
		send_part(upload);
	else
		aws_service_pump(upload->service, 0);
}

static void
bucket_end(Upload *base)
{
	BucketUpload *upload = (BucketUpload *) base;
	UploadSlot *slot = &upload->slots[upload->filling];

	if (upload->upload_id == NULL)
	{
		slot->part = 0;
		send_slot(upload, slot);
		next_slot(upload);
		return;
	}
	if (slot->data.len > 0)
		send_part(upload);
	collect_all(upload);
	complete_multipart(upload);
}

/* Of finish as well: what has arrived is there. */
static void
bucket_settle(Upload *base)
{
	BucketUpload *upload = (BucketUpload *) base;

	if (upload->service != NULL)
		collect_all(upload);
}

static const UploadOps bucket_upload_ops = {
	.begin = bucket_begin,
	.write = bucket_write,
	.end = bucket_end,
	.settle = bucket_settle,
	.finish = bucket_settle,
	.remaining = bucket_remaining,
};

Upload *
bucket_upload_open(const Location *location, S3Access *access, bool unique)
{
	BucketUpload *upload = palloc0(sizeof(BucketUpload));

	upload->base.ops = &bucket_upload_ops;
	upload->location = location;
	upload->access = access;
	upload->unique = unique;
	upload->mark = random_hex();
	upload->context = CurrentMemoryContext;
	return &upload->base;
}
