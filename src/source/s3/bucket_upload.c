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
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/bucket_address.h"
#include "source/s3/bucket_upload_internal.h"
#include "utils/memutils.h"

/* Larger objects go out in parts of this size.  S3 wants 5 MB at least. */
#define PART_SIZE (8 * 1024 * 1024)
#define MAX_PARTS 10000

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
	upload->on_reset.func = multipart_on_reset;
	upload->on_reset.arg = upload;
	MemoryContextRegisterResetCallback(upload->context, &upload->on_reset);
	upload->service = service;
	MemoryContextSwitchTo(old);
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
		query = upload_query("partNumber", number, "uploadId", upload->upload_id);
	slot->key = pstrdup(upload->key);
	upload_prepare(upload, &slot->request, "PUT", slot->key, query, "write");
	slot->request.body = slot->data.data;
	slot->request.body_len = slot->data.len;
	if (slot->part == 0)
	{
		upload_describe(upload, &slot->request);
		upload_add_condition(upload, &slot->request);
	}
	MemoryContextSwitchTo(old);
	aws_call_begin(slot->call, &slot->request);
	slot->under_way = true;
	aws_service_pump(upload->service, 0);
}

/* Waits until what the slot sends has arrived, and makes it free. */
static void
collect_slot(BucketUpload *upload, UploadSlot *slot)
{
	if (!slot->under_way)
		return;
	upload_wait_for(upload, slot->call);
	if (slot->part == 0 && upload_condition_unknown(upload, slot->call))
	{
		/* the request was refused, not tried: nothing was written */
		slot->request.nheaders--;
		aws_call_begin(slot->call, &slot->request);
		upload_wait_for(upload, slot->call);
	}
	if (slot->part > 0 || !upload_is_written(upload, slot->key, slot->call))
	{
		aws_call_check(slot->call);
		if (aws_call_header(slot->call, "ETag") == NULL)
			upload_no_version(slot->request.subject);
	}
	if (slot->part > 0)
		multipart_note_part(upload, slot);
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

static void
send_part(BucketUpload *upload)
{
	UploadSlot *slot = &upload->slots[upload->filling];

	if (upload->upload_id == NULL)
		multipart_begin(upload);
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
	multipart_complete(upload);
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
