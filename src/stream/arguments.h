/*-------------------------------------------------------------------------
 *
 * arguments.h
 *	  Arguments of the SQL functions of streams.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_ARGUMENTS_H
#define PINTEREST_ARGUMENTS_H

#include "postgres.h"

#include "fmgr.h"

/* An error that names the argument if it is null. */
extern void check_given(FunctionCallInfo fcinfo, int number, const char *name);

/* NULL for null */
extern char *text_argument(FunctionCallInfo fcinfo, int number);

/* The first argument: the name of a stream. */
extern char *stream_argument(FunctionCallInfo fcinfo);

#endif							/* PINTEREST_ARGUMENTS_H */
