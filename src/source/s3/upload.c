/*-------------------------------------------------------------------------
 *
 * upload.c
 *	  What uploads into buckets and directories share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/upload.h"

void
upload_name_taken(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not write \"%s\": an object of that name already exists", name),
			 errdetail("Somebody else has written it meanwhile."),
			 errhint("Run the statement again.")));
	pg_unreachable();
}

char *
random_hex(void)
{
	uint64		bits;

	if (!pg_strong_random(&bits, sizeof(bits)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	return psprintf("%016llx", (unsigned long long) bits);
}
