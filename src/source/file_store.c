/*-------------------------------------------------------------------------
 *
 * file_store.c
 *	  The store whose objects are the files below a directory.
 *
 * The walk goes depth first and hands out each file as the directory gives
 * it, unsorted, so that a folder of a million files needs no more memory than
 * a small one: one open directory for each level, one open file, one path.
 *
 * Names are opened relative to their open directory.  That spares the kernel
 * the way from the root for every file, and means that a folder renamed
 * meanwhile is still read as the one that was entered.
 *
 * Descriptors are the operating system's own, counted with
 * AcquireExternalFD, and closed by a reset callback of the memory context.
 * OpenTransientFile and AllocateDir would not do: they close what they opened
 * at the end of the subtransaction that was current then, while a cursor that
 * first fetches inside a savepoint lives on after ROLLBACK TO and would find
 * its descriptor closed, or worse, belonging to somebody else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "source/store.h"

/* Levels of directories below each other; one descriptor each. */
#define MAX_DEPTH 64

/* Linux PATH_MAX. */
#define MAX_PATH_LEN 4096

/* From this size on, the kernel is told that we read to the end. */
#define READAHEAD_SIZE (1024 * 1024)

#define URI_START "file://"

typedef enum EntryKind
{
	ENTRY_UNKNOWN,				/* a symbolic link, or not told by readdir */
	ENTRY_FILE,
	ENTRY_DIRECTORY,
	ENTRY_OTHER					/* pipe, socket, device: never data */
} EntryKind;

typedef struct Directory
{
	DIR		   *dir;
	dev_t		device;
	ino_t		inode;
	size_t		path_len;		/* of its path, with the final "/" */
} Directory;

typedef struct FileStore
{
	Store		store;
	const Location *location;
	StoreObject object;
	bool		started;		/* has the listing begun? */
	int			nprefix;		/* of store.prefixes, begun so far */
	bool		any_matched;
	bool		told_none;		/* has the NOTICE been given? */

	int			depth;			/* directories open */
	Directory	directories[MAX_DEPTH];

	int			fd;				/* the current object's, or -1 */
	struct stat opened;			/* what it was when it was opened */
	int64		received;		/* bytes of it read so far */
	bool		counted;		/* is it among counters.objects? */

	MemoryContext supply_context;	/* of an object that was supplied */
	MemoryContextCallback on_reset;
	char		uri[sizeof(URI_START) + MAX_PATH_LEN];
	char	   *path;			/* the part of uri behind file:// */
} FileStore;

/* ----------------
 * Descriptors
 * ----------------
 */

/* open() below the directory dir (or AT_FDCWD); -1 and errno if it fails. */
static int
open_counted(int dir, const char *name, int flags)
{
	int			fd;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many files are open to read another"),
				 errhint("Increase max_files_per_process, or read fewer foreign tables at a time.")));
	fd = openat(dir, name, flags | O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
	{
		int			save_errno = errno;

		ReleaseExternalFD();
		errno = save_errno;
	}
	return fd;
}

static void
close_object(FileStore *fs)
{
	if (fs->fd >= 0)
	{
		close(fs->fd);
		ReleaseExternalFD();
		fs->fd = -1;
	}
}

static void
leave_directory(FileStore *fs)
{
	closedir(fs->directories[--fs->depth].dir);
	ReleaseExternalFD();
}

static void
release(void *arg)
{
	FileStore  *fs = arg;

	close_object(fs);
	while (fs->depth > 0)
		leave_directory(fs);
}

/* ----------------
 * Errors
 * ----------------
 */

/* Has what the path names been found in a listing? */
static bool
is_listed(const FileStore *fs)
{
	return fs->depth > 0 || fs->store.supply != NULL;
}

static const char *
open_hint(const FileStore *fs, int error)
{
	if (error == EACCES)
		return "The operating system user of the database server needs the right to read it.";
	if (error != ENOENT)
		return NULL;
	return is_listed(fs) ?
		"To do without files that are gone when they are to be read, set option \"missing_objects\" of the table to \"skip\"." :
		"A file:// location names a place on the machine of the database server.";
}

