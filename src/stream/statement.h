/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  The INSERT ... SELECT that a run of a stream executes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_STATEMENT_H
#define PINTEREST_STATEMENT_H

#include "postgres.h"

#include "stream/stream.h"

/*
 * Its text, as the current user, and the OIDs of source and target.  An error
 * unless these are there, of the kinds they must be, and have the columns.
 *
 * With returns, it returns something for each row.  Otherwise Citus uses COPY, which
 * is faster, but does not tell the SQLSTATE of what its nodes refuse.
 */
extern char *statement_make(const Stream *stream, bool returns, Oid *source, Oid *target);

/*
 * A query as it is kept: one SELECT, its names looked up now and written out in
 * full.  An error if it is anything else.
 */
extern char *statement_query(const char *query);

/*
 * Error context callback while the text that is its argument is parsed: errors
 * point into it, rather than into what the user has typed.
 */
extern void statement_point_at_text(void *arg);

#endif							/* PINTEREST_STATEMENT_H */
