/*-------------------------------------------------------------------------
 *
 * error.c
 *	  What went wrong with an AWS call: kept, and judged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/cbor.h"
#include "aws/clean_text.h"
#include "aws/error.h"
#include "aws/error_rules.h"
#include "aws/xml.h"
#include "utils/memutils.h"

#define CLEAN(field, text, len) \
	aws_clean_text(failure->field, sizeof(failure->field), text, len, credentials)

/* ---------- bodies ---------- */

/*
 * <Error>, or <ErrorResponse><Error>.  False if the body is no such thing;
 * half of one is worth as much as it holds.
 */
static bool
parse_xml(AwsFailure *failure, char *body, size_t len, const AwsCredentials *credentials)
{
	XmlReader	xml;
	XmlEvent	event;

	xml_begin(&xml, body, len);
	if (xml_next(&xml) != XML_OPEN ||
		!(xml_name_is(&xml, "Error") || xml_name_is(&xml, "ErrorResponse")))
		return false;
	while ((event = xml_next(&xml)) != XML_END && event != XML_MALFORMED)
	{
		if (event != XML_TEXT)
			continue;
		if (xml_name_is(&xml, "Code") && failure->code[0] == '\0')
			CLEAN(code, xml.text, xml.text_len);
		else if (xml_name_is(&xml, "Message") && failure->message[0] == '\0')
			CLEAN(message, xml.text, xml.text_len);
		else if (xml_name_is(&xml, "Region") && failure->region[0] == '\0')
			CLEAN(region, xml.text, xml.text_len);
		else if ((xml_name_is(&xml, "RequestId") || xml_name_is(&xml, "RequestID")) &&
				 failure->request_id[0] == '\0')
			CLEAN(request_id, xml.text, xml.text_len);
	}
	return failure->code[0] != '\0';
}

/*
 * The string that follows "name": in a flat JSON object; its length in *len.
 * Escapes stay as they are: it is only shown.
 */
static const char *
json_string(const char *body, const char *name, size_t *len)
{
	char	   *quoted = psprintf("\"%s\"", name);
	const char *at = strstr(body, quoted);
	const char *end;

	if (at == NULL)
		return NULL;
	at += strlen(quoted);
	at += strspn(at, " \t\r\n");
	if (*at++ != ':')
		return NULL;
	at += strspn(at, " \t\r\n");
	if (*at++ != '"')
		return NULL;
	for (end = at; *end != '"'; end++)
	{
		if (*end == '\\' && end[1] != '\0')
			end++;
		if (*end == '\0')
			return NULL;
	}
	*len = end - at;
	return at;
}

/* The code, without what stands before "#", unless it is known already. */
static void
take_code(AwsFailure *failure, const char *text, size_t len,
		  const AwsCredentials *credentials)
{
	const char *hash = memchr(text, '#', len);

	if (failure->code[0] != '\0')
		return;
	if (hash != NULL)
	{
		len -= hash + 1 - text;
		text = hash + 1;
	}
	CLEAN(code, text, len);
}

/* {"__type": "com.amazonaws.kinesis.v20131202#ResourceNotFoundException", "message": "…"} */
static bool
parse_json(AwsFailure *failure, const char *body, const AwsCredentials *credentials)
{
	const char *text;
	size_t		len;

	if (body[strspn(body, " \t\r\n")] != '{')
		return false;
	text = json_string(body, "__type", &len);
	if (text == NULL)
		text = json_string(body, "code", &len);
	if (text != NULL)
		take_code(failure, text, len, credentials);
	text = json_string(body, "message", &len);
	if (text == NULL)
		text = json_string(body, "Message", &len);
	if (text != NULL)
		CLEAN(message, text, len);
	return failure->code[0] != '\0' || failure->message[0] != '\0';
}

