/*-------------------------------------------------------------------------
 *
 * kpl.c
 *	  libFuzzer target "kpl": any bytes as the message of an aggregated record.
 *
 * The digest is made for them, or nothing would come through.  Each record must
 * lie in the bytes, and there are no more than these could hold.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/kinesis/kpl.h"

#undef fprintf					/* the server has its own, which is not here */

#define MAGIC_LEN 4
#define DIGEST_LEN 16

#define check(truth) \
	do { \
		if (!(truth)) \
		{ \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #truth); \
			abort(); \
		} \
	} while (0)

static bool
lies_in(const char *text, size_t len, const char *bytes, size_t size)
{
	return text >= bytes && text <= bytes + size && len <= bytes + size - text;
}

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static KplAggregate aggregate;
	static bool ready = false;
	char	   *bytes = malloc(MAGIC_LEN + size + DIGEST_LEN);
	size_t		len = MAGIC_LEN + size + DIGEST_LEN;
	size_t		nrecords = 0;
	KplRecord	record;

	if (!ready)
		kpl_init(&aggregate);
	ready = true;
	memcpy(bytes, "\xF3\x89\x9A\xC2", MAGIC_LEN);
	memcpy(bytes + MAGIC_LEN, data, size);
	md5_digest(bytes + MAGIC_LEN, size, (uint8 *) bytes + MAGIC_LEN + size);
	if (kpl_begin(&aggregate, bytes, len))
	{
		while (kpl_next(&aggregate, &record))
		{
			check(lies_in(record.data, record.len, bytes, len));
			check(lies_in(record.partition_key->text, record.partition_key->len, bytes, len));
			(void) kpl_hash_key(&record);
			nrecords++;
		}
		check(nrecords * 2 <= size);
		check((size_t) aggregate.partition_keys.nkeys + aggregate.hash_keys.nkeys <= size / 2);
	}
	free(bytes);
	return 0;
}
