/*-------------------------------------------------------------------------
 *
 * option.h
 *	  The options of the foreign data wrappers: one table of rows.
 *
 * The validator, its hints, the getters, the function pinterest.options() and
 * through it docs/options.md all come from this table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_OPTION_H
#define PINTEREST_OPTION_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef enum OptionType
{
	OPTION_TEXT,
	OPTION_BOOLEAN,
	OPTION_INTEGER,				/* 1 to INT64_MAX */
	OPTION_NUMBER,				/* 32 bits; the source knows the range */
	OPTION_ENUM,
	OPTION_WORD					/* an enum whose case does not matter */
} OptionType;

typedef struct Option
{
	const char *wrappers;		/* names, with commas; NULL: all */
	Oid			catalog;		/* of the object that takes the option */
	const char *name;
	OptionType	type;
	bool		required;
	bool		secret;			/* never shown */
	const char *fallback;		/* value when not given, NULL for none */
	const char *const *values;	/* OPTION_ENUM, OPTION_WORD: NULL-terminated */
	const char *help;
} Option;

extern const Option option_table[];
extern const int option_count;

/* A name that people know from elsewhere, and why it is no option. */
typedef struct OptionRefusal
{
	const char *wrapper;
	const char *name;			/* ends in "*": all that begin so */
	const char *reason;			/* a sentence */
	const char *hint;			/* what to do instead, or NULL */
} OptionRefusal;

extern const OptionRefusal option_refusals[];
extern const int option_refusal_count;

/*
 * Checks a list of DefElems for an object of this catalog: every name known
 * there, every value of its type, every required option present.  Raises
 * ERRCODE_FDW_INVALID_OPTION_NAME and the like, with a hint.
 */
extern void option_validate(const char *wrapper, Oid catalog, List *options);

/*
 * Checks an option that names a file of the server, where it is given: an
 * absolute path, set by somebody who may read such files.  Whoever uses the
 * object then has the file opened with the server's rights.
 */
extern void option_validate_file(List *options, const char *name);

/*
 * The value of an option, its fallback, or NULL.  The name must be one of the
 * table's, for some catalog; values have passed the validator.
 */
extern const char *option_text(List *options, const char *name);
extern bool option_boolean(List *options, const char *name);
extern int64 option_integer(List *options, const char *name, int64 unset);

/* The position of an OPTION_ENUM's or OPTION_WORD's value among its values. */
extern int	option_enum(List *options, const char *name);

/* Is there such an option for objects of this catalog? */
extern bool option_is_known(const char *wrapper, Oid catalog, const char *name);

/* Was it given? */
extern bool option_given(List *options, const char *name);

/* Options of the user's mapping for a server; NIL if there is none. */
extern List *option_mapping(Oid serverid, Oid userid);

#endif							/* PINTEREST_OPTION_H */
