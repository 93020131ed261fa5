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

static bool
cbor_enter(ReplyCursor *cursor, ReplyContainer container, ReplyLevel *level)
{
	CborHead	head;
	const char *at = cbor_untagged(cursor->next, cursor->end, &head);

	if (at == NULL || head.major != (container == REPLY_OBJECT ? CBOR_MAP : CBOR_ARRAY) ||
		head.value > PG_INT64_MAX)
		return false;
	level->left = head.indefinite ? -1 : (int64) head.value;
	cursor->next = cbor_head(at, cursor->end, &head);
	return true;
}

static int
cbor_element(ReplyCursor *cursor, ReplyLevel *level)
{
	if (level->left == 0)
		return 0;
	if (level->left > 0)
	{
		level->left--;
		return 1;
	}
	if (cursor->next == cursor->end)
		return -1;
	if ((unsigned char) *cursor->next != CBOR_BREAK)
		return 1;
	cursor->next++;
	level->left = 0;
	return 0;
}

static int
cbor_member(ReplyCursor *cursor, ReplyLevel *level, ReplyName *name)
{
	int			found = cbor_element(cursor, level);
	const char *behind;

	if (found <= 0)
		return found;
	behind = cbor_string(cursor->next, cursor->end, &name->text, &name->len);
	if (behind == NULL)
		return -1;
	cursor->next = behind;
	return 1;
}

/* One that is not a string in one piece. */
static ReplyFound
other_value(ReplyCursor *cursor, ReplyValue *value)
{
	CborHead	head;
	const char *at = cbor_untagged(cursor->next, cursor->end, &head);
	const char *behind;

	if (at == NULL)
		return REPLY_NOTHING;
	if (head.major == CBOR_ARRAY || head.major == CBOR_MAP)
		return REPLY_CONTAINER;
	if (head.major == CBOR_BYTES || head.major == CBOR_TEXT)
		behind = cbor_skip(at, cursor->end);
	else
		behind = at + 1 + head.size;
	if (behind == NULL)
		return REPLY_NOTHING;
	value->text = at;
	value->len = behind - at;
	value->form = REPLY_CBOR;
	if (head.major == CBOR_SIMPLE && head.size == 0 &&
		(head.value == CBOR_NULL || head.value == CBOR_UNDEFINED))
		value->text = NULL;
	cursor->next = behind;
	return REPLY_SCALAR;
}

static ReplyFound
cbor_value(ReplyCursor *cursor, ReplyValue *value)
{
	const char *text;
	size_t		len;
	const char *behind = cbor_string(cursor->next, cursor->end, &text, &len);

	if (behind == NULL)
		return other_value(cursor, value);
	value->text = text;
	value->len = len;
	value->form = (unsigned char) *cursor->next >> 5 == CBOR_BYTES ? REPLY_BYTES : REPLY_TEXT;
	cursor->next = behind;
	return REPLY_SCALAR;
}

static bool
cbor_skip_container(ReplyCursor *cursor)
{
	cursor->next = cbor_skip(cursor->next, cursor->end);
	return cursor->next != NULL;
}

static bool
cbor_record(ReplyCursor *cursor, ReplyRecord *record)
{
	return reply_read_record(&kinesis_cbor_syntax, cursor, record);
}

static bool
cbor_at_end(const ReplyCursor *cursor)
{
	return cursor->next == cursor->end;
}

const ReplySyntax kinesis_cbor_syntax = {
	.enter = cbor_enter,
	.member = cbor_member,
	.element = cbor_element,
	.value = cbor_value,
	.skip = cbor_skip_container,
	.record = cbor_record,
	.at_end = cbor_at_end,
};
