/*-------------------------------------------------------------------------
 *
 * file_walk.c
 *	  Walks through a folder and those in it, and opens the files that match.
 *
 * The walk goes depth first and hands out each file as the directory gives it,
 * unsorted, so that a folder of a million files needs no more memory than a small
 * one: one open directory for each level, one open file, one path.
 *
 * Only where the owner has to know the objects of a folder in order are the
 * names of each directory that is open kept and sorted.
 *
 * Names are opened relative to their open directory.  That spares the kernel the
 * way from the root for every file, and means that a folder renamed meanwhile is
 * still read as the one that was entered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>

#include "miscadmin.h"
#include "source/s3/file_internal.h"
#include "storage/fd.h"
#include "utils/memutils.h"

static void
leave_directory(FileStore *fs)
{
	Directory  *directory = &fs->directories[--fs->depth];

	closedir(directory->dir);
	ReleaseExternalFD();
	if (directory->sorted.at != NULL)
	{
		pfree(directory->sorted.names.data);
		pfree(directory->sorted.at);
	}
}

EntryKind
file_kind_of_mode(mode_t mode)
{
	if (S_ISREG(mode))
		return ENTRY_FILE;
	return S_ISDIR(mode) ? ENTRY_DIRECTORY : ENTRY_OTHER;
}

EntryKind
file_kind_of_entry(const struct dirent *entry)
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
	fd = file_open_counted(parent, name, O_DIRECTORY | O_NONBLOCK);
	if (fd < 0)
	{
		/* gone, as if it had been before its parent was read: holds nothing */
		if (file_may_be_gone(fs))
			return;
		file_open_error(fs, "directory");
	}

	/* until the directory stream owns it, a descriptor is closed as an object's */
	fs->fd = fd;
	if (fstat(fd, &st) != 0)
		file_open_error(fs, "directory");
	if (is_entered(fs, &st))
	{
		file_close(fs);
		return;
	}
	directory->dir = fdopendir(fd);
	if (directory->dir == NULL)
		file_open_error(fs, "directory");
	fs->fd = -1;
	directory->device = st.st_dev;
	directory->inode = st.st_ino;
	directory->path_len = strlen(fs->path);
	directory->sorted.at = NULL;
	fs->depth++;
	fs->store.counters.list_requests++;
}

/* ---------- entries ---------- */

/* The next entry of the innermost directory as it comes; NULL behind the last. */
static const char *
read_entry(FileStore *fs, EntryKind *kind)
{
	const Directory *directory = &fs->directories[fs->depth - 1];
	struct dirent *entry;

	CHECK_FOR_INTERRUPTS();
	errno = 0;
	entry = readdir(directory->dir);
	if (entry == NULL && errno != 0)
	{
		fs->path[directory->path_len] = '\0';
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read directory \"%s\": %m", fs->path)));
	}
	if (entry == NULL)
		return NULL;
	*kind = file_kind_of_entry(entry);
	return entry->d_name;
}

static int
compare_entries(const void *a, const void *b, void *names)
{
	return strcmp((char *) names + *(const int *) a + 1, (char *) names + *(const int *) b + 1);
}

/* Reads all of the innermost directory, and sorts it. */
static void
sort_entries(FileStore *fs)
{
	SortedEntries *sorted = &fs->directories[fs->depth - 1].sorted;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(fs));
	const char *name;
	EntryKind	kind;

	if (fs->next == NULL)
		fs->next = palloc(MAX_PATH_LEN);
	initStringInfo(&sorted->names);
	sorted->room = 64;
	sorted->count = sorted->next = 0;
	sorted->at = palloc(sorted->room * sizeof(int));
	while ((name = read_entry(fs, &kind)) != NULL)
	{
		if (sorted->count == sorted->room)
		{
			sorted->room *= 2;
			sorted->at = repalloc_huge(sorted->at, sorted->room * sizeof(int));
		}
		sorted->at[sorted->count++] = sorted->names.len;
		appendStringInfoChar(&sorted->names, (char) kind);
		appendBinaryStringInfo(&sorted->names, name, strlen(name) + 1);
	}
	qsort_arg(sorted->at, sorted->count, sizeof(int), compare_entries, sorted->names.data);
	MemoryContextSwitchTo(old);
}

