/*-------------------------------------------------------------------------
 *
 * infer_type.c
 *	  What type takes the values that have been seen.
 *
 * Numbers are judged by their text.  1e3 is a whole number, but no text that
 * an integer takes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "json/infer_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/float.h"
#include "utils/fmgrprotos.h"

/* Integers up to here are doubles as well. */
#define MAX_DOUBLE_INTEGER (INT64CONST(1) << 53)

/* A number longer than this, or with a larger exponent, is left as text. */
#define MAX_NUMBER 1000
#define MAX_EXPONENT 1000

#define SEEN_NUMBER \
	(SEEN_INTEGER | SEEN_BIGINT | SEEN_LARGE | SEEN_DOUBLE | SEEN_NUMERIC)

/* Is the number the same after it has been a double? */
static bool
survives_double(const char *number, double value)
{
	Datum		before = DirectFunctionCall3(numeric_in, CStringGetDatum(number),
											 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	Datum		after = DirectFunctionCall3(numeric_in,
											CStringGetDatum(float8out_internal(value)),
											ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));

	return DatumGetBool(DirectFunctionCall2(numeric_eq, before, after));
}

static int
judge_integer(const char *number)
{
	int64		value;

	errno = 0;
	value = strtoll(number, NULL, 10);
	if (errno != 0)
		return SEEN_NUMERIC;
	if (value >= PG_INT32_MIN && value <= PG_INT32_MAX)
		return SEEN_INTEGER;
	if (value >= -MAX_DOUBLE_INTEGER && value <= MAX_DOUBLE_INTEGER)
		return SEEN_BIGINT;
	return SEEN_BIGINT | SEEN_LARGE;
}

int
json_seen_number(const char *start, size_t len)
{
	char	   *number;
	char	   *mark;
	long		exponent = 0;
	double		value;

	if (len > MAX_NUMBER)
		return SEEN_TEXT;
	number = pnstrdup(start, len);
	if (strpbrk(number, ".eE") == NULL)
		return judge_integer(number);
	mark = strpbrk(number, "eE");
	if (mark != NULL)
		exponent = strtol(mark + 1, NULL, 10);
	if (exponent < -MAX_EXPONENT || exponent > MAX_EXPONENT)
		return SEEN_TEXT;
	value = strtod(number, NULL);
	if (isinf(value) || !survives_double(number, value))
		return SEEN_NUMERIC;
	return SEEN_DOUBLE;
}

/* Takes count digits as a number; -1 if they are none. */
static int
take_digits(const char **at, const char *end, int count)
{
	int			number = 0;

	for (; count > 0; count--, (*at)++)
	{
		if (*at == end || **at < '0' || **at > '9')
			return -1;
		number = number * 10 + (**at - '0');
	}
	return number;
}

/* Takes a byte if it is there. */
static bool
take(const char **at, const char *end, char wanted)
{
	if (*at == end || **at != wanted)
		return false;
	(*at)++;
	return true;
}

static bool
take_date(const char **at, const char *end)
{
	int			year = take_digits(at, end, 4);
	int			month = take(at, end, '-') ? take_digits(at, end, 2) : -1;
	int			day = take(at, end, '-') ? take_digits(at, end, 2) : -1;

	return year >= 1 && month >= 1 && month <= MONTHS_PER_YEAR &&
		day >= 1 && day <= day_tab[isleap(year)][month - 1];
}

static bool
take_time(const char **at, const char *end)
{
	int			hour = take_digits(at, end, 2);
	int			minute = take(at, end, ':') ? take_digits(at, end, 2) : -1;

	if (hour < 0 || hour > 23 || minute < 0 || minute > 59)
		return false;
	if (take(at, end, ':'))
	{
		int			second = take_digits(at, end, 2);

		if (second < 0 || second > 59)
			return false;
		if (take(at, end, '.'))
		{
			if (take_digits(at, end, 1) < 0)
				return false;
			while (*at < end && **at >= '0' && **at <= '9')
				(*at)++;
		}
	}
	return true;
}

/* PostgreSQL knows zones up to 15:59 from UTC. */
static bool
take_zone(const char **at, const char *end)
{
	int			hour;
	int			minute = 0;

	if (take(at, end, 'Z'))
		return true;
	if (!take(at, end, '+') && !take(at, end, '-'))
		return false;
	hour = take_digits(at, end, 2);
	if (take(at, end, ':') || *at < end)
		minute = take_digits(at, end, 2);
	return hour >= 0 && hour <= 15 && minute >= 0 && minute <= 59;
}

int
json_seen_string(const char *start, const char *end)
{
	const char *at = start;

	/* long fractions are rounded, so they may be as long as they like */
	if (end - start <= MAXDATELEN &&
		take_date(&at, end) && take(&at, end, 'T') && take_time(&at, end) &&
		take_zone(&at, end) && at == end)
		return SEEN_TIMESTAMP;
	return SEEN_TEXT;
}

const char *
json_type_of(int seen)
{
	if (seen == SEEN_BOOLEAN)
		return "boolean";
	if (seen == SEEN_TIMESTAMP)
		return "timestamp with time zone";
	if (seen == SEEN_NESTED)
		return "pg_catalog.jsonb";
	if (seen == 0 || (seen & ~SEEN_NUMBER) != 0)
		return "pg_catalog.text";
	if ((seen & SEEN_NUMERIC) != 0 || ((seen & SEEN_DOUBLE) != 0 && (seen & SEEN_LARGE) != 0))
		return "numeric";
	if ((seen & SEEN_DOUBLE) != 0)
		return "double precision";
	return (seen & SEEN_BIGINT) != 0 ? "bigint" : "integer";
}
