/*-------------------------------------------------------------------------
 *
 * target.c
 *	  What targets share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "source/target.h"
#include "utils/builtins.h"

char *
target_remains(const char *unit, int64 delivered, int64 doubtful)
{
	if (delivered > 0 && doubtful > 0)
		return psprintf("%lld %s had been delivered, and stay; %lld more may have been.",
						(long long) delivered, unit, (long long) doubtful);
	if (delivered > 0)
		return psprintf("%lld %s had been delivered, and stay.", (long long) delivered, unit);
	if (doubtful > 0)
		return psprintf("%lld %s may have been delivered.", (long long) doubtful, unit);
	return NULL;
}

/* json_in raises the error, where there is no zero byte. */
void
target_check_json(const TargetRecord *record, const char *taker)
{
	char	   *text = pnstrdup(record->data, record->len);

	if (strlen(text) != record->len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("%s takes no value that is not JSON", taker)));
	(void) DirectFunctionCall1(json_in,
							   CStringGetDatum(pg_any_to_server(text, record->len, PG_UTF8)));
}