/* The same in CBOR. */
static bool
parse_cbor(AwsFailure *failure, const char *body, size_t len,
		   const AwsCredentials *credentials)
{
	const char *end = body + len;
	const char *value;
	const char *name;
	const char *text;
	size_t		name_len;
	size_t		text_len;
	CborHead	head;

	if (!cbor_is_map(body, len))
		return false;
	body = cbor_head(body, end, &head);
	while (body != NULL && (value = cbor_string(body, end, &name, &name_len)) != NULL)
	{
		body = cbor_string(value, end, &text, &text_len);
		if (body == NULL)
			body = cbor_skip(value, end);
		else if (name_len == 6 && memcmp(name, "__type", 6) == 0)
			take_code(failure, text, text_len, credentials);
		else if (name_len == 7 && pg_strncasecmp(name, "message", 7) == 0)
			CLEAN(message, text, text_len);
	}
	return failure->code[0] != '\0' || failure->message[0] != '\0';
}

static bool
looks_like_html(const char *body)
{
	body += strspn(body, " \t\r\n");
	return pg_strncasecmp(body, "<!doctype html", 14) == 0 ||
		pg_strncasecmp(body, "<html", 5) == 0;
}

/* Blanks out what stands between "<" and ">". */
static void
strip_tags(char *text)
{
	bool		tag = false;

	for (; *text != '\0'; text++)
	{
		if (*text == '<')
			tag = true;
		if (*text == '>')
			*text = ' ', tag = false;
		else if (tag)
			*text = ' ';
	}
}

void
aws_failure_parse_body(AwsFailure *failure, const char *body, size_t len,
					   const AwsCredentials *credentials)
{
	bool		is_cbor = parse_cbor(failure, body, len, credentials);
	char	   *copy = pnstrdup(body, len); /* stops at a zero byte */
	char	   *excerpt;

	len = strlen(copy);
	failure->html = looks_like_html(copy);
	if (!failure->html && len > 0 && !is_cbor &&
		!parse_json(failure, copy, credentials) &&
		!parse_xml(failure, pstrdup(copy), len, credentials))
		failure->garbage = true;
	if (failure->html || failure->garbage)
	{
		excerpt = pnstrdup(copy, 2000);
		if (failure->html)
			strip_tags(excerpt);
		aws_clean_text(failure->message, 200, excerpt, strlen(excerpt), credentials);
		pfree(excerpt);
	}
	pfree(copy);
}

static void
take_header(char *to, size_t room, const HttpTransfer *transfer, const char *name)
{
	const char *value = http_header(transfer, name);

	if (value != NULL && to[0] == '\0')
		aws_clean_text(to, room, value, strlen(value), NULL);
}

/* Only where it leads: the rest may hold anything. */
static void
take_redirect(AwsFailure *failure, const char *location)
{
	const char *host = location == NULL ? NULL : strstr(location, "://");

	if (host != NULL)
		aws_clean_text(failure->redirect, sizeof(failure->redirect), location,
					   host + 3 - location + strcspn(host + 3, "/?#"), NULL);
}

/* A long query may see many failures that retries mend: none leaves a trace. */
static MemoryContext
scratch_context(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "pinterest failure",
								 ALLOCSET_DEFAULT_SIZES);
}

void
aws_failure_from_answer(AwsFailure *failure, const HttpTransfer *transfer,
						const AwsCredentials *credentials)
{
	size_t		len;
	const char *body = http_error_body(transfer, &len);
	MemoryContext old = MemoryContextSwitchTo(scratch_context());

	memset(failure, 0, sizeof(AwsFailure));
	failure->problem = AWS_ERROR_ANSWER;
	failure->status = http_status(transfer);
	take_header(failure->code, sizeof(failure->code), transfer, "x-amzn-ErrorType");
	failure->code[strcspn(failure->code, ":")] = '\0';
	aws_failure_parse_body(failure, body, len, credentials);
	take_header(failure->request_id, sizeof(failure->request_id), transfer, "x-amz-request-id");
	take_header(failure->request_id, sizeof(failure->request_id), transfer, "x-amzn-RequestId");
	take_header(failure->region, sizeof(failure->region), transfer, "x-amz-bucket-region");
	if (failure->status >= 300 && failure->status <= 399)
		take_redirect(failure, http_header(transfer, "Location"));
	MemoryContextDelete(MemoryContextSwitchTo(old));
}

