/*-------------------------------------------------------------------------
 *
 * identifier.h
 *	  Identifiers for names that come from outside, such as those of folders,
 *	  topics and keys.  Lists are of char *; nothing is changed or freed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_IDENTIFIER_H
#define PINTEREST_IDENTIFIER_H

#include "nodes/pg_list.h"

/* Is a name among these? */
extern bool identifier_listed(List *names, const char *name);

/* The name, or the start of it, with a number if need be: like none of taken. */
extern char *identifier_distinct(const char *name, List *taken);

/*
 * An identifier for each of the names, distinct from each other and from those
 * taken: the name folded to lower case, unless another one folds to the same
 * or the name is to be left as it is.
 */
extern List *identifiers_of(List *names, List *as_they_are, List *taken);

#endif
