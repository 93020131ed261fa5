/*-------------------------------------------------------------------------
 *
 * date.c
 *	  Times as web services write them.
 *
 * PostgreSQL's own timestamp input is not used: it takes far more than these
 * formats, raises errors, and reads according to settings of the session.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "net/date.h"
#include "utils/datetime.h"

/* Exactly n digits at *at, which moves on; false if there are fewer. */
static bool
take_digits(const char **at, int n, int *value)
{
	*value = 0;
	for (; n > 0; n--, (*at)++)
	{
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (**at - '0');
	}
	return true;
}

static bool
take(const char **at, const char *literal)
{
	size_t		len = strlen(literal);

	if (strncmp(*at, literal, len) != 0)
		return false;
	*at += len;
	return true;
}

/* The position of a three-letter name in a list of them, or -1. */
static int
take_name(const char **at, const char *names)
{
	int			i;

	for (i = 0; names[i * 3] != '\0'; i++)
		if (strncmp(*at, names + i * 3, 3) == 0)
		{
			*at += 3;
			return i;
		}
	return -1;
}

static bool
valid_day(int year, int month, int day)
{
	return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
		day <= day_tab[isleap(year)][month - 1];
}

/* A leap second counts as the first second of the next minute. */
static bool
valid_time(int hour, int minute, int second)
{
	return hour < 24 && minute < 60 && second <= 60;
}

bool
http_date_parse(const char *text, int64 *seconds)
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;

	if (take_name(&text, "MonTueWedThuFriSatSun") < 0 ||
		!take(&text, ", ") || !take_digits(&text, 2, &day) ||
		!take(&text, " "))
		return false;
	month = take_name(&text, "JanFebMarAprMayJunJulAugSepOctNovDec") + 1;
	if (!take(&text, " ") || !take_digits(&text, 4, &year) ||
		!take(&text, " ") || !take_digits(&text, 2, &hour) ||
		!take(&text, ":") || !take_digits(&text, 2, &minute) ||
		!take(&text, ":") || !take_digits(&text, 2, &second) ||
		strcmp(text, " GMT") != 0)
		return false;
	if (!valid_day(year, month, day) || !valid_time(hour, minute, second))
		return false;

	*seconds = (int64) (date2j(year, month, day) - UNIX_EPOCH_JDATE) * SECS_PER_DAY +
		hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second;
	return true;
}

/* ".123456789": microseconds into *usec. */
static bool
take_fraction(const char **at, int *usec)
{
	int			digits = 0;

	*usec = 0;
	if (!take(at, "."))
		return true;
	for (; **at >= '0' && **at <= '9'; (*at)++, digits++)
		if (digits < 6)
			*usec = *usec * 10 + (**at - '0');
	if (digits == 0)
		return false;
	for (; digits < 6; digits++)
		*usec *= 10;
	return true;
}

/* "Z" or "+hh:mm": seconds east of Greenwich into *offset. */
static bool
take_zone(const char **at, int *offset)
{
	int			sign = **at == '-' ? -1 : 1;
	int			hour;
	int			minute;

	*offset = 0;
	if (take(at, "Z"))
		return true;
	if (!take(at, "+") && !take(at, "-"))
		return false;
	if (!take_digits(at, 2, &hour) || !take(at, ":") ||
		!take_digits(at, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*offset = sign * (hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE);
	return true;
}

bool
iso_date_parse(const char *text, TimestampTz *result)
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			usec;
	int			offset;
	int64		seconds;

	if (!take_digits(&text, 4, &year) || !take(&text, "-") ||
		!take_digits(&text, 2, &month) || !take(&text, "-") ||
		!take_digits(&text, 2, &day) || !take(&text, "T") ||
		!take_digits(&text, 2, &hour) || !take(&text, ":") ||
		!take_digits(&text, 2, &minute) || !take(&text, ":") ||
		!take_digits(&text, 2, &second) || !take_fraction(&text, &usec) ||
		!take_zone(&text, &offset) || *text != '\0')
		return false;
	if (!valid_day(year, month, day) || !valid_time(hour, minute, second))
		return false;

	seconds = (int64) (date2j(year, month, day) - POSTGRES_EPOCH_JDATE) * SECS_PER_DAY +
		hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second - offset;
	*result = seconds * USECS_PER_SEC + usec;
	return true;
}
