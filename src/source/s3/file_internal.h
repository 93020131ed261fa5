/*-------------------------------------------------------------------------
 *
 * file_internal.h
 *	  The structure of the store of files, for file_store.c, file_walk.c and
 *	  file_object.c alone.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_FILE_INTERNAL_H
#define PINTEREST_FILE_INTERNAL_H

#include "postgres.h"

#include <dirent.h>
#include <sys/stat.h>

#include "source/s3/store.h"

/* Levels of directories below each other; one descriptor each. */
#define MAX_DEPTH 64

/* Linux PATH_MAX. */
#define MAX_PATH_LEN 4096

#define URI_START "file://"

typedef enum EntryKind
{
	ENTRY_UNKNOWN,				/* a symbolic link, or not told by readdir */
	ENTRY_FILE,
	ENTRY_DIRECTORY,
	ENTRY_OTHER					/* pipe, socket, device: never data */
} EntryKind;

/* A directory's entries in order, for Store.in_order. */
typedef struct SortedEntries
{
	StringInfoData names;		/* each behind a byte for its kind */
	int		   *at;				/* where in it they begin; NULL: there are none */
	int			room;
	int			count;
	int			next;
} SortedEntries;

typedef struct Directory
{
	DIR		   *dir;
	SortedEntries sorted;
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
	char	   *next;			/* of the object, if it has one */
	int64		received;		/* bytes of it read so far */
	bool		counted;		/* is it among counters.objects? */

	MemoryContext supply_context;	/* of an object that was supplied */
	MemoryContextCallback on_reset;
	char		uri[sizeof(URI_START) + MAX_PATH_LEN];
	char	   *path;			/* the part of uri behind file:// */
} FileStore;

/* file_object.c */

/* open() below the directory dir (or AT_FDCWD); -1 and errno if it fails. */
extern int	file_open_counted(int dir, const char *name, int flags);

/*
 * Opens the file that the path names, and makes it the current object; false
 * if it is no regular file, not wanted, or gone.  The size and time that the
 * object tells are those of the open file: no other look at it is needed.
 */
extern bool file_open(FileStore *fs, int parent, const char *name);
extern void file_close(FileStore *fs);

/* Puts name and end behind the first path_len bytes of the path. */
extern void file_set_path(FileStore *fs, size_t path_len, const char *name, const char *end);

/* What has been listed is not there, as errno says: is that to be overlooked? */
extern bool file_may_be_gone(const FileStore *fs);

/*
 * The file that the path names could not be opened or looked at, as errno says:
 * returns only if that may be.
 */
extern void file_open_failed(FileStore *fs);

/* These raise errors; the first as errno says. */
extern void file_open_error(FileStore *fs, const char *what);
extern void file_report_changed(FileStore *fs);

/* Is the file what it was when it was opened? */
extern void file_check_same(FileStore *fs);

/*
 * A file is complete when as many bytes have come as it had when it was
 * opened, and it has not been touched since: no read beyond the end is
 * needed, and what is written behind that end meanwhile shows as a change.
 */
extern void file_check_complete(FileStore *fs);

/* file_walk.c */

/* Of objects in order: the key of the one behind that of the path, or NULL. */
extern const char *file_next_match(FileStore *fs);

extern EntryKind file_kind_of_mode(mode_t mode);
extern EntryKind file_kind_of_entry(const struct dirent *entry);

/* Opens the next file that is wanted; false behind the last. */
extern bool file_walk_next(FileStore *fs);

/* Closes all that is open. */
extern void file_walk_end(FileStore *fs);

#endif							/* PINTEREST_FILE_INTERNAL_H */
