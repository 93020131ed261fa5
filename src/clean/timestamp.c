/*-------------------------------------------------------------------------
 *
 * timestamp.c
 *	  parse_timestamp: the four spellings of a time that the wire carries.
 *
 * Strict on purpose: a text that is not exactly one of the spellings, or that
 * names no moment of the calendar (30 February, 24:00:00), is NULL rather
 * than a guess.  PostgreSQL's own input function would read '08/09/2020' by
 * DateStyle, and raise an error on the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "clean/clean.h"
#include "pg_compat.h"

/*
 * Y, M, D, h, m and s each stand for one digit of that field; every other
 * character for itself.
 */
static const char *const spellings[] = {
	"YYYY-MM-DD hh:mm:ss",
	"YYYY-MM-DDThh:mm:ss",
	"YYYY:MM:DD hh:mm:ss",
	"MM/DD/YYYY, hh:mm:ss",
};

PG_FUNCTION_INFO_V1(pinterest_parse_timestamp);

/* The field a character of a spelling stands for; NULL if for itself. */
static int *
field_of(struct pg_tm *tm, char c)
{
	switch (c)
	{
		case 'Y':
			return &tm->tm_year;
		case 'M':
			return &tm->tm_mon;
		case 'D':
			return &tm->tm_mday;
		case 'h':
			return &tm->tm_hour;
		case 'm':
			return &tm->tm_min;
		case 's':
			return &tm->tm_sec;
		default:
			return NULL;
	}
}

/* Reads s, which is at least as long as the spelling. */
static bool
read_spelling(const char *s, const char *spelling, struct pg_tm *tm)
{
	memset(tm, 0, sizeof(*tm));

	for (; *spelling != '\0'; s++, spelling++)
	{
		int		   *field = field_of(tm, *spelling);

		if (field == NULL)
		{
			if (*s != *spelling)
				return false;
		}
		else
		{
			if (!is_digit(*s))
				return false;
			*field = *field * 10 + (*s - '0');
		}
	}
	return true;
}

/* Nothing, or a point and one to six digits: microseconds. */
static bool
read_fraction(const char *s, const char *end, fsec_t *fsec)
{
	int			unit = USECS_PER_SEC;

	*fsec = 0;
	if (s == end)
		return true;
	if (*s++ != '.' || s == end || end - s > MAX_TIMESTAMP_PRECISION)
		return false;
	for (; s < end; s++)
	{
		if (!is_digit(*s))
			return false;
		unit /= 10;
		*fsec += (*s - '0') * unit;
	}
	return true;
}

static bool
is_moment(struct pg_tm *tm)
{
	return ValidateDate(DTK_DATE_M, false, false, false, tm) == 0 &&
		tm->tm_hour < HOURS_PER_DAY &&
		tm->tm_min < MINS_PER_HOUR &&
		tm->tm_sec < SECS_PER_MINUTE;
}

Datum
pinterest_parse_timestamp(PG_FUNCTION_ARGS)
{
	text	   *arg = PG_GETARG_TEXT_PP(0);
	const char *s = VARDATA_ANY(arg);
	const char *end = s + VARSIZE_ANY_EXHDR(arg);

	for (size_t i = 0; i < lengthof(spellings); i++)
	{
		size_t		len = strlen(spellings[i]);
		struct pg_tm tm;
		fsec_t		fsec;
		Timestamp	result;

		if ((size_t) (end - s) < len ||
			!read_spelling(s, spellings[i], &tm) ||
			!read_fraction(s + len, end, &fsec))
			continue;
		if (is_moment(&tm) && tm2timestamp(&tm, fsec, NULL, &result) == 0)
			PG_RETURN_TIMESTAMP(result);
		break;
	}
	PG_RETURN_NULL();
}
