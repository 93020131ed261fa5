/*-------------------------------------------------------------------------
 *
 * age_group.c
 *	  age_group: the four groups the questions ask about.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

typedef struct AgeGroup
{
	int32		from;			/* the youngest age of the group */
	const char *name;
} AgeGroup;

/* Oldest first. */
static const AgeGroup age_groups[] = {
	{51, "+50"},
	{36, "36-50"},
	{25, "25-35"},
	{18, "18-24"},
};

PG_FUNCTION_INFO_V1(pinterest_age_group);

Datum
pinterest_age_group(PG_FUNCTION_ARGS)
{
	int32		age = PG_GETARG_INT32(0);

	for (size_t i = 0; i < lengthof(age_groups); i++)
	{
		if (age >= age_groups[i].from)
			PG_RETURN_TEXT_P(cstring_to_text(age_groups[i].name));
	}
	PG_RETURN_NULL();
}
