/*-------------------------------------------------------------------------
 *
 * aftermath.c
 *	  What is done with a service although there was an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "source/aftermath.h"
#include "storage/pmsignal.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

void
aftermath(void (*work) (void *arg), void *arg)
{
	MemoryContext old = CurrentMemoryContext;
	MemoryContext scratch;
	ResourceOwner old_owner = CurrentResourceOwner;
	ResourceOwner owner;
	uint32		holdoff;

	if (IsUnderPostmaster && !PostmasterIsAlive())
		return;
	HOLD_INTERRUPTS();
	holdoff = InterruptHoldoffCount;
	scratch = AllocSetContextCreate(TopMemoryContext, "pinterest aftermath",
									ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(scratch);
	owner = CurrentResourceOwner = ResourceOwnerCreate(NULL, "pinterest aftermath");
	PG_TRY();
	{
		work(arg);
	}
	PG_CATCH();
	{
		FlushErrorState();
		InterruptHoldoffCount = holdoff;	/* raising has let go of all */
	}
	PG_END_TRY();
	CurrentResourceOwner = old_owner;
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_BEFORE_LOCKS, false, true);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_LOCKS, false, true);
	ResourceOwnerRelease(owner, RESOURCE_RELEASE_AFTER_LOCKS, false, true);
	ResourceOwnerDelete(owner);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	RESUME_INTERRUPTS();
}
