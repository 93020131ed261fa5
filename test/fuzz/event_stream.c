/*-------------------------------------------------------------------------
 *
 * event_stream.c
 *	  libFuzzer target "event_stream": any bytes as messages of a subscription.
 *
 * First as they are; then, as hardly any bytes have the right sums, with those of
 * each message put right.  What is found must lie in the message, and an event that
 * is sound as an answer must stay in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/event_stream.h"
#include "port/pg_bswap.h"
#include "source/kinesis/kinesis_reply.h"

#undef fprintf					/* the server has its own, which is not here */

#define check(truth) \
	do { \
		if (!(truth)) \
		{ \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #truth); \
			abort(); \
		} \
	} while (0)

#define MAX_INPUT 65536

/* The server's, which is not here either: CRC-32, reflected */
uint32		pg_crc32_table[256];

static void __attribute__((constructor))
make_table(void)
{
	for (uint32 i = 0; i < 256; i++)
	{
		pg_crc32_table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			pg_crc32_table[i] = pg_crc32_table[i] >> 1 ^ (pg_crc32_table[i] & 1 ? 0xEDB88320 : 0);
	}
}

static uint32
crc_of(const char *bytes, size_t len)
{
	uint32		crc = 0xFFFFFFFF;

	for (size_t i = 0; i < len; i++)
		crc = pg_crc32_table[(crc ^ (unsigned char) bytes[i]) & 0xFF] ^ crc >> 8;
	return pg_hton32(crc ^ 0xFFFFFFFF);
}

static uint32
length_at(const char *bytes)
{
	uint32		len;

	memcpy(&len, bytes, sizeof(len));
	return pg_ntoh32(len);
}

static bool
lies_in(const char *text, size_t len, const char *message, size_t message_len)
{
	return text == NULL || (text >= message && text + len <= message + message_len);
}

static void
take_messages(KinesisReply *reply, size_t size)
{
	EventMessage message;
	size_t		at = 0;

	while (event_stream_next(reply->buffer + at, size - at, &message) > 0)
	{
		const char *start = reply->buffer + at;

		check(message.len >= 16 && message.len <= size - at);
		check(lies_in(message.name.text, message.name.len, start, message.len));
		check(lies_in(message.error.text, message.error.len, start, message.len));
		check(lies_in(message.payload, message.payload_len, start, message.len - 4));
		(void) event_text_is(message.name, "SubscribeToShardEvent");
		reply->nrecords = 0;
		if (kinesis_reply_take_event(reply, message.payload, message.payload_len))
			for (int i = 0; i < reply->nrecords; i++)
				check(lies_in(reply->records[i].data.text, reply->records[i].data.len,
							  message.payload, message.payload_len));
		at += message.len;
	}
}

/* Puts the sums of all messages right that are as long as they say. */
static void
put_right(char *bytes, size_t size)
{
	for (size_t at = 0; size - at >= 16;)
	{
		uint32		len = length_at(bytes + at);
		uint32		crc = crc_of(bytes + at, 8);

		memcpy(bytes + at + 8, &crc, sizeof(crc));
		if (len < 16 || len > size - at)
			return;
		crc = crc_of(bytes + at, len - 4);
		memcpy(bytes + at + len - 4, &crc, sizeof(crc));
		at += len;
	}
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static KinesisReply reply;

	if (reply.buffer == NULL)
		kinesis_reply_init(&reply, MAX_INPUT);
	if (size > MAX_INPUT)
		return 0;
	kinesis_reply_begin(&reply);
	memcpy(reply.buffer, data, size);
	take_messages(&reply, size);
	kinesis_reply_begin(&reply);
	memcpy(reply.buffer, data, size);
	put_right(reply.buffer, size);
	take_messages(&reply, size);
	return 0;
}
