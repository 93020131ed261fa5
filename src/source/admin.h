/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  What a source offers for the administration of a service: topics and
 *	  streams are listed, described, made and dropped.
 *
 * All functions block, and can be cancelled.  What has been sent by then may
 * still come to pass; nothing of it can be rolled back.  What is returned lies
 * in the current memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_ADMIN_H
#define PINTEREST_ADMIN_H

#include "postgres.h"

#include "nodes/pg_list.h"

struct SourceRequest;

/* One topic or stream. */
typedef struct AdminSource
{
	const char *name;
	int			splits;			/* -1: not known */
	const char *state;			/* in the service's words */
} AdminSource;

/* One split of it. */
typedef struct AdminSplit
{
	const char *name;			/* number or name */
	const char *begins;			/* position of the first record, a number in
								 * digits; NULL: not known */
	const char *ends;			/* that behind the last, likewise */
	const char *place;			/* who holds it, or what it holds */
	const char *state;
	List	   *parents;		/* names of those that it goes on from */
} AdminSplit;

/* table_options of the requests are NIL. */
typedef struct SourceAdmin
{
	/* All that the user may see, by name: a List of AdminSource. */
	List	   *(*list) (const struct SourceRequest *request);

	/*
	 * The splits in their order, a List of AdminSplit; an error if there is no
	 * source.  Sets the options with which create would make one like it, DefElems
	 * as there; NIL if the user may not know them.
	 */
	List	   *(*describe) (const struct SourceRequest *request, const char *name,
							 List **options);

	/*
	 * Makes one, and returns when it can be used.  options are DefElems whose
	 * values are texts; checks their names as well.
	 */
	void		(*create) (const struct SourceRequest *request, const char *name,
						   int splits, List *options);

	/* Gives it more splits, or fewer, and returns when it can be used again. */
	void		(*alter) (const struct SourceRequest *request, const char *name,
						  int splits);

	/* Drops one, and returns when it is gone. */
	void		(*drop) (const struct SourceRequest *request, const char *name);
} SourceAdmin;

#endif							/* PINTEREST_ADMIN_H */
