/*-------------------------------------------------------------------------
 *
 * pinterest_unit.c
 *	  Functions below the SQL surface, made callable for unit.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "aws/cbor.h"
#include "aws/error.h"
#include "aws/msk_iam.h"
#include "aws/sigv4.h"
#include "aws/xml.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "net/address.h"
#include "net/date.h"
#include "net/url.h"
#include "source/aftermath.h"
#include "source/s3/bucket_listing.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_MODULE_MAGIC;

#define ARG(n) text_to_cstring(PG_GETARG_TEXT_PP(n))
#define RETURN_TEXT(s) PG_RETURN_TEXT_P(cstring_to_text(s))

/* A text[] as C strings; NULL elements stay NULL. */
static const char **
strings_of(Datum datum, int *n)
{
	ArrayType  *array = DatumGetArrayTypeP(datum);
	Datum	   *values;
	bool	   *nulls;
	const char **result;
	int			i;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, n);
	result = palloc0((*n + 1) * sizeof(char *));
	for (i = 0; i < *n; i++)
		if (!nulls[i])
			result[i] = TextDatumGetCString(values[i]);
	return result;
}

PG_FUNCTION_INFO_V1(unit_url_encode);
Datum
unit_url_encode(PG_FUNCTION_ARGS)
{
	StringInfoData out;

	initStringInfo(&out);
	url_encode(&out, ARG(0), PG_GETARG_BOOL(1));
	RETURN_TEXT(out.data);
}

PG_FUNCTION_INFO_V1(unit_url_decode);
Datum
unit_url_decode(PG_FUNCTION_ARGS)
{
	char	   *string = ARG(0);

	if (!url_decode(string, PG_GETARG_BOOL(1)))
		PG_RETURN_NULL();
	RETURN_TEXT(string);
}

PG_FUNCTION_INFO_V1(unit_endpoint);
Datum
unit_endpoint(PG_FUNCTION_ARGS)
{
	Endpoint   *endpoint = endpoint_parse(ARG(0));

	RETURN_TEXT(psprintf("%s %s %d %s%s", endpoint->tls ? "tls" : "plain",
						 endpoint->host, endpoint->port, endpoint->authority,
						 endpoint->literal ? " literal" : ""));
}

PG_FUNCTION_INFO_V1(unit_http_date);
Datum
unit_http_date(PG_FUNCTION_ARGS)
{
	int64		seconds;

	if (!http_date_parse(ARG(0), &seconds))
		PG_RETURN_NULL();
	PG_RETURN_INT64(seconds);
}

PG_FUNCTION_INFO_V1(unit_iso_date);
Datum
unit_iso_date(PG_FUNCTION_ARGS)
{
	TimestampTz result;

	if (!iso_date_parse(ARG(0), &result))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(result);
}

PG_FUNCTION_INFO_V1(unit_address);
Datum
unit_address(PG_FUNCTION_ARGS)
{
	char	   *string = ARG(0);
	AddressPolicy policy = PG_GETARG_INT32(1);
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	const char *refusal;

	if (inet_pton(AF_INET, string, &v4.sin_addr) == 1)
		refusal = address_refusal((struct sockaddr *) &v4, policy);
	else if (inet_pton(AF_INET6, string, &v6.sin6_addr) == 1)
		refusal = address_refusal((struct sockaddr *) &v6, policy);
	else
		elog(ERROR, "not an address: %s", string);
	if (refusal == NULL)
		PG_RETURN_NULL();
	RETURN_TEXT(refusal);
}

PG_FUNCTION_INFO_V1(unit_query);
Datum
unit_query(PG_FUNCTION_ARGS)
{
	int			n;
	const char **pairs = strings_of(PG_GETARG_DATUM(0), &n);
	StringInfoData out;

	initStringInfo(&out);
	sigv4_query(&out, pairs, n / 2);
	RETURN_TEXT(out.data);
}

