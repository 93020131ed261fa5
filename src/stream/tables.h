/*-------------------------------------------------------------------------
 *
 * tables.h
 *	  The source and the target of a stream.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_TABLES_H
#define PINTEREST_TABLES_H

#include "postgres.h"

#include "stream/stream.h"
#include "utils/rel.h"

/*
 * Opens both, as the current user.  An error unless they are there, and of the
 * kinds they must be.  If the target is a foreign table, the stream writes objects.
 */
extern void tables_open(const Stream *stream, Relation *source, Relation *target);
extern void tables_close(Relation source, Relation target);

#endif							/* PINTEREST_TABLES_H */
