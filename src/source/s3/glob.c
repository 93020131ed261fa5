/*-------------------------------------------------------------------------
 *
 * glob.c
 *	  Patterns with wildcards.
 *
 * Matching is byte by byte and never backtracks: all ways through the pattern
 * are followed at once, as a set of places in it.  The time is bounded by the
 * text's length times the pattern's, whatever the wildcards.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/glob.h"

/* The two wildcards are bytes that a pattern cannot hold. */
#define ANY_IN_ELEMENT '\001'
#define ANY '\002'

char *
glob_compile(const char *pattern, bool below)
{
	char	   *glob = palloc(strlen(pattern) + 2);
	char	   *out = glob;

	while (*pattern != '\0')
	{
		size_t		stars = strspn(pattern, "*");

		if (stars == 0)
			*out++ = *pattern++;
		else
			*out++ = stars == 1 ? ANY_IN_ELEMENT : ANY;
		pattern += stars;
	}
	if (below)
		*out++ = ANY;
	*out = '\0';
	return glob;
}

/*
 * The places in a pattern that some way of reading the text so far has led
 * to, ascending.  A place is an index into the glob: the next thing to match.
 */
typedef struct Places
{
	int			count;
	uint16		place[GLOB_MAX_PATTERN + 2];
} Places;

/*
 * Adds a place, and the one behind it if the place is a wildcard, which may
 * stand for nothing.  Wildcards are never neighbours, and places are offered
 * in ascending order: a place not above the last one is there already.
 */
static void
add_place(Places *places, const char *glob, size_t place)
{
	if (places->count == 0 || places->place[places->count - 1] < place)
		places->place[places->count++] = (uint16) place;
	if (glob[place] == ANY || glob[place] == ANY_IN_ELEMENT)
	{
		place++;
		if (places->place[places->count - 1] < place)
			places->place[places->count++] = (uint16) place;
	}
}

bool
glob_matches(const char *glob, const char *text, bool partly)
{
	Places		sets[2];
	Places	   *now = &sets[0];
	Places	   *next = &sets[1];

	/* "everything below", the commonest glob, needs no look at the text */
	if (glob[0] == ANY && glob[1] == '\0')
		return true;

	now->count = 0;
	add_place(now, glob, 0);
	for (; *text && now->count > 0; text++)
	{
		Places	   *used = now;

		next->count = 0;
		for (int i = 0; i < now->count; i++)
		{
			size_t		place = now->place[i];
			char		wanted = glob[place];

			if (wanted == ANY || (wanted == ANY_IN_ELEMENT && *text != '/'))
				add_place(next, glob, place);
			else if (wanted == *text && wanted != ANY_IN_ELEMENT)
				add_place(next, glob, place + 1);
		}
		now = next;
		next = used;
	}
	if (now->count == 0)
		return false;
	if (partly)
		return glob[now->place[0]] != '\0';
	return glob[now->place[now->count - 1]] == '\0';
}
