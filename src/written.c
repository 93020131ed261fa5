/*-------------------------------------------------------------------------
 *
 * written.c
 *	  What a transaction has written where no rollback reaches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "written.h"

/*
 * What the current transaction has written, for the case that it is rolled
 * back: one entry for each subtransaction and table name.
 */
typedef struct Written
{
	struct Written *next;
	SubTransactionId subid;
	int64		count;
	const char *unit;			/* static */
	char		name[FLEXIBLE_ARRAY_MEMBER];
} Written;

static Written *written_list = NULL;

void
written_remember(const Target *target)
{
	SubTransactionId subid = GetCurrentSubTransactionId();
	Written    *written;

	if (target->complete == 0)
		return;
	for (written = written_list; written != NULL; written = written->next)
		if (written->subid == subid && strcmp(written->name, target->name) == 0)
			break;
	if (written == NULL)
	{
		written = MemoryContextAllocZero(TopTransactionContext,
										 offsetof(Written, name) + strlen(target->name) + 1);
		strcpy(written->name, target->name);
		written->subid = subid;
		written->unit = target->unit;
		written->next = written_list;
		written_list = written;
	}
	written->count += target->complete;
}

void
written_warn(const char *name, int64 count, const char *unit)
{
	ereport(WARNING,
			(errmsg("rolling back does not undo what was written to \"%s\"", name),
			 errdetail("Number of %s that stay there: %lld.", unit, (long long) count)));
}

/* The entries of one name, from this one on, as one. */
static void
warn_of_all(Written *first)
{
	int64		count = 0;

	for (Written *written = first; written != NULL; written = written->next)
		if (strcmp(written->name, first->name) == 0)
		{
			count += written->count;
			written->count = 0;
		}
	written_warn(first->name, count, first->unit);
}

static void
on_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		for (Written *written = written_list; written != NULL; written = written->next)
			if (written->count > 0)
				warn_of_all(written);
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		written_list = NULL;
}

static void
on_subxact_end(SubXactEvent event, SubTransactionId subid,
			   SubTransactionId parent, void *arg)
{
	Written   **link = &written_list;

	while (*link != NULL)
	{
		Written    *written = *link;

		if (written->subid == subid && event == SUBXACT_EVENT_COMMIT_SUB)
			written->subid = parent;
		if (written->subid == subid && event == SUBXACT_EVENT_ABORT_SUB)
		{
			*link = written->next;
			written_warn(written->name, written->count, written->unit);
		}
		else
			link = &written->next;
	}
}

void
written_watch(void)
{
	static bool watching = false;

	if (watching)
		return;
	RegisterXactCallback(on_xact_end, NULL);
	RegisterSubXactCallback(on_subxact_end, NULL);
	watching = true;
}
