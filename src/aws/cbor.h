/*-------------------------------------------------------------------------
 *
 * cbor.h
 *	  CBOR, the binary encoding that some services of AWS speak beside JSON.
 *
 * RFC 8949.  Items are read in place, from bytes that may end anywhere.  Functions
 * that read the item at "at" return where the next one begins; NULL if it is not
 * such an item, is not sound, or is not all there, which look the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CBOR_H
#define PINTEREST_CBOR_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "port/pg_bswap.h"

/* RFC 8949, section 3.1: the major types */
typedef enum CborMajor
{
	CBOR_UNSIGNED,
	CBOR_NEGATIVE,
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_TAG,
	CBOR_SIMPLE					/* and floating-point numbers */
} CborMajor;

/* Section 3: what the low five bits of an item's first byte say, if not a value */
#define CBOR_VALUE_IN_1_BYTE 24
#define CBOR_VALUE_IN_4_BYTES 26
#define CBOR_VALUE_IN_8_BYTES 27
#define CBOR_INDEFINITE 31

/* The byte that ends an array, map or string of indefinite length */
#define CBOR_BREAK 0xFF

/* What an item begins with. */
typedef struct CborHead
{
	CborMajor	major;
	bool		indefinite;		/* of strings, arrays, maps */
	int			size;			/* bytes that the value took behind the first */
	uint64		value;			/* a number, or its bits; a length in bytes,
								 * items or pairs; a tag */
} CborHead;

/* Does this begin a map, and so neither JSON, nor XML, nor HTML? */
extern bool cbor_is_map(const char *bytes, size_t len);

/* A number of so many bytes, the highest first. */
static inline uint64
cbor_bits(const char *at, const char *end, int size)
{
	uint64		value = 0;

	if (likely(end - at >= (ptrdiff_t) sizeof(value)))
	{
		memcpy(&value, at, sizeof(value));
		return pg_ntoh64(value) >> (64 - 8 * size);
	}
	for (; size > 0; size--)
		value = value << 8 | (unsigned char) *at++;
	return value;
}

/*
 * Returns what is behind the head.  Inlined, like what calls it, so that what it
 * finds is kept in registers: an answer is millions of items.
 */
static pg_attribute_always_inline const char *
cbor_head(const char *at, const char *end, CborHead *head)
{
	unsigned char first;

	if (at >= end)
		return NULL;
	first = *at++;
	head->major = first >> 5;
	head->indefinite = false;
	head->size = 0;
	head->value = first & 0x1F;
	if (head->value < CBOR_VALUE_IN_1_BYTE)
		return at;
	if (head->value > CBOR_VALUE_IN_8_BYTES)
	{
		head->indefinite = head->value == CBOR_INDEFINITE &&
			head->major >= CBOR_BYTES && head->major <= CBOR_MAP;
		return head->indefinite ? at : NULL;
	}
	head->size = 1 << (head->value - CBOR_VALUE_IN_1_BYTE);
	if (end - at < head->size)
		return NULL;
	head->value = cbor_bits(at, end, head->size);
	return at + head->size;
}

/* Returns the first item that is not a tag, whose head this is. */
static pg_attribute_always_inline const char *
cbor_untagged(const char *at, const char *end, CborHead *head)
{
	const char *behind;

	while ((behind = cbor_head(at, end, head)) != NULL && head->major == CBOR_TAG)
		at = behind;
	return behind == NULL ? NULL : at;
}

/* Any item, with all that is in it. */
extern const char *cbor_skip(const char *at, const char *end);

/*
 * The bytes of a string of text or bytes.  Fails for other items, and for strings
 * of indefinite length, which are not in one piece.
 */
static pg_attribute_always_inline const char *
cbor_string(const char *at, const char *end, const char **bytes, size_t *len)
{
	CborHead	head;

	at = cbor_head(at, end, &head);
	if (at == NULL || head.indefinite ||
		(head.major != CBOR_BYTES && head.major != CBOR_TEXT) ||
		head.value > (uint64) (end - at))
		return NULL;
	*bytes = at;
	*len = head.value;
	return at + head.value;
}

/*
 * A copy of them in the current memory context, in one piece; NULL if it is no
 * string.
 */
extern char *cbor_string_copy(const char *at, const char *end, size_t *len);

/* A number of any kind, whether tagged or not; false if it is none. */
extern bool cbor_number(const char *at, const char *end, double *number);

/* Maps of so many texts, name after value. */
extern void cbor_add_map(StringInfo to, int pairs);
extern void cbor_add_text(StringInfo to, const char *text);

#endif							/* PINTEREST_CBOR_H */
