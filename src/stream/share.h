/*-------------------------------------------------------------------------
 *
 * share.h
 *	  Which splits belong to a stream, where several share a source.
 *
 * Either 'i/n', the i-th of n shares: splits whose names end with a number go by
 * that number modulo n, others by a hash of their names.  Or the names of
 * splits, separated by commas.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SHARE_H
#define PINTEREST_SHARE_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct Share
{
	int			number;			/* from 0; of none: the names */
	int			of;
	List	   *names;			/* of char * */
} Share;

/* In the current memory context; an error unless it is one of these.  NULL: all. */
extern void share_read(Share *share, const char *splits);

extern bool share_has(const Share *share, const char *split);

#endif							/* PINTEREST_SHARE_H */