static void
report_open_error(FileStore *fs, const char *what)
{
	const char *hint = open_hint(fs, errno);

	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not open %s \"%s\": %m", what, fs->path),
			 hint ? errhint("%s", hint) : 0));
}

static void
report_changed(FileStore *fs)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("file \"%s\" was changed while it was being read", fs->path),
			 errhint("Run the query again. Files that are put in place by renaming them cannot be met half written.")));
}

/*
 * A name is shown as text, in messages and columns, so it must be text.  The
 * bytes that are not ASCII are shown as numbers here.
 */
static void
check_name(FileStore *fs)
{
	StringInfoData shown;

	if (pg_verifymbstr(fs->path, strlen(fs->path), true))
		return;
	initStringInfo(&shown);
	for (const char *p = fs->path; *p; p++)
	{
		if (IS_HIGHBIT_SET(*p))
			appendStringInfo(&shown, "\\x%02x", (unsigned char) *p);
		else
			appendStringInfoChar(&shown, *p);
	}
	fs->path[0] = '\0';			/* no error context may show it */
	close_object(fs);
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("name of file \"%s\" is not valid in encoding \"%s\"",
					shown.data, GetDatabaseEncodingName()),
			 errhint("Rename the file, or use a location that does not match it.")));
}

/* ----------------
 * The walk
 * ----------------
 */

static EntryKind
kind_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return ENTRY_FILE;
	return S_ISDIR(mode) ? ENTRY_DIRECTORY : ENTRY_OTHER;
}

static EntryKind
kind_of_entry(const struct dirent *entry)
{
#ifdef DT_REG
	switch (entry->d_type)
	{
		case DT_REG:
			return ENTRY_FILE;
		case DT_DIR:
			return ENTRY_DIRECTORY;
		case DT_LNK:
		case DT_UNKNOWN:
			return ENTRY_UNKNOWN;
		default:
			return ENTRY_OTHER;
	}
#else
	return ENTRY_UNKNOWN;
#endif
}

/* Puts name behind the first path_len bytes of the path. */
static void
set_path(FileStore *fs, size_t path_len, const char *name, const char *end)
{
	size_t		room = MAX_PATH_LEN - path_len;

	if (snprintf(fs->path + path_len, room, "%s%s", name, end) >= room)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("path of a file below \"%s\" is too long",
						fs->location->prefix),
				 errdetail("A path may have up to %d bytes.", MAX_PATH_LEN - 1)));
}

/* Is this directory one of those we are in?  Then a link has led us back. */
static bool
is_entered(const FileStore *fs, const struct stat *st)
{
	for (int i = 0; i < fs->depth; i++)
	{
		if (fs->directories[i].inode == st->st_ino &&
			fs->directories[i].device == st->st_dev)
			return true;
	}
	return false;
}

/* What has been listed is not there, as errno says: is that to be overlooked? */
static bool
may_be_gone(const FileStore *fs)
{
	return errno == ENOENT && is_listed(fs) && fs->store.skip_missing;
}

/* Opens the directory that the path, which ends in "/", names. */
static void
enter_directory(FileStore *fs, int parent, const char *name)
{
	Directory  *directory = &fs->directories[fs->depth];
	struct stat st;
	int			fd;

	if (fs->depth == MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("directory \"%s\" is nested too deeply", fs->path),
				 errdetail("Up to %d directories below each other are read.", MAX_DEPTH)));
	fd = open_counted(parent, name, O_DIRECTORY | O_NONBLOCK);
	if (fd < 0)
	{
		/* gone, as if it had been before its parent was read: holds nothing */
		if (may_be_gone(fs))
			return;
		report_open_error(fs, "directory");
	}

	/* until the directory stream owns it, a descriptor is closed as an object's */
	fs->fd = fd;
	if (fstat(fd, &st) != 0)
		report_open_error(fs, "directory");
	if (is_entered(fs, &st))
	{
		close_object(fs);
		return;
	}
	directory->dir = fdopendir(fd);
	if (directory->dir == NULL)
		report_open_error(fs, "directory");
	fs->fd = -1;
	directory->device = st.st_dev;
	directory->inode = st.st_ino;
	directory->path_len = strlen(fs->path);
	fs->depth++;
	fs->store.counters.list_requests++;
}

/*
 * The file that the path names could not be opened or looked at, as errno says:
 * returns only if that may be.
 */
