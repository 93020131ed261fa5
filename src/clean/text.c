/*-------------------------------------------------------------------------
 *
 * text.c
 *	  strip_save_location and null_if_missing: texts the emulator decorates or
 *	  uses to say "there was nothing".
 *
 * Text that needs no change is returned as it came, not copied.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "clean/clean.h"
#include "pg_compat.h"

#define SAVE_LOCATION_PREFIX	"Local save in "

/* What the records say where a value is missing. */
static const char *const missing_texts[] = {
	"No Title Data Available",
	"No description available Story format",
	"No description available",
	"User Info Error",
	"N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e",
	"Image src error.",
};

PG_FUNCTION_INFO_V1(pinterest_strip_save_location);
PG_FUNCTION_INFO_V1(pinterest_null_if_missing);

Datum
pinterest_strip_save_location(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	const char *s = VARDATA_ANY(arg);
	size_t		len = VARSIZE_ANY_EXHDR(arg);
	const size_t prefix_len = strlen(SAVE_LOCATION_PREFIX);

	if (len < prefix_len || memcmp(s, SAVE_LOCATION_PREFIX, prefix_len) != 0)
		PG_RETURN_TEXT_P(arg);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(s + prefix_len,
											  (int) (len - prefix_len)));
}

static bool
is_all_blank(const char *s, size_t len)
{
	const char *end = s + len;

	while (s < end && is_blank(*s))
		s++;
	return s == end;
}

static bool
is_missing(const char *s, size_t len)
{
	for (size_t i = 0; i < lengthof(missing_texts); i++)
	{
		if (strlen(missing_texts[i]) == len &&
			memcmp(s, missing_texts[i], len) == 0)
			return true;
	}
	return is_all_blank(s, len);
}

Datum
pinterest_null_if_missing(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);

	if (is_missing(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg)))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(arg);
}
