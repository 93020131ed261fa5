/*-------------------------------------------------------------------------
 *
 * kinesis_syntax_cbor.c
 *	  Answers to GetRecords in CBOR.
 *
 * The service writes objects and arrays without their lengths, others with
 * them; data as bytes, or, as some emulators do, as base64 in a text.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/cbor.h"
#include "source/kinesis/kinesis_syntax.h"

#define CBOR_NULL 22
#define CBOR_UNDEFINED 23

static inline const char *
cbor_enter(const char *at, const char *end, ReplyContainer container, ReplyLevel *level)
{
	CborHead	head;

	at = cbor_untagged(at, end, &head);
	if (at == NULL || head.major != (container == REPLY_OBJECT ? CBOR_MAP : CBOR_ARRAY) ||
		head.value > PG_INT64_MAX)
		return NULL;
	level->left = head.indefinite ? -1 : (int64) head.value;
	level->ended = false;
	return at + 1 + head.size;
}

static inline const char *
cbor_element(const char *at, const char *end, ReplyLevel *level)
{
	if (level->left >= 0)
	{
		level->ended = level->left == 0;
		level->left--;
		return at;
	}
	if (at == end)
		return NULL;
	level->ended = (unsigned char) *at == CBOR_BREAK;
	return level->ended ? at + 1 : at;
}

static inline const char *
cbor_member(const char *at, const char *end, ReplyLevel *level, ReplyName *name)
{
	at = cbor_element(at, end, level);
	if (at == NULL || level->ended)
		return at;
	return cbor_string(at, end, &name->text, &name->len);
}

static bool
is_null(const CborHead *head)
{
	return head->major == CBOR_SIMPLE && head->size == 0 &&
		(head->value == CBOR_NULL || head->value == CBOR_UNDEFINED);
}

/* One that is not a string in one piece. */
static inline const char *
other_value(const char *at, const char *end, ReplyValue *value)
{
	CborHead	head;
	const char *behind;

	at = cbor_untagged(at, end, &head);
	if (at == NULL)
		return NULL;
	if (head.major >= CBOR_BYTES && head.major <= CBOR_MAP)
		behind = cbor_skip(at, end);
	else
		behind = at + 1 + head.size;
	value->text = head.major == CBOR_ARRAY || head.major == CBOR_MAP || is_null(&head) ? NULL : at;
	value->len = behind - at;
	value->form = REPLY_CBOR;
	return behind;
}

static inline const char *
cbor_value(const char *at, const char *end, ReplyValue *value)
{
	const char *text;
	size_t		len;
	const char *behind = cbor_string(at, end, &text, &len);

	if (behind == NULL)
		return other_value(at, end, value);
	value->text = text;
	value->len = len;
	value->form = (unsigned char) *at >> 5 == CBOR_BYTES ? REPLY_BYTES : REPLY_TEXT;
	return behind;
}

static const char *
cbor_record(const char *at, const char *end, ReplyRecord *record)
{
	return reply_read_record(&kinesis_cbor_syntax, at, end, record);
}

static bool
cbor_at_end(const char *at, const char *end)
{
	return at == end;
}

const ReplySyntax kinesis_cbor_syntax = {
	.enter = cbor_enter,
	.member = cbor_member,
	.element = cbor_element,
	.value = cbor_value,
	.record = cbor_record,
	.at_end = cbor_at_end,
};
