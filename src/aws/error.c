/*-------------------------------------------------------------------------
 *
 * error.c
 *	  What went wrong with an AWS call: kept, judged, told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/error.h"
#include "aws/xml.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* What there is to know about a code: how to report it, and what to do. */
typedef struct CodeRule
{
	const char *code;
	bool		retry;
	bool		slow_down;
	int			sqlstate;		/* 0: go by the status */
	const char *hint;
} CodeRule;

#define HINT_KEYS "Check access_key_id and secret_access_key in the user mapping, or what the server's credential_source gives."

static const char token_hint[] =
"Temporary credentials have ended, or do not belong to their keys. In a user mapping, set all three anew; others were already asked for again.";

static const CodeRule rules[] = {
	{"InvalidAccessKeyId", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"SignatureDoesNotMatch", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"InvalidSignatureException", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"UnrecognizedClientException", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, HINT_KEYS},
	{"ExpiredToken", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, token_hint},
	{"ExpiredTokenException", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, token_hint},
	{"InvalidToken", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, token_hint},
	{"TokenRefreshRequired", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION, token_hint},
	{"RequestTimeTooSkewed", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	"The clock of this machine and that of the service differ by more than 15 minutes."},
	{"RequestExpired", false, false, ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
	"Check the clock of this machine."},
	{"AccessDenied", false, false, ERRCODE_INSUFFICIENT_PRIVILEGE,
	"The keys are known, but their owner may not do this: reading needs s3:ListBucket on the bucket and s3:GetObject on its objects, writing s3:PutObject and s3:AbortMultipartUpload."},
	{"InvalidObjectState", false, false, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
	"The object is archived. Restore it, or leave it out of the location."},
	{"NoSuchBucket", false, false, ERRCODE_UNDEFINED_OBJECT,
	"Check the bucket's name in the table's location, and the endpoint and region of the server."},
	{"PreconditionFailed", false, false, ERRCODE_T_R_SERIALIZATION_FAILURE, NULL},
	{"NoSuchKey", false, false, ERRCODE_T_R_SERIALIZATION_FAILURE, NULL},
	{"SlowDown", true, true, 0, NULL},
	{"ServiceUnavailable", true, true, 0, NULL},
	{"ThrottlingException", true, true, 0, NULL},
	{"Throttling", true, true, 0, NULL},
	{"TooManyRequestsException", true, true, 0, NULL},
	{"RequestLimitExceeded", true, true, 0, NULL},
	{"RequestTimeout", true, false, 0, NULL},
	{"IncompleteBody", true, false, 0, NULL},
	{"BadDigest", true, false, 0, NULL},
	{"InternalError", true, false, 0, NULL},
	{"OperationAborted", true, false, 0, NULL},
	{"ConditionalRequestConflict", true, false, 0, NULL}
};

static const CodeRule *
find_rule(const char *code)
{
	int			i;

	for (i = 0; i < (int) lengthof(rules); i++)
		if (strcmp(rules[i].code, code) == 0)
			return &rules[i];
	return NULL;
}

/* ---------- text from outside ---------- */

/* Overwrites every occurrence of secret. */
static void
hide(char *text, size_t len, const char *secret)
{
	size_t		n = secret == NULL ? 0 : strlen(secret);
	size_t		i;

	if (n < 4)					/* too short to be one, and to be found */
		return;
	for (i = 0; i + n <= len; i++)
		if (memcmp(text + i, secret, n) == 0)
			memset(text + i, '*', n);
}

/*
 * The length of what comes before anything of a signature, or a session token:
 * there are servers that send back the headers they got.
 */
static size_t
before_signature(const char *text, size_t len)
{
	static const char *const marks[] = {"AWS4-HMAC", "Signature=", "Credential=", "x-amz-security-token"};
	int			i;

	for (i = 0; i < (int) lengthof(marks); i++)
	{
		size_t		n = strlen(marks[i]);
		size_t		at;

		for (at = 0; at + n <= len; at++)
			if (pg_strncasecmp(text + at, marks[i], n) == 0)
				len = at;
	}
	return len;
}

/* One character that may go into a message; its length, or 0. */
static int
plain_character(const char *text, const char *end)
{
	const unsigned char *c = (const unsigned char *) text;
	int			n;

	if (!IS_HIGHBIT_SET(*c))
		return *c >= ' ' && *c != 0x7F ? 1 : 0;
	n = pg_utf_mblen(c);
	if (GetDatabaseEncoding() != PG_UTF8 || n > end - text || !pg_utf8_islegal(c, n))
		return 0;
	return c[0] == 0xC2 && c[1] < 0xA0 ? 0 : n; /* C1 controls */
}

