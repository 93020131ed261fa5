/*-------------------------------------------------------------------------
 *
 * kinesis_value.c
 *	  Values of an answer to GetRecords: what they say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "aws/cbor.h"
#include "json/scan.h"
#include "source/kinesis/kinesis_reply.h"

/*
 * The service tells times as seconds in JSON, and as milliseconds in CBOR, where
 * some emulators tell seconds.  In the years of the service no number can mean
 * both.
 */
#define MOST_SECONDS 1e11
#define MOST_MILLISECONDS 1e14

static const char *
end_of(const ReplyValue *value)
{
	return value->text + value->len;
}

/* False if it is none.  Another byte follows the value, which is none of it. */
static bool
read_number(const ReplyValue *value, double *number)
{
	char	   *end;

	if (value->text == NULL)
		return false;
	if (value->form == REPLY_CBOR)
		return cbor_number(value->text, end_of(value), number);
	if (value->form != REPLY_JSON)
		return false;
	*number = strtod(value->text, &end);
	return end == end_of(value);
}

int64
reply_time(const ReplyValue *value)
{
	double		time;

	if (!read_number(value, &time) || !(time >= 0 && time < MOST_MILLISECONDS))
		return -1;
	if (time < MOST_SECONDS)
		time *= 1000;
	else if (value->form == REPLY_JSON)
		return -1;
	return (int64) rint(time);
}

int64
reply_number(const ReplyValue *value)
{
	double		number;

	/* up to there doubles hold all whole numbers */
	if (!read_number(value, &number) || !(number >= 0 && number <= 9007199254740992.0))
		return -1;
	return number == floor(number) ? (int64) number : -1;
}

/* Their bytes are 0x30 to 0x39, to which 6 can be added without a carry. */
static bool
eight_digits(const char *text)
{
	uint64		bytes;

	memcpy(&bytes, text, sizeof(bytes));
	return (bytes & UINT64CONST(0xF0F0F0F0F0F0F0F0)) == UINT64CONST(0x3030303030303030) &&
		((bytes + UINT64CONST(0x0606060606060606)) & UINT64CONST(0xF0F0F0F0F0F0F0F0)) ==
		UINT64CONST(0x3030303030303030);
}

bool
reply_is_sequence(const ReplyValue *value)
{
	uint32		i = 0;

	if (value->text == NULL || value->len == 0 || value->len > 129)
		return false;
	for (; i + sizeof(uint64) <= value->len; i += sizeof(uint64))
		if (!eight_digits(value->text + i))
			return false;
	for (; i < value->len; i++)
		if (value->text[i] < '0' || value->text[i] > '9')
			return false;
	return value->text[0] != '0' || value->len == 1;
}

/* Bytes are what the service writes in CBOR; some emulators write a text. */
bool
reply_is_base64(const ReplyValue *data)
{
	CborHead	head;

	if (data->form == REPLY_CBOR)
		return cbor_head(data->text, end_of(data), &head) == NULL || head.major != CBOR_BYTES;
	return data->form != REPLY_BYTES;
}

size_t
reply_data_len(const ReplyValue *data)
{
	size_t		len = data->len;

	if (data->form == REPLY_BYTES || data->form == REPLY_CBOR)
		return len;
	while (len > 0 && data->text[len - 1] == '=')
		len--;
	return len * 3 / 4;
}

/* A string of JSON without its escapes; NULL if that cannot be text. */
static const char *
unescape(const ReplyValue *value, size_t *len)
{
	JsonScan	scan = {0};
	JsonValue	unescaped;
	Size		quoted = value->len + 2;
	char	   *copy = palloc0(quoted + JSON_PADDING);
	const char *next = copy;

	memcpy(copy, value->text - 1, quoted);
	scan.end = copy + quoted;
	scan.final = true;
	scan.arena = palloc(JSON_ARENA_SIZE(quoted));
	json_scan_reset(&scan);
	if (json_scan_string(&scan, &next, &unescaped) != JSON_OK)
		return NULL;
	*len = unescaped.len;
	return unescaped.data;
}

const char *
reply_text(const ReplyValue *value, size_t *len)
{
	*len = value->len;
	if (value->form == REPLY_CBOR)
		return cbor_string_copy(value->text, end_of(value), len);
	if (value->form == REPLY_JSON && memchr(value->text, '\\', value->len) != NULL)
		return unescape(value, len);
	return value->text;
}
