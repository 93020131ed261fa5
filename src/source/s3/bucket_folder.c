/*-------------------------------------------------------------------------
 *
 * bucket_folder.c
 *	  What lies directly in a folder of a bucket.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "source/s3/bucket_address.h"
#include "source/s3/bucket_folder.h"
#include "source/s3/bucket_lister.h"
#include "utils/memutils.h"

/* A folder is given up behind as many pages: nobody waits for the rest. */
#define MAX_PAGES 200

/* Names are what follows the folder's own. */
static void
take_page(const Location *location, const ListedPage *listed, StoreFolder *folder)
{
	size_t		prefix_len = strlen(location->prefix);
	ListCell   *lc;

	foreach(lc, listed->folders)
	{
		char	   *name = lfirst(lc);
		size_t		len = strlen(name);

		if (len > prefix_len && name[len - 1] == '/')
			store_add_folder(location, folder,
							 pnstrdup(name + prefix_len, len - prefix_len - 1));
	}
	for (int i = 0; i < listed->nobjects; i++)
		if (strlen(listed->objects[i].key) > prefix_len)
			store_add_object(folder, listed->objects[i].key + prefix_len);
}

StoreFolder *
bucket_folder(Store *store, const Location *location, S3Access *access)
{
	StoreFolder *folder = palloc0(sizeof(StoreFolder));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pinterest bucket folder",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	char	   *root;
	AwsService *service = bucket_service(access, location->bucket, 1, &root);
	BucketLister *lister = lister_create(store, location, service, root, "/");
	ListedPage *page;

	MemoryContextSwitchTo(old);
	for (int pages = 0; (page = lister_page(lister)) != NULL; pages++)
	{
		CHECK_FOR_INTERRUPTS();
		if (pages == MAX_PAGES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("folder \"%s\" holds too many objects to look for folders among them",
							location->uri),
					 errhint("Name a folder that holds folders.")));
		take_page(location, page, folder);
	}
	MemoryContextDelete(context);
	store_sort_folder(folder);
	return folder;
}
