/*-------------------------------------------------------------------------
 *
 * glob.h
 *	  Patterns with wildcards: "*" and "**", as location.h describes them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_GLOB_H
#define PINTEREST_GLOB_H

#include "postgres.h"

/* S3 allows keys of 1024 bytes, Linux paths of 4096. */
#define GLOB_MAX_PATTERN 4096

/*
 * A pattern of up to GLOB_MAX_PATTERN bytes, each wildcard as a single byte;
 * palloc'd.  With below, whatever the pattern is followed by matches too.
 */
extern char *glob_compile(const char *pattern, bool below);

/*
 * Reads text against a glob that begins with its first wildcard.  Does the
 * whole of it match; or, with partly, could it with more text behind?
 */
extern bool glob_matches(const char *glob, const char *text, bool partly);

#endif							/* PINTEREST_GLOB_H */
