/*-------------------------------------------------------------------------
 *
 * hash_key.h
 *	  The hash keys of Kinesis: integers of 128 bits.
 *
 * A shard takes the records whose hash key lies in its range.  That is the
 * record's explicit hash key, or else the MD5 of its partition key as a number,
 * most significant byte first (Kinesis API, PutRecord).
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_HASH_KEY_H
#define PINTEREST_HASH_KEY_H

#include "postgres.h"

typedef struct HashKey
{
	uint64		high;
	uint64		low;
} HashKey;

/* From decimal digits; false if they are none, or too many. */
extern bool hash_key_parse(const char *text, size_t len, HashKey *key);

/* In decimal digits, in the current memory context. */
extern char *hash_key_text(HashKey key);

/* Of a partition key, which is UTF-8. */
extern HashKey hash_key_of(const char *partition_key, size_t len);

/* Is it the first key of all?  The last? */
extern bool hash_key_is_first(const HashKey *key);
extern bool hash_key_is_last(const HashKey *key);

/* < 0, 0, > 0 */
extern int	hash_key_compare(const HashKey *a, const HashKey *b);

/* Does b come directly behind a? */
extern bool hash_key_follows(const HashKey *a, const HashKey *b);

/* The MD5 digest; raises an error where the server's library refuses it. */
extern void md5_digest(const char *data, size_t len, uint8 digest[16]);

#endif							/* PINTEREST_HASH_KEY_H */