static void
open_failed(FileStore *fs)
{
	if (!may_be_gone(fs))
		report_open_error(fs, "file");
	fs->store.counters.missing++;
}

/*
 * Opens the file that the path names, and makes it the current object; false
 * if it is no regular file, or gone.  The size and time that the object tells are
 * those of the open file: no other look at it is needed.
 */
static bool
open_object(FileStore *fs, int parent, const char *name)
{
	/* O_NONBLOCK: a pipe that has taken the file's place must not stop us */
	fs->fd = open_counted(parent, name, O_NONBLOCK);
	if (fs->fd < 0)
	{
		open_failed(fs);
		return false;
	}
	if (fstat(fs->fd, &fs->opened) != 0)
		report_open_error(fs, "file");
	if (!S_ISREG(fs->opened.st_mode))
	{
		close_object(fs);
		return false;
	}
#if defined(USE_POSIX_FADVISE) && defined(POSIX_FADV_SEQUENTIAL)
	if (fs->opened.st_size >= READAHEAD_SIZE)
		(void) posix_fadvise(fs->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
	check_name(fs);
	fs->received = 0;
	fs->counted = false;
	fs->any_matched = true;
	fs->object.size = fs->opened.st_size;
	fs->object.last_modified = time_t_to_timestamptz(fs->opened.st_mtime);
#ifdef __linux__
	fs->object.last_modified += fs->opened.st_mtim.tv_nsec / 1000;
#endif
	fs->object.from = 0;
	fs->object.to = -1;
	if (fs->store.supply == NULL && !store_wants(&fs->store, &fs->object))
	{
		fs->store.counters.filtered++;
		close_object(fs);
		return false;
	}
	return true;
}

/* Looks at one entry of the innermost directory; true if it is the next object. */
static bool
visit(FileStore *fs, const struct dirent *entry)
{
	const char *name = entry->d_name;
	EntryKind	kind = kind_of_entry(entry);
	Directory  *directory = &fs->directories[fs->depth - 1];
	int			parent = dirfd(directory->dir);

	if (kind == ENTRY_OTHER || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;

	set_path(fs, directory->path_len, name, "");
	if (kind == ENTRY_UNKNOWN)
	{
		struct stat st;

		/* a link that leads nowhere matters only where data is expected */
		if (fstatat(parent, name, &st, 0) != 0)
		{
			if (location_matches(fs->location, fs->path))
				open_failed(fs);
			return false;
		}
		kind = kind_of_mode(st.st_mode);
	}

	if (kind == ENTRY_FILE)
		return location_matches(fs->location, fs->path) &&
			open_object(fs, parent, name);
	if (kind == ENTRY_DIRECTORY)
	{
		set_path(fs, directory->path_len, name, "/");
		if (location_enters(fs->location, fs->path))
			enter_directory(fs, parent, name);
	}
	return false;
}

/* The location names no pattern but one path: that of a file or of a folder. */
static bool
start_at_path(FileStore *fs)
{
	struct stat st;

	set_path(fs, 0, fs->location->pattern, "");
	if (stat(fs->path, &st) != 0)
		report_open_error(fs, "file or directory");
	switch (kind_of_mode(st.st_mode))
	{
		case ENTRY_FILE:
			return location_matches(fs->location, fs->path) &&
				open_object(fs, AT_FDCWD, fs->path);
		case ENTRY_DIRECTORY:
			set_path(fs, 0, fs->location->pattern, "/");
			enter_directory(fs, AT_FDCWD, fs->path);
			return false;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is neither a file nor a directory", fs->path)));
	}
	return false;
}

/* Begins the listing; true if that alone has given an object. */
static bool
start(FileStore *fs)
{
	fs->started = true;
	if (fs->location->folder_or_object)
		return start_at_path(fs);
	set_path(fs, 0, fs->location->prefix, "");
	enter_directory(fs, AT_FDCWD, fs->path);
	return false;
}

/* The same at the next place that a narrowed listing has to look at. */
static bool
start_at_prefix(FileStore *fs, const char *prefix)
{
	struct stat st;

	set_path(fs, 0, prefix, "");
	if (stat(fs->path, &st) != 0)
	{
		if (errno == ENOENT || errno == ENOTDIR)
			return false;
		report_open_error(fs, "file or directory");
	}
	if (prefix[strlen(prefix) - 1] != '/')
		return S_ISREG(st.st_mode) && open_object(fs, AT_FDCWD, fs->path);
	if (S_ISDIR(st.st_mode) && location_enters(fs->location, fs->path))
		enter_directory(fs, AT_FDCWD, fs->path);
	return false;
}

/* Is there another place to begin at?  True too if that gave an object. */
static bool
start_next(FileStore *fs, bool *found)
{
	if (!fs->store.narrowed)
	{
		if (fs->started)
			return false;
		*found = start(fs);
		return true;
	}
	if (fs->nprefix == list_length(fs->store.prefixes))
		return false;
	*found = start_at_prefix(fs, list_nth(fs->store.prefixes, fs->nprefix++));
	return true;
}

static void
tell_if_none(FileStore *fs)
{
	if (fs->any_matched || fs->told_none || fs->store.narrowed)
		return;
	fs->told_none = true;
	ereport(NOTICE,
			(errmsg("no object matches location \"%s\"", fs->location->uri)));
}

/* ----------------
 * The store's functions
 * ----------------
 */

/* Is the file what it was when it was opened? */
static void
check_same(FileStore *fs)
{
	struct stat now;

	if (fstat(fs->fd, &now) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", fs->path)));
	if (now.st_size != fs->opened.st_size ||
		now.st_mtime != fs->opened.st_mtime)
		report_changed(fs);
#ifdef __linux__
	if (now.st_mtim.tv_nsec != fs->opened.st_mtim.tv_nsec)
		report_changed(fs);
#endif
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
		set_path(fs, 0, listed.key, "");
		opened = open_object(fs, AT_FDCWD, fs->path);
		if (!opened && fs->store.counters.missing == missing)
			report_changed(fs);
	}
	if (fs->object.size != listed.size ||
		fs->object.last_modified != listed.last_modified)
		report_changed(fs);
	fs->object.to = listed.to;
	fs->received = fs->object.from = listed.from;
	if (listed.from > 0 && lseek(fs->fd, listed.from, SEEK_SET) < 0)
		report_open_error(fs, "file");
	return &fs->object;
}

static const StoreObject *
file_store_next(Store *store)
{
	FileStore  *fs = (FileStore *) store;

	/* a part that was read to its end, but not the file's */
	if (fs->fd >= 0 && store->supply != NULL && fs->received < fs->opened.st_size)
		check_same(fs);
	close_object(fs);
	if (store->supply != NULL)
		return next_supplied(fs);
	for (;;)
	{
		struct dirent *entry;
		bool		found = false;

		if (fs->depth == 0)
		{
			if (!start_next(fs, &found))
				break;
			if (found)
				return &fs->object;
			continue;
		}

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		entry = readdir(fs->directories[fs->depth - 1].dir);
		if (entry == NULL && errno != 0)
		{
			fs->path[fs->directories[fs->depth - 1].path_len] = '\0';
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not read directory \"%s\": %m", fs->path)));
		}
		if (entry == NULL)
			leave_directory(fs);
		else if (visit(fs, entry))
			return &fs->object;
	}
	tell_if_none(fs);
	return NULL;
}

/*
 * A file is complete when as many bytes have come as it had when it was
 * opened, and it has not been touched since: no read beyond the end is
 * needed, and what is written behind that end meanwhile shows as a change.
 */
static void
check_complete(FileStore *fs)
{
	if (fs->received != fs->opened.st_size)
		report_changed(fs);
	check_same(fs);
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
		check_complete(fs);
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

	set_path(fs, 0, path, "");
	if (dir == NULL)
		report_open_error(fs, "directory");
	while ((entry = ReadDir(dir, path)) != NULL)
	{
		EntryKind	kind = kind_of_entry(entry);
		struct stat st;

		CHECK_FOR_INTERRUPTS();
		if (kind == ENTRY_UNKNOWN)
		{
			set_path(fs, strlen(path), entry->d_name, "");
			kind = stat(fs->path, &st) == 0 ? kind_of_mode(st.st_mode) : ENTRY_OTHER;
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
