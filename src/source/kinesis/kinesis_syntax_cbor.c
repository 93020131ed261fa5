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

/* Both kinds of cursor say where the next byte is, and the end. */
static CborCursor
cbor_cursor(const ReplyCursor *cursor)
{
	return (CborCursor) {cursor->next, cursor->end};
}

static bool
cbor_enter(ReplyCursor *cursor, ReplyContainer container, ReplyLevel *level)
{
	CborCursor	behind = cbor_cursor(cursor);
	CborHead	head;

	if (!cbor_untagged(&behind, &head) || !cbor_head(&behind, &head) ||
		head.major != (container == REPLY_OBJECT ? CBOR_MAP : CBOR_ARRAY) ||
		head.value > PG_INT64_MAX)
		return false;
	level->left = head.indefinite ? -1 : (int64) head.value;
	cursor->next = behind.next;
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

/* What most values are: a string in one piece. */
static bool
read_string(CborCursor *cursor, ReplyValue *value)
{
	CborMajor	major = cursor->next == cursor->end ? CBOR_SIMPLE :
		(CborMajor) ((unsigned char) *cursor->next >> 5);
	size_t		len;

	if (!cbor_string(cursor, &value->text, &len))
		return false;
	value->len = len;
	value->form = major == CBOR_BYTES ? REPLY_BYTES : REPLY_TEXT;
	return true;
}

/* Any other, from its untagged head on; false if it is not all there. */
static bool
read_item(CborCursor *cursor, const CborHead *head, ReplyValue *value)
{
	value->text = cursor->next;
	value->form = REPLY_CBOR;
	if (!cbor_skip(cursor))
		return false;
	value->len = cursor->next - value->text;
	if (head->major == CBOR_SIMPLE && head->size == 0 &&
		(head->value == CBOR_NULL || head->value == CBOR_UNDEFINED))
		value->text = NULL;
	return true;
}

static int
cbor_member(ReplyCursor *cursor, ReplyLevel *level, ReplyMember *member)
{
	int			found = cbor_element(cursor, level);
	CborCursor	behind = cbor_cursor(cursor);
	CborHead	head;

	if (found <= 0)
		return found;
	if (!cbor_string(&behind, &member->name, &member->name_len))
		return -1;
	member->is_container = false;
	if (read_string(&behind, &member->value))
	{
		cursor->next = behind.next;
		return 1;
	}
	if (!cbor_untagged(&behind, &head))
		return -1;
	member->is_container = head.major == CBOR_ARRAY || head.major == CBOR_MAP;
	if (!member->is_container && !read_item(&behind, &head, &member->value))
		return -1;
	cursor->next = behind.next;
	return 1;
}

static bool
cbor_skip_container(ReplyCursor *cursor)
{
	CborCursor	behind = cbor_cursor(cursor);

	if (!cbor_skip(&behind))
		return false;
	cursor->next = behind.next;
	return true;
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
	.skip = cbor_skip_container,
	.at_end = cbor_at_end,
};
