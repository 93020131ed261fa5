/*-------------------------------------------------------------------------
 *
 * refuse.c
 *	  Records that a stream's query or its target refuse.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "stream/by_record.h"
#include "stream/refuse.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/*
 * Can a record be the reason?  Never for what another try, another time or another
 * user would change: conflicts of transactions, resources, privileges, cancelling.
 */
static bool
is_refusal(const Batch *batch, int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_DATA_EXCEPTION:
		case ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION:
		case ERRCODE_PLPGSQL_ERROR: /* RAISE, and those of its class */
			return true;
	}
	/* what Citus says of anything that another node refuses, unless rows are returned */
	if (batch->distributed && !batch->returns && sqlstate == ERRCODE_INTERNAL_ERROR)
		return true;

	/*
	 * A value too long for an index, for example; a subquery with several rows, or
	 * several records to which a trigger gives the same key.
	 */
	return sqlstate == ERRCODE_PROGRAM_LIMIT_EXCEEDED || sqlstate == ERRCODE_CARDINALITY_VIOLATION;
}

/*
 * Calls a function in a subtransaction, which is kept if that went well and keep is
 * true.  Else all of it is undone, except what the function has left in memory;
 * returns its error, if any.
 */
static ErrorData *
in_subtransaction(void (*function) (void *arg), void *arg, MemoryContext context, bool keep)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		function(arg);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return error;
}

typedef struct Try
{
	const Stream *stream;
	Batch	   *batch;
	BatchResult *result;
} Try;

static void
execute_try(void *arg)
{
	Try		   *try = arg;

	execute_batch(try->stream, try->batch, try->result);
}

ErrorData *
refuse_try(const Stream *stream, Batch *batch, BatchResult *result, MemoryContext context)
{
	Try			try = {stream, batch, result};
	ErrorData  *error = in_subtransaction(execute_try, &try, context, true);

	if (error == NULL)
		return NULL;
	batch->attnums = list_copy(batch->attnums);
	MemoryContextReset(context);
	if (!is_refusal(batch, error->sqlerrcode))
		ReThrowError(error);
	return error;
}

void
refuse_check(const Stream *stream, const Batch *batch, ErrorData *error, Refusable *records)
{
	ByRecord	by_record;

	if (!batch->has_begun)
		ReThrowError(error);
	records->returns = batch->distributed;
	by_record = query_goes_by_record(stream, batch->source);
	records->sorted = by_record == BY_RECORD_SORTED;
	if (by_record != BY_RECORD_NO)
		return;
	if (error->hint == NULL)
		error->hint = pstrdup("The record is not set aside, since the query's rows do not come from one record each.");
	ReThrowError(error);
}

/* Why a record is refused, in one line. */
static char *
reason_of(const ErrorData *error)
{
	if (error->detail == NULL)
		return pstrdup(error->message);
	return psprintf("%s: %s", error->message, error->detail);
}

/* Tries the first n; NULL if they were used. */
static ErrorData *
try_first(const Stream *stream, Refusable *records, int64 n, int64 *rows, MemoryContext context)
{
	Batch		batch = {.reading = records->reading, .returns = records->returns};
	BatchResult result = {0};
	ErrorData  *error;

	CHECK_FOR_INTERRUPTS();
	records->begin(records->arg, n);
	error = refuse_try(stream, &batch, &result, context);
	if (error != NULL)
		return error;
	records->pass(records->arg, n);
	records->left -= n;
	*rows += result.rows;
	MemoryContextReset(context);
	return NULL;
}

/*
 * If there is a guilty record among some, half of them is tried.  When it has been
 * found, the next one is tried by itself, then twice as many each time, until one
 * of them is guilty again.  So records that are refused cost a few statements each,
 * those between them hardly any, and each record is tried a few times.
 */
static int64
sift(const Stream *stream, Refusable *records)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "pinterest tried records",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext errors = AllocSetContextCreate(CurrentMemoryContext, "pinterest refusal",
												 ALLOCSET_DEFAULT_SIZES);
	int64		suspects = records->left;	/* one of the first so many is guilty */
	int64		step = (suspects + 1) / 2;
	int64		rows = 0;

	while (records->left > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(errors);
		int64		n = Min(step, records->left);
		ErrorData  *error = try_first(stream, records, n, &rows, context);

		MemoryContextSwitchTo(old);
		if (error == NULL)
		{
			suspects = Max(suspects - n, 0);
			step = suspects > 0 ? (suspects + 1) / 2 : 2 * n;
		}
		else if (n > 1)
		{
			suspects = n;
			step = n / 2;
		}
		else
		{
			records->refuse(records->arg, reason_of(error));
			records->left--;
			suspects = 0;
			step = 1;
		}
		MemoryContextReset(errors);
	}
	MemoryContextDelete(errors);
	MemoryContextDelete(context);
	return rows;
}

typedef struct Sift
{
	const Stream *stream;
	Refusable  *records;
} Sift;

static void
execute_sift(void *arg)
{
	Sift	   *sifting = arg;

	(void) sift(sifting->stream, sifting->records);
}

/*
 * Where the query sorts what it sees, that only tells which records are refused.
 * What was written for it is undone, and all others are used at once.
 */
int64
refuse_sift(const Stream *stream, Refusable *records)
{
	Sift		sifting = {stream, records};
	Batch		batch = {.reading = records->reading};
	BatchResult result = {0};
	ErrorData  *error;

	if (!records->sorted)
		return sift(stream, records);
	error = in_subtransaction(execute_sift, &sifting, CurrentMemoryContext, false);
	if (error != NULL)
		ReThrowError(error);
	records->begin_rest(records->arg);
	execute_batch(stream, &batch, &result);
	return result.rows;
}
