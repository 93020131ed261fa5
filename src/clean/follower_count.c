/*-------------------------------------------------------------------------
 *
 * follower_count.c
 *	  parse_follower_count: '831', '124k', '1.2M', '3B' to a number.
 *
 * A count is whole and never negative.  Digits behind the point are exact:
 * '1.2345k' would be half a follower, and is no count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"
#include "fmgr.h"

#include "clean/clean.h"
#include "pg_compat.h"

PG_FUNCTION_INFO_V1(pinterest_parse_follower_count);

/* The power of ten a unit stands for; 0 if it is none. */
static int
unit_power(char unit)
{
	switch (unit)
	{
		case 'k':
		case 'K':
			return 3;
		case 'm':
		case 'M':
			return 6;
		case 'b':
		case 'B':
			return 9;
		default:
			return 0;
	}
}

/* *value = *value * 10 + digit; false on overflow. */
static bool
append_digit(int64 *value, int digit)
{
	return !pg_mul_s64_overflow(*value, 10, value) &&
		!pg_add_s64_overflow(*value, digit, value);
}

/* Reads [s, end) times ten to the power; false if that is no whole number. */
static bool
parse_scaled(const char *s, const char *end, int power, int64 *value)
{
	*value = 0;

	if (s == end || !is_digit(*s))
		return false;
	for (; s < end && is_digit(*s); s++)
	{
		if (!append_digit(value, *s - '0'))
			return false;
	}

	if (s < end)
	{
		/* a point, and at least one digit behind it */
		if (*s++ != '.' || s == end)
			return false;
		for (; s < end; s++)
		{
			if (!is_digit(*s))
				return false;
			if (power > 0)
			{
				if (!append_digit(value, *s - '0'))
					return false;
				power--;
			}
			else if (*s != '0')
				return false;
		}
	}

	for (; power > 0; power--)
	{
		if (!append_digit(value, 0))
			return false;
	}
	return true;
}

Datum
pinterest_parse_follower_count(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	const char *s = VARDATA_ANY(arg);
	const char *end = s + VARSIZE_ANY_EXHDR(arg);
	int			power = 0;
	int64		count;

	while (s < end && is_blank(*s))
		s++;
	while (s < end && is_blank(end[-1]))
		end--;

	if (s < end && (power = unit_power(end[-1])) > 0)
		end--;

	if (!parse_scaled(s, end, power, &count))
		PG_RETURN_NULL();
	PG_RETURN_INT64(count);
}
