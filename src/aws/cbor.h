/*-------------------------------------------------------------------------
 *
 * cbor.h
 *	  CBOR, the binary encoding that some services of AWS speak beside JSON.
 *
 * RFC 8949.  Items are read in place, from bytes that may end anywhere: an item
 * that is not all there and one that is not sound look the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CBOR_H
#define PINTEREST_CBOR_H

#include "postgres.h"

#include "lib/stringinfo.h"

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

typedef struct CborCursor
{
	const char *next;
	const char *end;
} CborCursor;

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

/* The rest of cbor_head, where the value is not in the first byte. */
extern bool cbor_long_value(CborCursor *cursor, CborHead *head);

/* Moves behind the head. */
static inline bool
cbor_head(CborCursor *cursor, CborHead *head)
{
	unsigned char first;

	if (cursor->next >= cursor->end)
		return false;
	first = *cursor->next;
	head->major = first >> 5;
	head->indefinite = false;
	head->size = 0;
	head->value = first & 0x1F;
	if (head->value >= CBOR_VALUE_IN_1_BYTE)
		return cbor_long_value(cursor, head);
	cursor->next++;
	return true;
}

/*
 * The same, without moving, for the first item that is not a tag, which the
 * cursor moves to.
 */
extern bool cbor_untagged(CborCursor *cursor, CborHead *head);

/* Moves behind a whole item. */
extern bool cbor_skip(CborCursor *cursor);

/*
 * The bytes of a string of text or bytes, behind which the cursor moves.  Fails
 * for other items, and for strings of indefinite length, which are not in one piece.
 */
static inline bool
cbor_string(CborCursor *cursor, const char **bytes, size_t *len)
{
	CborCursor	behind = *cursor;
	CborHead	head;

	if (!cbor_head(&behind, &head) || head.indefinite ||
		(head.major != CBOR_BYTES && head.major != CBOR_TEXT) ||
		head.value > (uint64) (behind.end - behind.next))
		return false;
	*bytes = behind.next;
	*len = head.value;
	cursor->next = behind.next + head.value;
	return true;
}

/*
 * A copy of them in the current memory context, in one piece; NULL if it is no
 * string.
 */
extern char *cbor_string_copy(CborCursor cursor, size_t *len);

/* A number of any kind, whether tagged or not. */
extern bool cbor_number(CborCursor *cursor, double *number);

/* Maps of so many texts, name after value. */
extern void cbor_add_map(StringInfo to, int pairs);
extern void cbor_add_text(StringInfo to, const char *text);

#endif							/* PINTEREST_CBOR_H */
