/*-------------------------------------------------------------------------
 *
 * bucket_multipart.c
 *	  An object that goes into a bucket in parts ("S3 API, multipart upload").
 *
 * Parts that are not completed stay in the bucket, invisible but paid for.  So
 * an upload that fails is aborted, from a reset callback of the memory
 * context: nothing else is called after an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/xml.h"
#include "portability/instr_time.h"
#include "source/aftermath.h"
#include "source/s3/bucket_upload_internal.h"
#include "utils/memutils.h"

/* How long the abort of a failed upload may take (ms). */
#define ABORT_LIMIT 1000

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

void
multipart_begin(BucketUpload *upload)
{
	MemoryContext old = MemoryContextSwitchTo(upload->object_context);
	AwsRequest	request;
	char	   *id;

	upload_prepare(upload, &request, "POST", upload->key,
				   upload_query("uploads", "", "", NULL), "write");
	upload_describe(upload, &request);
	upload_send_control(upload, &request);
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

void
multipart_note_part(BucketUpload *upload, UploadSlot *slot)
{
	const char *etag = aws_call_header(slot->call, "ETag");

	if (etag == NULL || strpbrk(etag, "<>&") != NULL)
		upload_no_version(slot->request.subject);
	appendStringInfo(&upload->done, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>",
					 slot->part, etag);
}

/*
 * "CompleteMultipartUpload": may fail with status 200 as well.  One that was
 * sent again finds the upload gone if the first one had been carried out.
 */
void
multipart_complete(BucketUpload *upload)
{
	MemoryContext old = MemoryContextSwitchTo(upload->object_context);
	AwsCall    *call = upload->control;
	AwsRequest	request;
	bool		lost;

	upload_prepare(upload, &request, "POST", upload->key,
				   upload_query("uploadId", upload->upload_id, "", NULL), "write");
	request.body = psprintf("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">%s</CompleteMultipartUpload>",
							upload->done.data);
	request.body_len = strlen(request.body);
	request.error_in_200 = true;
	upload_add_condition(upload, &request);
	upload->completing = true;
	upload_send_control(upload, &request);
	if (upload_condition_unknown(upload, call))
	{
		request.nheaders--;
		upload_send_control(upload, &request);
	}
	lost = upload_failed_with(call, "NoSuchUpload");
	if (!upload_is_written(upload, upload->key, call))
	{
		if (lost)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_ERROR),
					 errmsg("could not write \"%s\": the service has lost its parts",
							request.subject)));
		aws_call_check(call);
		if (element_text(aws_call_body(call), "ETag") == NULL)
			upload_no_version(request.subject);
	}
	pfree(upload->upload_id);
	upload->upload_id = NULL;
	upload->base.complete++;
	MemoryContextSwitchTo(old);
}

/* AbortMultipartUpload; gives up when it takes too long. */
static void
abort_multipart(void *arg)
{
	BucketUpload *upload = arg;
	AwsRequest	request;
	instr_time	start_time;
	instr_time	now;

	upload_prepare(upload, &request, "DELETE", upload->key,
				   upload_query("uploadId", upload->upload_id, "", NULL), "abort the upload of");
	aws_call_begin(upload->control, &request);
	INSTR_TIME_SET_CURRENT(start_time);
	do
	{
		aws_service_pump(upload->service, 100);
		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, start_time);
	} while (!upload_ended(upload->control) && INSTR_TIME_GET_MILLISEC(now) < ABORT_LIMIT);

	/* gone already is as good */
	if (aws_call_state(upload->control) != AWS_DONE &&
		!upload_failed_with(upload->control, "NoSuchUpload"))
		ereport(WARNING,
				(errmsg("could not abort the upload of \"%s\"", request.subject),
				 errdetail("Its parts stay in the bucket, where no listing shows them."),
				 errhint("Abort the upload \"%s\", or let a life-cycle rule of the bucket do it.",
						 upload->upload_id)));
	aws_call_abort(upload->control);
}

/* The context goes with an upload that is not complete: an error happened. */
void
multipart_on_reset(void *arg)
{
	BucketUpload *upload = arg;

	for (int i = 0; i < upload->nslots; i++)
		aws_call_abort(upload->slots[i].call);
	aws_call_abort(upload->control);
	if (upload->upload_id != NULL)
		aftermath(abort_multipart, upload);
}