bool
aws_failure_from_body(AwsFailure *failure, const HttpTransfer *transfer,
					  const char *body, size_t len, const AwsCredentials *credentials)
{
	MemoryContext old = MemoryContextSwitchTo(scratch_context());
	bool		is_error;

	memset(failure, 0, sizeof(AwsFailure));
	failure->problem = AWS_ERROR_ANSWER;
	failure->status = http_status(transfer);
	if (len > 0 && body[0] == '{')
		is_error = strstr(body, "\"__type\"") != NULL && parse_json(failure, body, credentials);
	else
		is_error = parse_xml(failure, pnstrdup(body, len), len, credentials);
	take_header(failure->request_id, sizeof(failure->request_id), transfer, "x-amz-request-id");
	take_header(failure->request_id, sizeof(failure->request_id), transfer, "x-amzn-RequestId");
	MemoryContextDelete(MemoryContextSwitchTo(old));
	return is_error;
}

void
aws_failure_from_transport(AwsFailure *failure, const HttpTransfer *transfer)
{
	MemoryContext old = MemoryContextSwitchTo(scratch_context());
	const char *text = http_failure_text(transfer);

	memset(failure, 0, sizeof(AwsFailure));
	failure->problem = AWS_NO_ANSWER;
	failure->http_failure = http_failure(transfer);
	aws_clean_text(failure->text, sizeof(failure->text), text, strlen(text), NULL);
	MemoryContextDelete(MemoryContextSwitchTo(old));
}

void
aws_failure_set(AwsFailure *failure, AwsProblem problem, const char *fmt,...)
{
	va_list		args;

	memset(failure, 0, sizeof(AwsFailure));
	failure->problem = problem;
	va_start(args, fmt);
	vsnprintf(failure->text, sizeof(failure->text), fmt, args);
	va_end(args);
}

/* ---------- judgement ---------- */

bool
aws_code_retryable(const char *code)
{
	const CodeRule *rule = error_rule(code);

	return rule != NULL && (rule->verdict == CODE_RETRY || rule->verdict == CODE_SLOW_DOWN);
}

bool
aws_failure_retryable(const AwsFailure *failure)
{
	switch (failure->problem)
	{
		case AWS_NO_ANSWER:
			return failure->http_failure == HTTP_NO_CONNECTION ||
				failure->http_failure == HTTP_STALLED ||
				failure->http_failure == HTTP_BROKEN;
		case AWS_SHORT_BODY:
			return true;
		case AWS_ERROR_ANSWER:
			return aws_code_retryable(failure->code) ||
				failure->status == 408 || failure->status == 429 ||
				(failure->status >= 500 && failure->status != 501 && failure->status != 505);
		default:
			return false;
	}
}

/*
 * What is in front of a service answers with 502 or 504 when it has waited for it
 * in vain; 500 counts if the service itself says that it has failed.
 */
bool
aws_failure_undone(const AwsFailure *failure)
{
	if (failure->problem == AWS_NO_ANSWER)
		return failure->http_failure != HTTP_STALLED && failure->http_failure != HTTP_BROKEN;
	if (failure->problem != AWS_ERROR_ANSWER)
		return false;
	return failure->status < 500 || failure->status == 503 ||
		(failure->status == 500 && error_rule(failure->code) != NULL);
}

bool
aws_failure_expired(const AwsFailure *failure)
{
	const CodeRule *rule = error_rule(failure->code);

	return failure->problem == AWS_ERROR_ANSWER && rule != NULL && rule->verdict == CODE_EXPIRED;
}

bool
aws_failure_missing(const AwsFailure *failure)
{
	return failure->problem == AWS_ERROR_ANSWER && strcmp(failure->code, "NoSuchKey") == 0;
}

bool
aws_failure_wrong_region(const AwsFailure *failure)
{
	return failure->problem == AWS_ERROR_ANSWER &&
		(failure->status == 301 || failure->status == 307 ||
		 strcmp(failure->code, "AuthorizationHeaderMalformed") == 0 ||
		 strcmp(failure->code, "IllegalLocationConstraintException") == 0);
}

bool
aws_failure_slow_down(const AwsFailure *failure)
{
	const CodeRule *rule = error_rule(failure->code);

	return failure->problem == AWS_ERROR_ANSWER &&
		(failure->status == 429 || failure->status == 503 ||
		 (rule != NULL && rule->verdict == CODE_SLOW_DOWN));
}
