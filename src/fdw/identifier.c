/*-------------------------------------------------------------------------
 *
 * identifier.c
 *	  Identifiers for names that come from outside: see identifier.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/identifier.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/scansup.h"

bool
identifier_listed(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	return false;
}

/* The identifier one gets who types the name without quotes. */
static char *
fold(const char *name)
{
	return downcase_identifier(name, strlen(name), false, false);
}

char *
identifier_distinct(const char *name, List *taken)
{
	char	   *made = pnstrdup(name, pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1));

	for (int number = 2; identifier_listed(taken, made); number++)
	{
		char	   *suffix = psprintf("_%d", number);
		int			room = NAMEDATALEN - 1 - strlen(suffix);

		made = psprintf("%.*s%s", pg_mbcliplen(name, strlen(name), room), name, suffix);
	}
	return made;
}

List *
identifiers_of(List *names, List *as_they_are, List *taken)
{
	List	   *folded = NIL;
	List	   *identifiers = NIL;
	ListCell   *lc;
	List	   *used = list_copy(taken);
	int			i = 0;

	foreach(lc, names)
		folded = lappend(folded, fold(lfirst(lc)));
	foreach(lc, names)
	{
		char	   *name = lfirst(lc);
		char	   *identifier = list_nth(folded, i);
		int			others = -1;
		ListCell   *other;

		CHECK_FOR_INTERRUPTS();
		foreach(other, folded)
			others += strcmp(lfirst(other), identifier) == 0;
		if (others > 0 || identifier_listed(as_they_are, name))
			identifier = name;
		identifier = identifier_distinct(*identifier == '\0' ? "_" : identifier, used);
		used = lappend(used, identifier);
		identifiers = lappend(identifiers, identifier);
		i++;
	}
	return identifiers;
}
