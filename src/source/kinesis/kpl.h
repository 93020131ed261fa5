/*-------------------------------------------------------------------------
 *
 * kpl.h
 *	  Records that a producer has put together in one: taking them apart.
 *
 * The format of the Kinesis Producer Library ("aggregation format" in its
 * repository): the bytes F3 89 9A C2, a Protocol Buffers message, its MD5.
 *
 *	  message AggregatedRecord {
 *		  repeated string partition_key_table = 1;
 *		  repeated string explicit_hash_key_table = 2;
 *		  repeated Record records = 3;
 *	  }
 *	  message Record {
 *		  required uint64 partition_key_index = 1;
 *		  optional uint64 explicit_hash_key_index = 2;
 *		  required bytes data = 3;
 *		  repeated Tag tags = 4;
 *	  }
 *
 * What does not fit that from the first byte to the last is no aggregate, but
 * a record like any other.  Nothing is unpacked ahead: whatever an aggregate
 * says, it takes no more memory than a small multiple of its own size.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KPL_H
#define PINTEREST_KPL_H

#include "postgres.h"

#include "aws/hash_key.h"

/* A key of one of the tables. */
typedef struct KplKey
{
	const char *text;
	uint32		len;
	bool		hashed;			/* hash is known */
	HashKey		hash;			/* where it leads */
} KplKey;

typedef struct KplTable
{
	KplKey	   *keys;
	uint32		nkeys;
	uint32		room;
} KplTable;

typedef struct KplAggregate
{
	MemoryContext context;
	KplTable	partition_keys;
	KplTable	hash_keys;
	const char *next;			/* the message from the next record on */
	const char *end;
} KplAggregate;

/* One of the records, pointing into the bytes. */
typedef struct KplRecord
{
	KplKey	   *partition_key;
	KplKey	   *hash_key;		/* NULL: none */
	const char *data;
	size_t		len;
} KplRecord;

/* Its tables live in the current memory context; they are used again. */
extern void kpl_init(KplAggregate *aggregate);

/* Could bytes that begin so be an aggregate?  Looks at four of them. */
extern bool kpl_may_be(const char *bytes, size_t len);

/* Takes the bytes apart, which stay as they are; false if they are no aggregate. */
extern bool kpl_begin(KplAggregate *aggregate, const char *bytes, size_t len);

/* The next record; false behind the last. */
extern bool kpl_next(KplAggregate *aggregate, KplRecord *record);

/* The hash key that decides which shard a record belongs to. */
extern HashKey kpl_hash_key(const KplRecord *record);

#endif							/* PINTEREST_KPL_H */
