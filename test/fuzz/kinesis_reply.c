/*-------------------------------------------------------------------------
 *
 * kinesis_reply.c
 *	  libFuzzer target "kinesis_reply": any bytes as an answer to GetRecords.
 *
 * The answer is taken apart twice: whole, and in pieces that the first byte of
 * an input chooses.  Both must find the same records and the same end, and
 * whatever they point at must lie in what has come.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/kinesis/kinesis_reply.h"

#undef fprintf					/* the server has its own, which is not here */

#define MAX_RECORDS 1000

/* What was found, as far as it lasts */
typedef struct Found
{
	bool		sound;
	int			nrecords;
	uint32		lengths[MAX_RECORDS][4];
	uint32		sum;			/* of all texts */
	int64		data_len;
	int64		behind;
	char		iterator[64];
} Found;

#define check(truth) \
	do { \
		if (!(truth)) \
		{ \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #truth); \
			abort(); \
		} \
	} while (0)

static uint32
note_value(Found *found, const KinesisReply *reply, const ReplyValue *value)
{
	check(value->text > reply->buffer && value->text + value->len <= reply->buffer + reply->len);
	for (uint32 i = 0; i < value->len; i++)
		found->sum = found->sum * 31 + (unsigned char) value->text[i];
	return value->len;
}

static void
note_records(Found *found, const KinesisReply *reply)
{
	for (int i = 0; i < reply->nrecords; i++)
	{
		const ReplyRecord *record = &reply->records[i];
		const ReplyValue *values[] = {
			&record->data, &record->partition_key, &record->sequence, &record->arrival
		};
		size_t		len;

		for (int t = 0; t < 4; t++)
		{
			uint32		n = note_value(found, reply, values[t]);

			if (found->nrecords < MAX_RECORDS)
				found->lengths[found->nrecords][t] = n;
		}
		found->nrecords++;
		check(reply_is_sequence(&record->sequence));
		check(reply_time(&record->arrival) >= -1);
		(void) reply_text(&record->partition_key, &len);
		(void) reply_is_base64(&record->data);
		check(reply_data_len(&record->data) <= record->data.len);
	}
}

static void
take_apart(KinesisReply *reply, const uint8 *data, size_t size, uint32 state, Found *found)
{
	size_t		at = 0;
	bool		last;

	memset(found, 0, sizeof(Found));
	kinesis_reply_begin(reply);
	do
	{
		size_t		room;
		char	   *to = kinesis_reply_room(reply, &room);
		size_t		n;

		check(to != NULL && room > 0);
		n = Min(room, size - at);
		if (state != 0)
		{
			state = state * 1103515245 + 12345;
			n = Min(n, (state >> 16) % 50);
		}
		memcpy(to, data + at, n);
		at += n;
		last = at == size;
		found->sound = kinesis_reply_take(reply, n, last);
		if (!found->sound)
			break;
		note_records(found, reply);
	} while (!last);
	found->data_len = reply->data_len;
	found->behind = reply->behind;
	if (reply->next_iterator != NULL)
		strncpy(found->iterator, reply->next_iterator, sizeof(found->iterator) - 1);
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static KinesisReply whole;
	static KinesisReply pieces;
	static Found a;
	static Found b;

	/* so small that they grow */
	if (whole.buffer == NULL)
	{
		kinesis_reply_init(&whole, 64);
		kinesis_reply_init(&pieces, 64);
	}
	if (size < 1)
		return 0;
	take_apart(&whole, data + 1, size - 1, 0, &a);
	take_apart(&pieces, data + 1, size - 1, data[0] + 1, &b);
	check(a.sound == b.sound);
	check(!a.sound || memcmp(&a, &b, sizeof(Found)) == 0);
	return 0;
}
