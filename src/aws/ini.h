/*-------------------------------------------------------------------------
 *
 * ini.h
 *	  The configuration files of the AWS tools.
 *
 * "AWS SDKs and Tools Reference Guide, Format of the config file": sections
 * in brackets, NAME = VALUE, comments from "#" or ";" at the start of a line or
 * behind a blank, and indented lines, which are parts of a value we do not
 * use.  Lines that are none of these are left out, as the tools do.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_INI_H
#define PINTEREST_INI_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct IniEntry
{
	const char *section;		/* with blanks inside made one */
	const char *name;			/* lower case; NULL: the section's own entry */
	const char *value;
} IniEntry;

/* A list of IniEntry, palloc'd; text is taken apart in place. */
extern List *ini_parse(char *text);

/* The last value of that name, NULL for none. */
extern const char *ini_value(List *entries, const char *section, const char *name);

extern bool ini_has_section(List *entries, const char *section);

#endif							/* PINTEREST_INI_H */