/* (key id, secret, region, service, date, method, path, query, headers, hash) */
PG_FUNCTION_INFO_V1(unit_sign);
Datum
unit_sign(PG_FUNCTION_ARGS)
{
	AwsCredentials credentials = {ARG(0), ARG(1), NULL};
	SigV4Signer *signer = sigv4_signer_create(&credentials, ARG(2), ARG(3));
	SigV4Request request = {0};
	StringInfoData out;
	int			n;
	const char **headers = strings_of(PG_GETARG_DATUM(8), &n);
	int			i;

	request.date = ARG(4);
	request.method = ARG(5);
	request.path = ARG(6);
	request.query = ARG(7);
	for (i = 0; i + 1 < n; i += 2)
	{
		request.headers[request.nheaders].name = headers[i];
		request.headers[request.nheaders++].value = headers[i + 1];
	}
	request.payload_hash = ARG(9);
	initStringInfo(&out);
	sigv4_sign(signer, &request, &out);
	RETURN_TEXT(out.data);
}

/* Keys, region, time, program; then the end of the token and the token. */
PG_FUNCTION_INFO_V1(unit_msk_iam_token);
Datum
unit_msk_iam_token(PG_FUNCTION_ARGS)
{
	AwsCredentials credentials = {ARG(0), ARG(1), PG_ARGISNULL(2) ? NULL : ARG(2)};
	int64		expires;
	char	   *token = msk_iam_token(&credentials, ARG(3), PG_GETARG_INT64(4), ARG(5),
									  &expires);

	RETURN_TEXT(psprintf("%lld %s", (long long) expires, token));
}

PG_FUNCTION_INFO_V1(unit_msk_iam_region);
Datum
unit_msk_iam_region(PG_FUNCTION_ARGS)
{
	char	   *region = msk_iam_region(ARG(0));

	if (region == NULL)
		PG_RETURN_NULL();
	RETURN_TEXT(region);
}

PG_FUNCTION_INFO_V1(unit_signing_key);
Datum
unit_signing_key(PG_FUNCTION_ARGS)
{
	AwsCredentials credentials = {"unused", ARG(0), NULL};
	char		hex[SIGV4_HASH_LEN + 1];

	sigv4_signing_key(sigv4_signer_create(&credentials, ARG(1), ARG(2)), ARG(3), hex);
	RETURN_TEXT(hex);
}

PG_FUNCTION_INFO_V1(unit_hash);
Datum
unit_hash(PG_FUNCTION_ARGS)
{
	char	   *string = ARG(0);
	char		hex[SIGV4_HASH_LEN + 1];

	sigv4_hash(string, strlen(string), hex);
	RETURN_TEXT(hex);
}

/* Signs n times; for measuring */
PG_FUNCTION_INFO_V1(unit_sign_many);
Datum
unit_sign_many(PG_FUNCTION_ARGS)
{
	AwsCredentials credentials = {"AKIDTEST", "secretkeytest123", NULL};
	SigV4Signer *signer = sigv4_signer_create(&credentials, "us-east-1", "s3");
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < PG_GETARG_INT32(0); i++)
	{
		SigV4Request request = {"GET", "/bucket/topics/pin/partition%3D0/pin%2B0%2B0000000000.json", ""};

		request.payload_hash = SIGV4_EMPTY_HASH;
		request.date = "20260101T000000Z";
		request.headers[0] = (SigV4Header) {"host", "s3.us-east-1.amazonaws.com"};
		request.headers[1] = (SigV4Header) {"x-amz-content-sha256", SIGV4_EMPTY_HASH};
		request.headers[2] = (SigV4Header) {"x-amz-date", request.date};
		request.headers[3] = (SigV4Header) {"if-match", "\"0123456789abcdef0123456789abcdef\""};
		request.nheaders = 4;
		resetStringInfo(&out);
		sigv4_sign(signer, &request, &out);
	}
	PG_RETURN_VOID();
}

