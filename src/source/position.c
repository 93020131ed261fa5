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
