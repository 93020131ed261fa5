/*-------------------------------------------------------------------------
 *
 * check.c
 *	  The steps of pinterest.check_server: what is tried, and how it ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "source/check.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

Check *
check_create(void)
{
	Check	   *check = palloc0(sizeof(Check));

	check->context = CurrentMemoryContext;
	return check;
}

void
check_add(Check *check, const char *name, CheckOutcome outcome,
		  double milliseconds, const char *detail, const char *hint)
{
	MemoryContext old = MemoryContextSwitchTo(check->context);
	CheckStep  *step = palloc0(sizeof(CheckStep));

	step->name = name;
	step->outcome = outcome;
	step->milliseconds = milliseconds;
	if (detail != NULL)
		step->detail = pstrdup(detail);
	if (hint != NULL && outcome == CHECK_FAILED)
		step->hint = pstrdup(hint);
	check->steps = lappend(check->steps, step);
	if (outcome == CHECK_FAILED && check->failed == NULL)
		check->failed = name;
	MemoryContextSwitchTo(old);
}

ErrorData *
check_try(Check *check, CheckWork work, void *arg, char **detail)
{
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;
	instr_time	start;
	instr_time	took;

	INSTR_TIME_SET_CURRENT(start);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(check->context);
	PG_TRY();
	{
		/* the place of an error is where it is in the work, not in the query */
		error_context_stack = NULL;
		*detail = work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(check->context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(check->context);
		CurrentResourceOwner = owner;

		/* only now: who catches it expects the subtransaction it has begun */
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(check->context);
	CurrentResourceOwner = owner;
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, start);
	check->took = INSTR_TIME_GET_MILLISEC(took);
	return error;
}

/* Message, detail and place as sentences. */
static char *
sentences_of(const ErrorData *error)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfo(&out, "%s.", error->message);
	out.data[0] = pg_toupper((unsigned char) out.data[0]);
	if (error->detail != NULL)
		appendStringInfo(&out, " %s", error->detail);
	if (error->context != NULL)
		appendStringInfo(&out, " In %s.", error->context);
	return out.data;
}

void
check_add_error(Check *check, const char *name, const ErrorData *error, const char *hint)
{
	check_add(check, name, CHECK_FAILED, check->took, sentences_of(error),
			  error->hint != NULL ? error->hint : hint);
}

bool
check_run(Check *check, const char *name, bool ready,
		  CheckWork work, void *arg, const char *hint)
{
	ErrorData  *error;
	char	   *detail;

	if (!ready)
	{
		check_add(check, name, CHECK_SKIPPED, -1, check->failed == NULL ?
				  "There is nothing to try it on." :
				  psprintf("It depends on step \"%s\", which failed.", check->failed), NULL);
		return false;
	}
	error = check_try(check, work, arg, &detail);
	if (error == NULL)
		check_add(check, name, CHECK_OK, check->took, detail, NULL);
	else
		check_add_error(check, name, error, hint);
	return error == NULL;
}