/* The events of a document: <name text /name, and at last END or !problem */
PG_FUNCTION_INFO_V1(unit_xml);
Datum
unit_xml(PG_FUNCTION_ARGS)
{
	char	   *document = ARG(0);
	XmlReader	xml;
	StringInfoData out;

	initStringInfo(&out);
	xml_begin(&xml, document, strlen(document));
	for (;;)
		switch (xml_next(&xml))
		{
			case XML_OPEN:
				appendStringInfo(&out, "<%.*s ", (int) xml.name.len, xml.name.start);
				break;
			case XML_CLOSE:
				appendStringInfo(&out, "/%.*s ", (int) xml.name.len, xml.name.start);
				break;
			case XML_TEXT:
				appendStringInfo(&out, "%.*s ", (int) xml.text_len, xml.text);
				break;
			case XML_END:
				appendStringInfoString(&out, "END");
				RETURN_TEXT(out.data);
			case XML_MALFORMED:
				appendStringInfo(&out, "!%s", xml.problem);
				RETURN_TEXT(out.data);
		}
}

/* key|etag|size|last_modified of each object, then the token */
PG_FUNCTION_INFO_V1(unit_listing);
Datum
unit_listing(PG_FUNCTION_ARGS)
{
	char	   *document = ARG(0);
	ListedPage *page = listing_parse(document, strlen(document), "s3://bucket/", PG_GETARG_BOOL(1),
									 PG_ARGISNULL(2) ? NULL : ARG(2));
	StringInfoData out;
	int			i;

	initStringInfo(&out);
	for (i = 0; i < page->nobjects; i++)
	{
		ListedObject *object = &page->objects[i];

		appendStringInfo(&out, "%s|%s|" INT64_FORMAT "|%s;", object->key,
						 object->etag ? object->etag : "-", object->size,
						 timestamptz_to_str(object->last_modified));
	}
	appendStringInfo(&out, "%s", page->next_token ? page->next_token : "end");
	RETURN_TEXT(out.data);
}

#define BYTES(bytea) VARDATA_ANY(bytea), VARDATA_ANY(bytea) + VARSIZE_ANY_EXHDR(bytea)

/* NULL if it is none. */
PG_FUNCTION_INFO_V1(unit_cbor_number);
Datum
unit_cbor_number(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	double		number;

	if (!cbor_number(BYTES(bytes), &number))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(number);
}

/* How long the first item is; NULL if it is not all there. */
PG_FUNCTION_INFO_V1(unit_cbor_skip);
Datum
unit_cbor_skip(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	const char *behind = cbor_skip(BYTES(bytes));

	if (behind == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(behind - VARDATA_ANY(bytes));
}

/* NULL if it is none. */
PG_FUNCTION_INFO_V1(unit_cbor_string);
Datum
unit_cbor_string(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	size_t		len;
	char	   *copy = cbor_string_copy(BYTES(bytes), &len);

	if (copy == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(copy, len));
}

/* code|message|kind|retry of an error body */
PG_FUNCTION_INFO_V1(unit_error_body);
Datum
unit_error_body(PG_FUNCTION_ARGS)
{
	bytea	   *body = PG_GETARG_BYTEA_PP(1);
	AwsCredentials credentials = {"AKIDTEST", "secretkeytest123", "tokentokentoken"};
	AwsFailure	failure = {AWS_ERROR_ANSWER};

	failure.status = PG_GETARG_INT32(0);
	aws_failure_parse_body(&failure, VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), &credentials);
	RETURN_TEXT(psprintf("%s|%s|%s|%s", failure.code, failure.message,
						 failure.html ? "html" : failure.garbage ? "garbage" : "error",
						 aws_failure_retryable(&failure) ?
						 aws_failure_slow_down(&failure) ? "slow" : "retry" : "final"));
}

static void
raise_error(void *arg)
{
	ereport(ERROR,
			(errmsg("%s", (char *) arg)));
}

/* How many holds of interrupts work that fails leaves behind, or takes away. */
PG_FUNCTION_INFO_V1(unit_aftermath);
Datum
unit_aftermath(PG_FUNCTION_ARGS)
{
	uint32		before;
	uint32		after;

	HOLD_INTERRUPTS();
	before = InterruptHoldoffCount;
	aftermath(raise_error, ARG(0));
	after = InterruptHoldoffCount;
	InterruptHoldoffCount = before;
	RESUME_INTERRUPTS();
	PG_RETURN_INT32((int32) (after - before));
}
