/*-------------------------------------------------------------------------
 *
 * event_stream.c
 *	  The framing of answers that go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/event_stream.h"
#include "port/pg_bswap.h"
#include "utils/pg_crc.h"

#define PRELUDE_LEN 12
#define CRC_LEN 4

/* What a message may have, by the specification; servers put more into payloads. */
#define MAX_HEADERS (128 * 1024)

/* Types of headers, and how many bytes their values have; strings tell. */
#define HEADER_STRING 7
static const int value_len[] = {0, 0, 1, 2, 4, 8, -1, -1, 8, 16};

static uint32
read_u32(const char *at)
{
	uint32		value;

	memcpy(&value, at, sizeof(value));
	return pg_ntoh32(value);
}

static uint32
crc_of(const char *bytes, size_t len)
{
	pg_crc32	crc;

	INIT_TRADITIONAL_CRC32(crc);
	COMP_TRADITIONAL_CRC32(crc, bytes, len);
	FIN_TRADITIONAL_CRC32(crc);
	return crc;
}

bool
event_text_is(EventText text, const char *what)
{
	return text.text != NULL && text.len == strlen(what) &&
		memcmp(text.text, what, text.len) == 0;
}

/* Bytes of a value, whose length stands before it where it is a string. */
static bool
read_value(const char **at, const char *end, int type, EventText *value)
{
	if (type < 0 || type >= (int) lengthof(value_len))
		return false;
	value->len = value_len[type];
	if (value_len[type] < 0)
	{
		if (end - *at < 2)
			return false;
		value->len = (unsigned char) (*at)[0] << 8 | (unsigned char) (*at)[1];
		*at += 2;
	}
	if ((size_t) (end - *at) < value->len)
		return false;
	value->text = *at;
	*at += value->len;
	return true;
}

static void
note_header(EventMessage *message, EventText name, EventText value)
{
	if (event_text_is(name, ":message-type"))
		message->refusal = !event_text_is(value, "event");
	else if (event_text_is(name, ":event-type") || event_text_is(name, ":exception-type") ||
			 event_text_is(name, ":error-code"))
		message->name = value;
	else if (event_text_is(name, ":error-message"))
		message->error = value;
}

static bool
read_headers(const char *at, const char *end, EventMessage *message)
{
	while (at < end)
	{
		EventText	name = {at + 1, (unsigned char) *at};
		EventText	value;
		int			type;

		if ((size_t) (end - at) < name.len + 2)
			return false;
		at += 1 + name.len;
		type = (unsigned char) *at++;
		if (!read_value(&at, end, type, &value))
			return false;
		if (type == HEADER_STRING)
			note_header(message, name, value);
	}
	return true;
}

int
event_stream_next(const char *bytes, size_t available, EventMessage *message)
{
	uint32		len;
	uint32		headers;

	memset(message, 0, sizeof(EventMessage));
	if (available < PRELUDE_LEN)
		return 0;
	len = read_u32(bytes);
	headers = read_u32(bytes + 4);
	if (read_u32(bytes + 8) != crc_of(bytes, 8) || headers > MAX_HEADERS ||
		len < PRELUDE_LEN + headers + CRC_LEN)
		return -1;
	message->len = len;
	if (available < len)
		return 0;
	if (read_u32(bytes + len - CRC_LEN) != crc_of(bytes, len - CRC_LEN) ||
		!read_headers(bytes + PRELUDE_LEN, bytes + PRELUDE_LEN + headers, message))
		return -1;
	message->payload = bytes + PRELUDE_LEN + headers;
	message->payload_len = len - PRELUDE_LEN - headers - CRC_LEN;
	return 1;
}
