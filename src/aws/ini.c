/*-------------------------------------------------------------------------
 *
 * ini.c
 *	  The configuration files of the AWS tools.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/ini.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cuts blanks off both ends, in place. */
static char *
trim(char *text)
{
	size_t		len;

	while (is_blank(*text))
		text++;
	len = strlen(text);
	while (len > 0 && (is_blank(text[len - 1]) || text[len - 1] == '\r'))
		text[--len] = '\0';
	return text;
}

static void
cut_comment(char *line)
{
	for (char *c = line; *c != '\0'; c++)
		if ((*c == '#' || *c == ';') && (c == line || is_blank(c[-1])))
		{
			*c = '\0';
			return;
		}
}

/* "profile   x" is "profile x". */
static char *
one_blank(char *text)
{
	char	   *to = text;

	for (char *from = text; *from != '\0'; from++)
		if (!is_blank(*from))
			*to++ = *from;
		else if (to[-1] != ' ')
			*to++ = ' ';
	*to = '\0';
	return text;
}

static List *
add_entry(List *entries, const char *section, const char *name, const char *value)
{
	IniEntry   *entry = palloc(sizeof(IniEntry));

	entry->section = section;
	entry->name = name;
	entry->value = value;
	return lappend(entries, entry);
}

List *
ini_parse(char *text)
{
	List	   *entries = NIL;
	const char *section = NULL;
	char	   *line;
	char	   *rest = text;

	while ((line = strsep(&rest, "\n")) != NULL)
	{
		bool		indented = is_blank(*line);
		char	   *end;

		cut_comment(line);
		line = trim(line);
		if (*line == '[')
		{
			end = strchr(line, ']');
			section = NULL;
			if (end == NULL)
				continue;
			*end = '\0';
			section = one_blank(trim(line + 1));
			entries = add_entry(entries, section, NULL, NULL);
			continue;
		}
		end = strchr(line, '=');
		if (indented || end == NULL || section == NULL)
			continue;
		*end = '\0';
		line = trim(line);
		for (char *c = line; *c != '\0'; c++)
			*c = pg_ascii_tolower((unsigned char) *c);
		entries = add_entry(entries, section, line, trim(end + 1));
	}
	return entries;
}

const char *
ini_value(List *entries, const char *section, const char *name)
{
	const char *value = NULL;
	ListCell   *lc;

	foreach(lc, entries)
	{
		IniEntry   *entry = lfirst(lc);

		if (entry->name != NULL && strcmp(entry->section, section) == 0 &&
			strcmp(entry->name, name) == 0)
			value = entry->value;
	}
	return value;
}

bool
ini_has_section(List *entries, const char *section)
{
	ListCell   *lc;

	foreach(lc, entries)
		if (strcmp(((IniEntry *) lfirst(lc))->section, section) == 0)
			return true;
	return false;
}
