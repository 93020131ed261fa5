/*-------------------------------------------------------------------------
 *
 * clean.h
 *	  What the cleaning functions share: text in, value out.
 *
 * These functions look at single bytes below 0x80 only.  In every server
 * encoding such a byte is that ASCII character and never part of another one,
 * so nothing here asks which encoding the database has.  None of them raises
 * an error on odd text: what is no value is NULL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CLEAN_H
#define PINTEREST_CLEAN_H

#include "postgres.h"

/* ASCII white space, whatever the locale. */
static inline bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#endif							/* PINTEREST_CLEAN_H */
