/*-------------------------------------------------------------------------
 *
 * arguments.c
 *	  Arguments of the SQL functions of streams.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "stream/arguments.h"
#include "utils/builtins.h"

void
check_given(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

char *
text_argument(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));
}

char *
stream_argument(FunctionCallInfo fcinfo)
{
	check_given(fcinfo, 0, "name");
	return text_argument(fcinfo, 0);
}
