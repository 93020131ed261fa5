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

/* Items may be nested as deep as this. */
#define MAX_DEPTH 64

bool
cbor_is_map(const char *bytes, size_t len)
{
	return len > 0 && (unsigned char) bytes[0] >> 5 == CBOR_MAP;
}

/* Of what is left in a container. */
typedef struct Level
{
	uint64		items;
	bool		indefinite;
} Level;

/* Is the container, which may be a string in pieces, at its end? */
static bool
level_ends(const char **at, const char *end, const Level *level)
{
	if (!level->indefinite)
		return level->items == 0;
	if (*at == end || (unsigned char) **at != CBOR_BREAK)
		return false;
	(*at)++;
	return true;
}

/*
 * Behind a head, moves to what follows its item, or into it: then fills in its
 * level and gives out 1.  -1 if it is not all there.
 */
static int
enter_item(const char **at, const char *end, const CborHead *head, Level *level)
{
	bool		is_string = head->major == CBOR_BYTES || head->major == CBOR_TEXT;

	level->indefinite = head->indefinite;
	level->items = head->value;
	if (is_string && !head->indefinite)
	{
		if (head->value > (uint64) (end - *at))
			return -1;
		*at += head->value;
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

const char *
cbor_skip(const char *at, const char *end)
{
	Level		levels[MAX_DEPTH];
	int			depth = 0;

	levels[0] = (Level) {1, false};
	for (;;)
	{
		CborHead	head;
		int			entered;

		while (level_ends(&at, end, &levels[depth]))
			if (depth-- == 0)
				return at;
		levels[depth].items--;
		if (depth == MAX_DEPTH - 1 || (at = cbor_head(at, end, &head)) == NULL)
			return NULL;
		entered = enter_item(&at, end, &head, &levels[depth + 1]);
		if (entered < 0)
			return NULL;
		depth += entered;
	}
}

/* The pieces of a string, one after the other; false if it is not all there. */
static bool
copy_pieces(const char *at, const char *end, char *to, size_t *len)
{
	const char *behind;
	const char *bytes;
	size_t		n;

	*len = 0;
	while ((behind = cbor_string(at, end, &bytes, &n)) != NULL)
	{
		if (to != NULL)
			memcpy(to + *len, bytes, n);
		*len += n;
		at = behind;
	}
	return at < end && (unsigned char) *at == CBOR_BREAK;
}

char *
cbor_string_copy(const char *at, const char *end, size_t *len)
{
	CborHead	head;
	const char *bytes;
	char	   *copy;

	if (cbor_string(at, end, &bytes, len) != NULL)
		return memcpy(palloc(*len + 1), bytes, *len);
	at = cbor_head(at, end, &head);
	if (at == NULL || !head.indefinite ||
		(head.major != CBOR_BYTES && head.major != CBOR_TEXT) ||
		!copy_pieces(at, end, NULL, len))
		return NULL;
	copy = palloc(*len + 1);
	(void) copy_pieces(at, end, copy, len);
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
cbor_number(const char *at, const char *end, double *number)
{
	CborHead	head;
	uint32		bits;
	float		single;

	if (cbor_untagged(at, end, &head) == NULL)
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
