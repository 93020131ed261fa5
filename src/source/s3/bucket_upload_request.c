/*-------------------------------------------------------------------------
 *
 * bucket_upload_request.c
 *	  The requests of an upload, and what their answers mean.
 *
 * "If-None-Match: *" keeps an object from taking the place of another.  When a
 * request is told that the object exists, it may have been sent twice (libcurl
 * does that too, when a connection turns out to be dead) and the first one been
 * carried out.  Each object says by a random header who has written it, so that
 * a look at it tells our own from somebody else's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "net/url.h"
#include "source/s3/bucket_upload_internal.h"

/* User metadata that says who has written an object. */
#define MARK "x-amz-meta-written-by"

#define MAX_ANSWER (1024 * 1024)

void
upload_prepare(BucketUpload *upload, AwsRequest *request, const char *method,
			   const char *key, const char *query, const char *what)
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

char *
upload_query(const char *name, const char *value, const char *name2, const char *value2)
{
	const char *pairs[] = {name, value, name2, value2};
	StringInfoData query;

	initStringInfo(&query);
	sigv4_query(&query, pairs, lengthof(pairs) / 2);
	return query.data;
}

void
upload_describe(BucketUpload *upload, AwsRequest *request)
{
	add_header(request, "content-type", "application/x-ndjson");
	add_header(request, MARK, upload->mark);
}

void
upload_add_condition(BucketUpload *upload, AwsRequest *request)
{
	if (!upload->unconditional)
		add_header(request, "if-none-match", "*");
}

bool
upload_ended(const AwsCall *call)
{
	return aws_call_state(call) == AWS_DONE || aws_call_state(call) == AWS_FAILED;
}

void
upload_wait_for(BucketUpload *upload, AwsCall *call)
{
	while (!upload_ended(call))
		aws_service_pump(upload->service, 100);
}

bool
upload_failed_with(const AwsCall *call, const char *code)
{
	return aws_call_state(call) == AWS_FAILED &&
		strcmp(aws_call_failure(call)->code, code) == 0;
}

bool
upload_condition_unknown(BucketUpload *upload, const AwsCall *call)
{
	if (!upload->unique || upload->unconditional || aws_call_state(call) != AWS_FAILED ||
		aws_call_failure(call)->status != 501)
		return false;
	upload->unconditional = true;
	return true;
}

void
upload_send_control(BucketUpload *upload, AwsRequest *request)
{
	aws_call_begin(upload->control, request);
	upload_wait_for(upload, upload->control);
}

bool
upload_is_written(BucketUpload *upload, const char *key, const AwsCall *call)
{
	AwsRequest	request;
	const char *mark;
	bool		exists = upload_failed_with(call, "PreconditionFailed");

	if (!exists && !upload_failed_with(call, "NoSuchUpload"))
		return false;
	upload_prepare(upload, &request, "HEAD", key, "", "look for");
	upload_send_control(upload, &request);
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

void
upload_no_version(const char *subject)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not write \"%s\": the service's answer is not valid", subject),
			 errdetail("It names no version of what was written.")));
}
