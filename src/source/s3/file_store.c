/*-------------------------------------------------------------------------
 *
 * file_store.c
 *	  The store whose objects are the files below a directory.
 *
 *	  folder -> file_walk.c -> file_object.c -> bytes
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "miscadmin.h"
#include "source/s3/file_internal.h"
#include "storage/fd.h"
#include "utils/memutils.h"

static void
release(void *arg)
{
	file_walk_end(arg);
}

/* An object that was listed before, maybe by another process, opened again. */
static const StoreObject *
next_supplied(FileStore *fs)
{
	StoreObject listed;
	bool		opened = false;

	while (!opened)
	{
		MemoryContext old = MemoryContextSwitchTo(fs->supply_context);
		int64		missing = fs->store.counters.missing;
		bool		supplied;

		MemoryContextReset(fs->supply_context);
		supplied = fs->store.supply->take(fs->store.supply->arg, &listed);
		MemoryContextSwitchTo(old);
		if (!supplied)
			return NULL;
		file_set_path(fs, 0, listed.key, "");
		opened = file_open(fs, AT_FDCWD, fs->path);
		if (!opened && fs->store.counters.missing == missing)
			file_report_changed(fs);
	}
	if (fs->object.size != listed.size ||
		fs->object.last_modified != listed.last_modified)
		file_report_changed(fs);
	fs->object.to = listed.to;
	fs->received = fs->object.from = listed.from;
	if (listed.from > 0 && lseek(fs->fd, listed.from, SEEK_SET) < 0)
		file_open_error(fs, "file");
	return &fs->object;
}

static const StoreObject *
file_store_next(Store *store)
{
	FileStore  *fs = (FileStore *) store;

	/* a part that was read to its end, but not the file's */
	if (fs->fd >= 0 && store->supply != NULL && fs->received < fs->opened.st_size)
		file_check_same(fs);
	file_close(fs);
	if (store->supply != NULL)
		return next_supplied(fs);
	return file_walk_next(fs) ? &fs->object : NULL;
}

static size_t
file_store_read(Store *store, char *buf, size_t room)
{
	FileStore  *fs = (FileStore *) store;
	ssize_t		got;

	Assert(fs->fd >= 0);
	if (!fs->counted)
	{
		fs->counted = true;
		if (fs->object.from == 0)
			store->counters.objects++;
	}
	do
	{
		CHECK_FOR_INTERRUPTS();
		if (fs->received >= fs->opened.st_size)
			got = 0;
		else
			got = read(fs->fd, buf, room);
	} while (got < 0 && errno == EINTR);

	if (got < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", fs->path)));
	fs->received += got;
	store->counters.bytes += got;
	if (got == 0)
		file_check_complete(fs);
	return got;
}

static size_t
file_store_peek(Store *store, char *buf, size_t room)
{
	FileStore  *fs = (FileStore *) store;
	ssize_t		got = pread(fs->fd, buf, room, 0);

	if (got < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read file \"%s\": %m", fs->path)));
	return got;
}

static void
file_store_rewind(Store *store)
{
	FileStore  *fs = (FileStore *) store;

	release(fs);
	fs->started = false;
	fs->nprefix = 0;
	fs->any_matched = false;
}

static void
file_store_close(Store *store)
{
	release(store);
}

/* This comes to its end within one call, so it can do with AllocateDir. */
static StoreFolder *
file_store_list_folder(Store *store)
{
	FileStore  *fs = (FileStore *) store;
	StoreFolder *folder = palloc0(sizeof(StoreFolder));
	const char *path = fs->location->prefix;
	DIR		   *dir = AllocateDir(path);
	struct dirent *entry;

	file_set_path(fs, 0, path, "");
	if (dir == NULL)
		file_open_error(fs, "directory");
	while ((entry = ReadDir(dir, path)) != NULL)
	{
		EntryKind	kind = file_kind_of_entry(entry);
		struct stat st;

		CHECK_FOR_INTERRUPTS();
		if (kind == ENTRY_UNKNOWN)
		{
			file_set_path(fs, strlen(path), entry->d_name, "");
			kind = stat(fs->path, &st) == 0 ? file_kind_of_mode(st.st_mode) : ENTRY_OTHER;
		}
		if (kind == ENTRY_FILE)
			store_add_object(folder, entry->d_name);
		else if (kind == ENTRY_DIRECTORY)
			store_add_folder(fs->location, folder, entry->d_name);
	}
	FreeDir(dir);
	store_sort_folder(folder);
	return folder;
}

static const StoreOps file_store_ops = {
	.next = file_store_next,
	.read = file_store_read,
	.list = file_store_next,
	.peek = file_store_peek,
	.rewind = file_store_rewind,
	.list_folder = file_store_list_folder,
	.close = file_store_close,
};

Store *
file_store_open(const Location *location)
{
	FileStore  *fs = palloc0(sizeof(FileStore));

	Assert(location->scheme == LOCATION_FILE);
	fs->store.ops = &file_store_ops;
	fs->location = location;
	fs->fd = -1;
	strcpy(fs->uri, URI_START);
	fs->path = fs->uri + strlen(URI_START);
	fs->object.uri = fs->uri;
	fs->object.key = fs->path;

	fs->supply_context = AllocSetContextCreate(CurrentMemoryContext, "pinterest listed file",
											   ALLOCSET_SMALL_SIZES);
	fs->on_reset.func = release;
	fs->on_reset.arg = fs;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &fs->on_reset);
	return &fs->store;
}
