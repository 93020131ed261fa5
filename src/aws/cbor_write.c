/*-------------------------------------------------------------------------
 *
 * cbor_write.c
 *	  Items of CBOR: writing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/cbor.h"
#include "port/pg_bswap.h"

#define FIRST_BYTE(major, low) ((char) ((major) << 5 | (low)))

/* Not always the shortest form, which nobody requires. */
static void
add_head(StringInfo to, CborMajor major, uint32 value)
{
	uint32		ordered = pg_hton32(value);

	if (value < CBOR_VALUE_IN_1_BYTE)
		appendStringInfoChar(to, FIRST_BYTE(major, value));
	else
	{
		appendStringInfoChar(to, FIRST_BYTE(major, CBOR_VALUE_IN_4_BYTES));
		appendBinaryStringInfo(to, (char *) &ordered, sizeof(ordered));
	}
}

void
cbor_add_map(StringInfo to, int pairs)
{
	add_head(to, CBOR_MAP, pairs);
}

void
cbor_add_text(StringInfo to, const char *text)
{
	int			len = strlen(text);

	add_head(to, CBOR_TEXT, len);
	appendBinaryStringInfo(to, text, len);
}
