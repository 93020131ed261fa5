/*-------------------------------------------------------------------------
 *
 * cbor.c
 *	  Items of CBOR: reading.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "aws/cbor.h"
#include "port/pg_bswap.h"

/* Items may be nested as deep as this. */
#define MAX_DEPTH 64

bool
cbor_is_map(const char *bytes, size_t len)
{
	return len > 0 && (unsigned char) bytes[0] >> 5 == CBOR_MAP;
}

bool
cbor_long_value(CborCursor *cursor, CborHead *head)
{
	const char *from = cursor->next + 1;
	uint16		two;
	uint32		four;

	if (head->value > CBOR_VALUE_IN_8_BYTES)
	{
		head->indefinite = head->value == CBOR_INDEFINITE &&
			head->major >= CBOR_BYTES && head->major <= CBOR_MAP;
		cursor->next++;
		return head->indefinite;
	}
	head->size = 1 << (head->value - CBOR_VALUE_IN_1_BYTE);
	if (cursor->end - from < head->size)
		return false;
	switch (head->size)
	{
		case 1:
			head->value = (unsigned char) *from;
			break;
		case 2:
			memcpy(&two, from, sizeof(two));
			head->value = pg_ntoh16(two);
			break;
		case 4:
			memcpy(&four, from, sizeof(four));
			head->value = pg_ntoh32(four);
			break;
		default:
			memcpy(&head->value, from, sizeof(head->value));
			head->value = pg_ntoh64(head->value);
	}
	cursor->next = from + head->size;
	return true;
}

bool
cbor_untagged(CborCursor *cursor, CborHead *head)
{
	CborCursor	behind = *cursor;

	while (cbor_head(&behind, head))
	{
		if (head->major != CBOR_TAG)
			return true;
		cursor->next = behind.next;
	}
	return false;
}

/* Of what is left in a container. */
typedef struct Level
{
	uint64		items;
	bool		indefinite;
} Level;

/* Is the container, which may be a string in pieces, at its end? */
static bool
level_ends(CborCursor *cursor, const Level *level)
{
	if (!level->indefinite)
		return level->items == 0;
	if (cursor->next == cursor->end || (unsigned char) *cursor->next != CBOR_BREAK)
		return false;
	cursor->next++;
	return true;
}

/*
 * Behind a head, moves to what follows its item, or into it: then fills in its
 * level and gives out 1.  -1 if it is not all there.
 */
static int
enter_item(CborCursor *cursor, const CborHead *head, Level *level)
{
	bool		is_string = head->major == CBOR_BYTES || head->major == CBOR_TEXT;

	level->indefinite = head->indefinite;
	level->items = head->value;
	if (is_string && !head->indefinite)
	{
		if (head->value > (uint64) (cursor->end - cursor->next))
			return -1;
		cursor->next += head->value;
		return 0;
	}
	if (head->major == CBOR_TAG)
		level->items = 1;
	else if (head->major == CBOR_MAP && !head->indefinite)
	{
		if (head->value > PG_UINT64_MAX / 2)
			return -1;
		level->items = 2 * head->value;
	}
	else if (!is_string && head->major != CBOR_ARRAY && head->major != CBOR_MAP)
		return 0;
	return 1;
}

bool
cbor_skip(CborCursor *cursor)
{
	Level		levels[MAX_DEPTH];
	int			depth = 0;

	levels[0] = (Level) {1, false};
	for (;;)
	{
		CborHead	head;
		int			entered;

		while (level_ends(cursor, &levels[depth]))
			if (depth-- == 0)
				return true;
		levels[depth].items--;
		if (depth == MAX_DEPTH - 1 || !cbor_head(cursor, &head))
			return false;
		entered = enter_item(cursor, &head, &levels[depth + 1]);
		if (entered < 0)
			return false;
		depth += entered;
	}
}

/* The pieces of a string, one after the other; false if it is not all there. */
static bool
copy_pieces(CborCursor cursor, char *to, size_t *len)
{
	const char *bytes;
	size_t		n;

	*len = 0;
	while (cbor_string(&cursor, &bytes, &n))
	{
		if (to != NULL)
			memcpy(to + *len, bytes, n);
		*len += n;
	}
	return cursor.next < cursor.end && (unsigned char) *cursor.next == CBOR_BREAK;
}

char *
cbor_string_copy(CborCursor cursor, size_t *len)
{
	CborCursor	whole = cursor;
	CborHead	head;
	const char *bytes;
	char	   *copy;

	if (cbor_string(&whole, &bytes, len))
		return memcpy(palloc(*len + 1), bytes, *len);
	if (!cbor_head(&cursor, &head) || !head.indefinite ||
		(head.major != CBOR_BYTES && head.major != CBOR_TEXT) ||
		!copy_pieces(cursor, NULL, len))
		return NULL;
	copy = palloc(*len + 1);
	(void) copy_pieces(cursor, copy, len);
	return copy;
}

/* RFC 8949, appendix D: a number of sixteen bits, which C does not know. */
static double
half_precision(uint64 bits)
{
	int			exponent = bits >> 10 & 0x1F;
	double		mantissa = bits & 0x3FF;
	double		number;

	if (exponent == 31)
		return NAN;
	number = exponent == 0 ? ldexp(mantissa, -24) : ldexp(mantissa + 1024, exponent - 25);
	return bits & 0x8000 ? -number : number;
}

bool
cbor_number(CborCursor *cursor, double *number)
{
	CborHead	head;
	uint32		bits;
	float		single;

	if (!cbor_untagged(cursor, &head) || !cbor_head(cursor, &head))
		return false;
	if (head.major == CBOR_UNSIGNED)
		*number = head.value;
	else if (head.major == CBOR_NEGATIVE)
		*number = -1.0 - head.value;
	else if (head.major != CBOR_SIMPLE || head.size < 2)
		return false;
	else if (head.size == 2)
		*number = half_precision(head.value);
	else if (head.size == 4)
	{
		bits = head.value;
		memcpy(&single, &bits, sizeof(single));
		*number = single;
	}
	else
		memcpy(number, &head.value, sizeof(double));
	return true;
}