/* The next entry of the innermost directory to look at; NULL behind the last. */
static const char *
next_entry(FileStore *fs, EntryKind *kind)
{
	SortedEntries *sorted = &fs->directories[fs->depth - 1].sorted;
	const char *entry;

	if (!fs->store.in_order)
		return read_entry(fs, kind);
	if (sorted->at == NULL)
		sort_entries(fs);
	if (sorted->next == sorted->count)
		return NULL;
	entry = sorted->names.data + sorted->at[sorted->next++];
	*kind = (EntryKind) *entry;
	return entry + 1;
}

const char *
file_next_match(FileStore *fs)
{
	Directory  *directory;
	SortedEntries *sorted;

	if (fs->depth == 0)
		return NULL;
	directory = &fs->directories[fs->depth - 1];
	sorted = &directory->sorted;
	if (sorted->at == NULL)
		return NULL;
	memcpy(fs->next, fs->path, directory->path_len);
	for (int i = sorted->next; i < sorted->count; i++)
	{
		const char *entry = sorted->names.data + sorted->at[i];

		if (*entry == ENTRY_DIRECTORY)
			continue;
		strlcpy(fs->next + directory->path_len, entry + 1,
				MAX_PATH_LEN - directory->path_len);
		if (location_matches(fs->location, fs->next))
			return fs->next;
	}
	return NULL;
}

/* ---------- the walk ---------- */

/* Looks at one entry of the innermost directory; true if it is the next object. */
static bool
visit(FileStore *fs, const char *name, EntryKind kind)
{
	Directory  *directory = &fs->directories[fs->depth - 1];
	int			parent = dirfd(directory->dir);

	if (kind == ENTRY_OTHER || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;

	file_set_path(fs, directory->path_len, name, "");
	if (kind == ENTRY_UNKNOWN)
	{
		struct stat st;

		/* a link that leads nowhere matters only where data is expected */
		if (fstatat(parent, name, &st, 0) != 0)
		{
			if (location_matches(fs->location, fs->path))
				file_open_failed(fs);
			return false;
		}
		kind = file_kind_of_mode(st.st_mode);
	}

	if (kind == ENTRY_FILE)
		return location_matches(fs->location, fs->path) &&
			file_open(fs, parent, name);
	if (kind == ENTRY_DIRECTORY)
	{
		file_set_path(fs, directory->path_len, name, "/");
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

	file_set_path(fs, 0, fs->location->pattern, "");
	if (stat(fs->path, &st) != 0)
		file_open_error(fs, "file or directory");
	switch (file_kind_of_mode(st.st_mode))
	{
		case ENTRY_FILE:
			return location_matches(fs->location, fs->path) &&
				file_open(fs, AT_FDCWD, fs->path);
		case ENTRY_DIRECTORY:
			file_set_path(fs, 0, fs->location->pattern, "/");
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
	file_set_path(fs, 0, fs->location->prefix, "");
	enter_directory(fs, AT_FDCWD, fs->path);
	return false;
}

/* The same at the next place that a narrowed listing has to look at. */
static bool
start_at_prefix(FileStore *fs, const char *prefix)
{
	struct stat st;

	file_set_path(fs, 0, prefix, "");
	if (stat(fs->path, &st) != 0)
	{
		if (errno == ENOENT || errno == ENOTDIR)
			return false;
		file_open_error(fs, "file or directory");
	}
	if (prefix[strlen(prefix) - 1] != '/')
		return S_ISREG(st.st_mode) && file_open(fs, AT_FDCWD, fs->path);
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

bool
file_walk_next(FileStore *fs)
{
	for (;;)
	{
		const char *name;
		EntryKind	kind;
		bool		found = false;

		if (fs->depth == 0)
		{
			if (!start_next(fs, &found))
				break;
			if (found)
				return true;
			continue;
		}

		name = next_entry(fs, &kind);
		if (name == NULL)
			leave_directory(fs);
		else if (visit(fs, name, kind))
			return true;
	}
	tell_if_none(fs);
	return false;
}

void
file_walk_end(FileStore *fs)
{
	file_close(fs);
	while (fs->depth > 0)
		leave_directory(fs);
}