void
aws_clean_text(char *to, size_t room, const char *text, size_t len,
			   const AwsCredentials *credentials)
{
	char	   *copy = pnstrdup(text, len);
	const char *from = copy;
	const char *end;
	char	   *start = to;

	len = strlen(copy);
	if (credentials != NULL)
	{
		hide(copy, len, credentials->access_key_id);
		hide(copy, len, credentials->secret_access_key);
		hide(copy, len, credentials->session_token);
	}
	end = copy + before_signature(copy, len);

	while (from < end)
	{
		int			n = plain_character(from, end);
		bool		blank = n == 0 && (unsigned char) *from <= ' ';

		if ((size_t) (to - start) + Max(n, 1) + 1 > room)
			break;
		if (n > 0 && *from != ' ')
		{
			memcpy(to, from, n);
			to += n;
		}
		else if (!blank && *from != ' ')
			*to++ = '?';
		else if (to > start && to[-1] != ' ')
			*to++ = ' ';
		from += Max(n, 1);
	}
	while (to > start && to[-1] == ' ')
		to--;
	*to = '\0';
	pfree(copy);
}

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
	if (text != NULL && failure->code[0] == '\0')
	{
		const char *hash = memchr(text, '#', len);

		if (hash != NULL)
		{
			len -= hash + 1 - text;
			text = hash + 1;
		}
		CLEAN(code, text, len);
	}
	text = json_string(body, "message", &len);
	if (text == NULL)
		text = json_string(body, "Message", &len);
	if (text != NULL)
		CLEAN(message, text, len);
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
	char	   *copy = pnstrdup(body, len); /* stops at a zero byte */
	char	   *excerpt;

	len = strlen(copy);
	failure->html = looks_like_html(copy);
	if (!failure->html && len > 0 &&
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
	is_error = parse_xml(failure, pnstrdup(body, len), len, credentials);
	take_header(failure->request_id, sizeof(failure->request_id), transfer, "x-amz-request-id");
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
aws_failure_retryable(const AwsFailure *failure)
{
	const CodeRule *rule = find_rule(failure->code);

	switch (failure->problem)
	{
		case AWS_NO_ANSWER:
			return failure->http_failure == HTTP_NO_CONNECTION ||
				failure->http_failure == HTTP_STALLED ||
				failure->http_failure == HTTP_BROKEN;
		case AWS_SHORT_BODY:
			return true;
		case AWS_ERROR_ANSWER:
			return (rule != NULL && rule->retry) ||
				failure->status == 408 || failure->status == 429 ||
				(failure->status >= 500 && failure->status != 501 && failure->status != 505);
		default:
			return false;
	}
}

bool
aws_failure_expired(const AwsFailure *failure)
{
	const CodeRule *rule = find_rule(failure->code);

	return failure->problem == AWS_ERROR_ANSWER && rule != NULL && rule->hint == token_hint;
}

bool
aws_failure_slow_down(const AwsFailure *failure)
{
	const CodeRule *rule = find_rule(failure->code);

	return failure->problem == AWS_ERROR_ANSWER &&
		(failure->status == 429 || failure->status == 503 ||
		 (rule != NULL && rule->slow_down));
}

/* ---------- telling ---------- */

static int
sqlstate_of(const AwsFailure *failure)
{
	const CodeRule *rule = find_rule(failure->code);

	if (failure->problem == AWS_CHANGED)
		return ERRCODE_T_R_SERIALIZATION_FAILURE;
	if (failure->problem == AWS_SHORT_BODY)
		return ERRCODE_CONNECTION_FAILURE;
	if (failure->problem == AWS_NO_ANSWER)
		switch (failure->http_failure)
		{
			case HTTP_REFUSED_ADDRESS:
				return ERRCODE_INSUFFICIENT_PRIVILEGE;
			case HTTP_NO_CONNECTION:
			case HTTP_TLS_CERTIFICATE:
				return ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			default:
				return ERRCODE_CONNECTION_FAILURE;
		}
	if (rule != NULL && rule->sqlstate != 0)
		return rule->sqlstate;
	switch (failure->status)
	{
		case 401:
		case 403:
			return ERRCODE_INSUFFICIENT_PRIVILEGE;
		case 404:
			return ERRCODE_UNDEFINED_OBJECT;
		case 412:
			return ERRCODE_T_R_SERIALIZATION_FAILURE;
		default:
			return ERRCODE_FDW_ERROR;
	}
}

/* The service has the bucket elsewhere. */
static bool
wrong_region(const AwsFailure *failure)
{
	return failure->problem == AWS_ERROR_ANSWER &&
		(failure->status == 301 || failure->status == 307 ||
		 strcmp(failure->code, "AuthorizationHeaderMalformed") == 0 ||
		 strcmp(failure->code, "IllegalLocationConstraintException") == 0);
}

static bool
replaced(const AwsFailure *failure)
{
	return failure->problem == AWS_CHANGED ||
		(failure->problem == AWS_ERROR_ANSWER && failure->status == 412);
}

static const char *
hint_of(const AwsFailure *failure)
{
	const CodeRule *rule = find_rule(failure->code);

	if (failure->http_failure == HTTP_REFUSED_ADDRESS)
		return "Loopback and private addresses are open only to a server that a superuser owns, link-local addresses to none.";
	if (failure->http_failure == HTTP_TLS_CERTIFICATE)
		return "Check the endpoint's host name, and that option \"ca_file\" of the server, or without it this machine, trusts the authority that signed its certificate.";
	if (failure->problem == AWS_NO_ANSWER || failure->problem == AWS_BAD_ANSWER ||
		failure->html ||
		(failure->status >= 200 && failure->status < 300))
		return "Check the endpoint of the server, and that nothing stands between this machine and it.";
	if (replaced(failure) || strcmp(failure->code, "NoSuchKey") == 0)
		return "Run the query again.";
	if (wrong_region(failure))
		return failure->region[0] == '\0' ? "Set the region of the server to that of the bucket." :
			psprintf("Set the region of the server to \"%s\".", failure->region);
	if (rule != NULL && rule->hint != NULL)
		return rule->hint;
	if (aws_failure_slow_down(failure))
		return "The service is overloaded. Try again later, or with fewer connections.";
	return NULL;
}

/* What follows the colon of the primary message. */
static const char *
reason_of(const AwsFailure *failure)
{
	if (failure->problem != AWS_ERROR_ANSWER)
		return failure->text;
	if (replaced(failure))
		return "it was replaced while it was being read";
	if (strcmp(failure->code, "NoSuchKey") == 0)
		return "it was removed after it had been listed";
	if (wrong_region(failure) && failure->region[0] != '\0')
		return psprintf("the bucket is in region \"%s\"", failure->region);
	if (failure->code[0] != '\0')
		return failure->code;
	if (failure->status < 300)
		return "the answer is not that of such a service";
	return psprintf("HTTP status %d", failure->status);
}

static const char *
detail_of(const AwsFailure *failure, int attempts)
{
	StringInfoData out;

	initStringInfo(&out);
	if (failure->problem == AWS_ERROR_ANSWER)
	{
		appendStringInfo(&out, "The service answered with status %d", failure->status);
		if (failure->html)
			appendStringInfo(&out, " and a web page: \"%s\".", failure->message);
		else if (failure->garbage)
			appendStringInfo(&out, " and a body that is no error report: \"%s\".",
							 failure->message);
		else if (failure->code[0] != '\0' && failure->message[0] != '\0')
			appendStringInfo(&out, ", code %s: \"%s\".", failure->code, failure->message);
		else if (failure->code[0] != '\0')
			appendStringInfo(&out, ", code %s.", failure->code);
		else
			appendStringInfoString(&out, " and no explanation.");
		if (failure->request_id[0] != '\0')
			appendStringInfo(&out, " Request id: %s.", failure->request_id);
	}
	if (attempts > 1)
		appendStringInfo(&out, "%sThe request was sent %d times.",
						 out.len > 0 ? " " : "", attempts);
	return out.len > 0 ? out.data : NULL;
}

void
aws_failure_report(const AwsFailure *failure, const char *what,
				   const char *subject, int attempts)
{
	const char *detail = detail_of(failure, attempts);
	const char *hint = hint_of(failure);

	ereport(ERROR,
			(errcode(sqlstate_of(failure)),
			 errmsg("could not %s \"%s\": %s", what, subject, reason_of(failure)),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}
