/*-------------------------------------------------------------------------
 *
 * kafka_headers.c
 *	  Headers of a message that is written, from the JSON that reading shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/base64.h"
#include "mb/pg_wchar.h"
#include "source/kafka/kafka_headers.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

pg_noreturn static void
refuse(int64 row, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid headers of a Kafka message"),
			 errdetail("%s They are given by row %lld of the statement.", detail, (long long) row),
			 errhint("Headers are written as [{\"key\": \"name\", \"value\": \"text\"}, ...], with null for no value, and \"base64\" in place of \"value\" for bytes that are not text.")));
	pg_unreachable();
}

/*
 * Takes a member of a header, a string in UTF-8, NULL for null or none; counts
 * those that are there.
 */
static char *
take_member(JsonbContainer *header, const char *name, int64 row, int *count)
{
	JsonbValue	found;
	char	   *text;

	if (getKeyJsonValueFromContainer(header, name, strlen(name), &found) == NULL)
		return NULL;
	(*count)++;
	if (found.type == jbvNull)
		return NULL;
	if (found.type != jbvString)
		refuse(row, psprintf("The \"%s\" of a header is no string.", name));
	text = pnstrdup(found.val.string.val, found.val.string.len);
	return pg_server_to_any(text, strlen(text), PG_UTF8);
}

static void
decode_base64(KafkaHeader *header, const char *base64, int64 row)
{
	int			room = pg_b64_dec_len(strlen(base64));
	void	   *bytes = palloc(room + 1);	/* bytes or characters, by release */
	int			len = pg_b64_decode(base64, strlen(base64), bytes, room);

	if (len < 0)
		refuse(row, "The \"base64\" of a header is no Base64.");
	header->value = bytes;
	header->len = len;
}

static void
take_header(JsonbContainer *json, KafkaHeader *header, int64 row)
{
	int			count = 0;
	char	   *value = take_member(json, "value", row, &count);
	char	   *base64 = take_member(json, "base64", row, &count);

	header->name = take_member(json, "key", row, &count);
	if (header->name == NULL)
		refuse(row, "A header has no \"key\".");
	if (value != NULL && base64 != NULL)
		refuse(row, "A header has both a \"value\" and a \"base64\".");
	if (count < JsonContainerSize(json))
		refuse(row, "A header has members besides \"key\", \"value\" and \"base64\".");
	if (base64 != NULL)
		decode_base64(header, base64, row);
	else if (value != NULL)
	{
		header->value = value;
		header->len = strlen(value);
	}
}

KafkaHeader *
kafka_headers_from_json(Datum json, int64 row, int *nheaders)
{
	Jsonb	   *jsonb = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
														   CStringGetDatum(TextDatumGetCString(json))));
	KafkaHeader *headers;

	if (!JB_ROOT_IS_ARRAY(jsonb) || JB_ROOT_IS_SCALAR(jsonb))
		refuse(row, "They are no JSON array.");
	*nheaders = JB_ROOT_COUNT(jsonb);
	headers = palloc0(sizeof(KafkaHeader) * (*nheaders + 1));
	for (int i = 0; i < *nheaders; i++)
	{
		JsonbValue *header = getIthJsonbValueFromContainer(&jsonb->root, i);

		if (header->type != jbvBinary || !JsonContainerIsObject(header->val.binary.data))
			refuse(row, "An element is no JSON object.");
		take_header(header->val.binary.data, &headers[i], row);
	}
	return headers;
}
