/*-------------------------------------------------------------------------
 *
 * folder.c
 *	  What lies directly in a folder: the part that all stores share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "source/s3/store.h"

/* Can a location hold the name, and mean only this folder? */
static bool
is_literal(const char *name)
{
	if (!pg_verifymbstr(name, strlen(name), true))
		return false;
	for (; *name != '\0'; name++)
		if ((unsigned char) *name < ' ' || *name == '\177' || *name == '*')
			return false;
	return true;
}

void
store_add_folder(const Location *location, StoreFolder *folder, const char *name)
{
	/* never data, see location.h; and a folder and the one above it */
	if (*name == '\0' || *name == '.' || *name == '_')
		return;
	if (!is_literal(name))
	{
		ereport(WARNING,
				(errmsg("a folder in \"%s\" is left out", location->uri),
				 errdetail("Its name holds \"*\", a control character, or bytes that are not text in this database.")));
		return;
	}
	if (list_length(folder->folders) == FOLDER_MAX_FOLDERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("folder \"%s\" holds more than %d folders", location->uri,
						FOLDER_MAX_FOLDERS)));
	folder->folders = lappend(folder->folders, pstrdup(name));
}

void
store_add_object(StoreFolder *folder, const char *name)
{
	if (list_length(folder->objects) < FOLDER_MAX_OBJECTS)
		folder->objects = lappend(folder->objects, pstrdup(name));
}

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

void
store_sort_folder(StoreFolder *folder)
{
	list_sort(folder->folders, compare_names);
	list_sort(folder->objects, compare_names);
}
