/*-------------------------------------------------------------------------
 *
 * file_object.c
 *	  Opens one file of a folder, and knows whether it is still the same.
 *
 * Descriptors are the operating system's own, counted with AcquireExternalFD,
 * and closed by a reset callback of the memory context.  OpenTransientFile and
 * AllocateDir would not do: they close what they opened at the end of the
 * subtransaction that was current then, while a cursor that first fetches inside
 * a savepoint lives on after ROLLBACK TO and would find its descriptor closed, or
 * worse, belonging to somebody else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "source/s3/file_internal.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

/* From this size on, the kernel is told that we read to the end. */
#define READAHEAD_SIZE (1024 * 1024)

int
file_open_counted(int dir, const char *name, int flags)
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

void
file_close(FileStore *fs)
{
	if (fs->fd >= 0)
	{
		close(fs->fd);
		ReleaseExternalFD();
		fs->fd = -1;
	}
}

void
file_set_path(FileStore *fs, size_t path_len, const char *name, const char *end)
{
	size_t		room = MAX_PATH_LEN - path_len;

	if (snprintf(fs->path + path_len, room, "%s%s", name, end) >= room)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("path of a file below \"%s\" is too long",
						fs->location->prefix),
				 errdetail("A path may have up to %d bytes.", MAX_PATH_LEN - 1)));
}

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

void
file_open_error(FileStore *fs, const char *what)
{
	const char *hint = open_hint(fs, errno);

	ereport(ERROR,
			(errcode_for_file_access(),
			 errmsg("could not open %s \"%s\": %m", what, fs->path),
			 hint ? errhint("%s", hint) : 0));
}

void
file_report_changed(FileStore *fs)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("file \"%s\" was changed while it was being read", fs->path),
			 errhint("Run the query again. Write files under another name and rename them when they are complete.")));
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
	file_close(fs);
	ereport(ERROR,
			(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
			 errmsg("name of file \"%s\" is not valid in encoding \"%s\"",
					shown.data, GetDatabaseEncodingName()),
			 errhint("Rename the file, or use a location that does not match it.")));
}

bool
file_may_be_gone(const FileStore *fs)
{
	return errno == ENOENT && is_listed(fs) && fs->store.skip_missing;
}

void
file_open_failed(FileStore *fs)
{
	if (!file_may_be_gone(fs))
		file_open_error(fs, "file");
	fs->store.counters.missing++;
}

bool
file_open(FileStore *fs, int parent, const char *name)
{
	/* O_NONBLOCK: a pipe that has taken the file's place must not stop us */
	fs->fd = file_open_counted(parent, name, O_NONBLOCK);
	if (fs->fd < 0)
	{
		file_open_failed(fs);
		return false;
	}
	if (fstat(fs->fd, &fs->opened) != 0)
		file_open_error(fs, "file");
	if (!S_ISREG(fs->opened.st_mode))
	{
		file_close(fs);
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
	fs->object.next = file_next_match(fs);
	if (fs->store.supply == NULL && !store_wants(&fs->store, &fs->object))
	{
		fs->store.counters.filtered++;
		file_close(fs);
		return false;
	}
	return true;
}

void
file_check_same(FileStore *fs)
{
	struct stat now;

	if (fstat(fs->fd, &now) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", fs->path)));
	if (now.st_size != fs->opened.st_size ||
		now.st_mtime != fs->opened.st_mtime)
		file_report_changed(fs);
#ifdef __linux__
	if (now.st_mtim.tv_nsec != fs->opened.st_mtim.tv_nsec)
		file_report_changed(fs);
#endif
}

void
file_check_complete(FileStore *fs)
{
	if (fs->received != fs->opened.st_size)
		file_report_changed(fs);
	file_check_same(fs);
}
