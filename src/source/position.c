/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Reading on where another scan has ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/position.h"

const SourcePosition *
resume_position(const SourceResume *resume, const char *split)
{
	ListCell   *lc;

	foreach(lc, resume->positions)
	{
		const SourcePosition *position = lfirst(lc);

		if (strcmp(position->split, split) == 0)
			return position;
	}
	return NULL;
}

List *
copy_positions(List *positions)
{
	List	   *copies = NIL;
	ListCell   *lc;

	foreach(lc, positions)
	{
		const SourcePosition *position = lfirst(lc);
		SourcePosition *copy = palloc(sizeof(SourcePosition));

		*copy = *position;
		copy->split = pstrdup(position->split);
		copy->position = pstrdup(position->position);
		copy->mark = position->mark == NULL ? NULL : pstrdup(position->mark);
		copy->ends = position->ends == NULL ? NULL : pstrdup(position->ends);
		copies = lappend(copies, copy);
	}
	return copies;
}
