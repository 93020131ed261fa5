/*-------------------------------------------------------------------------
 *
 * hash_key.c
 *	  The hash keys of Kinesis: integers of 128 bits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "aws/hash_key.h"

/* key = 10 * key + digit; false if that is too much. */
static bool
append_digit(HashKey *key, int digit)
{
	uint32		parts[4] = {
		(uint32) key->low, (uint32) (key->low >> 32),
		(uint32) key->high, (uint32) (key->high >> 32)
	};
	uint64		carry = digit;

	for (int i = 0; i < 4; i++)
	{
		carry += (uint64) parts[i] * 10;
		parts[i] = (uint32) carry;
		carry >>= 32;
	}
	key->low = parts[0] | (uint64) parts[1] << 32;
	key->high = parts[2] | (uint64) parts[3] << 32;
	return carry == 0;
}

bool
hash_key_parse(const char *text, size_t len, HashKey *key)
{
	memset(key, 0, sizeof(HashKey));
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9' || !append_digit(key, text[i] - '0'))
			return false;
	return len > 0;
}

char *
hash_key_text(HashKey key)
{
	uint32		parts[4] = {
		(uint32) (key.high >> 32), (uint32) key.high,
		(uint32) (key.low >> 32), (uint32) key.low
	};
	char		digits[40];		/* 2^128 has 39 */
	char	   *first = digits + lengthof(digits);
	uint32		left;

	*--first = '\0';
	do
	{
		uint64		remainder = 0;

		left = 0;
		for (int i = 0; i < 4; i++)
		{
			remainder = remainder << 32 | parts[i];
			parts[i] = (uint32) (remainder / 10);
			remainder %= 10;
			left |= parts[i];
		}
		*--first = '0' + (char) remainder;
	} while (left != 0);
	return pstrdup(first);
}

bool
hash_key_is_first(const HashKey *key)
{
	return key->high == 0 && key->low == 0;
}

bool
hash_key_is_last(const HashKey *key)
{
	return key->high == PG_UINT64_MAX && key->low == PG_UINT64_MAX;
}

int
hash_key_compare(const HashKey *a, const HashKey *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low == b->low ? 0 : a->low < b->low ? -1 : 1;
}

bool
hash_key_follows(const HashKey *a, const HashKey *b)
{
	return !hash_key_is_last(a) && b->low == a->low + 1 &&
		b->high == a->high + (b->low == 0);
}

/* All that MD5 is used for is what other programs have hashed with it. */
void
md5_digest(const char *data, size_t len, uint8 digest[16])
{
	pg_cryptohash_ctx *md5 = pg_cryptohash_create(PG_MD5);
	bool		done = md5 != NULL && pg_cryptohash_init(md5) >= 0 &&
		pg_cryptohash_update(md5, (const uint8 *) data, len) >= 0 &&
		pg_cryptohash_final(md5, digest, 16) >= 0;

	pg_cryptohash_free(md5);
	if (!done)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not compute MD5 hash"),
				 errdetail("Records that producers have aggregated cannot be told apart without it.")));
}

HashKey
hash_key_of(const char *partition_key, size_t len)
{
	uint8		digest[16];
	HashKey		key = {0, 0};

	md5_digest(partition_key, len, digest);
	for (int i = 0; i < 8; i++)
	{
		key.high = key.high << 8 | digest[i];
		key.low = key.low << 8 | digest[i + 8];
	}
	return key;
}
