/*-------------------------------------------------------------------------
 *
 * file_upload.c
 *	  Objects on their way into a directory.
 *
 * A file is written under a temporary name that begins with "." (which no
 * location takes for data), made durable, and gets its name at the very end,
 * when all files of the statement are complete: a statement that fails leaves
 * nothing behind.  That costs a name in memory for each file.
 *
 * A file gets its name by a second link, which fails where a name exists
 * already, rather than by a rename, which would replace it.
 *
 * Descriptors are the operating system's own, for the reasons that
 * file_store.c gives.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "source/s3/upload.h"
#include "storage/fd.h"

/* As COPY TO makes files: who may enter the folder may read them. */
#define FILE_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)
#define FOLDER_MODE (S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH)

/* Beyond PATH_MAX, so that a name that is cut off is an error too. */
#define MAX_TEMPORARY (4096 + 64)

typedef struct FileUpload
{
	Upload		base;
	MemoryContext context;
	const char *root;			/* ends in "/" */
	char	   *mark;			/* in all temporary names */
	int			fd;				/* of the file being written, or -1 */
	List	   *paths;			/* of all files, the last one is being written */
	int			nnamed;			/* so many of them have their names */
	List	   *folders;		/* in which there is something new; end in "/" */
	List	   *made;			/* folders that were not there, outer ones first */
	MemoryContextCallback on_reset;
} FileUpload;

/*
 * The temporary name of a file: nobody else's, whoever else writes a file of that
 * name.  No palloc here: the reset callback calls it.
 */
static void
set_temporary(const FileUpload *upload, char *temporary, const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	snprintf(temporary, MAX_TEMPORARY, "%.*s.%s.%s.tmp", (int) (name - path), path, name,
			 upload->mark);
}

/* ---------- descriptors ---------- */

static int
open_counted(const char *path, int flags)
{
	int			fd;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many files are open to write another"),
				 errhint("Increase max_files_per_process, or write to fewer foreign tables at a time.")));
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY, FILE_MODE);
	if (fd < 0)
	{
		int			save_errno = errno;

		ReleaseExternalFD();
		errno = save_errno;
	}
	return fd;
}

static int
close_counted(int *fd)
{
	int			rc;

	if (*fd < 0)
		return 0;
	rc = close(*fd);
	*fd = -1;
	ReleaseExternalFD();
	return rc;
}

/*
 * The context goes, after an error or not: removes what has not become part
 * of the table, names given included, unless finish gave all of them.
 */
static void
on_context_reset(void *arg)
{
	FileUpload *upload = arg;
	char		temporary[MAX_TEMPORARY];

	(void) close_counted(&upload->fd);
	for (int i = 0; i < list_length(upload->paths); i++)
	{
		const char *path = list_nth(upload->paths, i);

		set_temporary(upload, temporary, path);
		(void) unlink(temporary);
		if (i < upload->nnamed)
			(void) unlink(path);
	}
	for (int i = list_length(upload->made); i > 0; i--)
		(void) rmdir(list_nth(upload->made, i - 1));
}

/* ---------- folders ---------- */

/* Something new is in the first len bytes of path, a folder. */
static void
note_folder(FileUpload *upload, const char *path, size_t len)
{
	ListCell   *lc;

	foreach(lc, upload->folders)
		if (strlen(lfirst(lc)) == len && memcmp(lfirst(lc), path, len) == 0)
			return;
	upload->folders = lappend(upload->folders, pnstrdup(path, len));
}

static void
check_root(const FileUpload *upload)
{
	struct stat st;

	if (stat(upload->root, &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open directory \"%s\": %m", upload->root),
				 errhint("Create the directory first: only those below it are made.")));
}

/* Makes the folder of a file, and those above it up to the root. */
static void
make_folders(FileUpload *upload, const char *path)
{
	const char *slash = path + strlen(upload->root) - 1;

	if (upload->folders == NIL)
		check_root(upload);
	for (;;)
	{
		const char *parent = slash + 1;
		char	   *folder;

		slash = strchr(parent, '/');
		if (slash == NULL)
		{
			note_folder(upload, path, parent - path);
			return;
		}
		folder = pnstrdup(path, slash - path);

		/* nothing may fail between making it and noting that */
		upload->made = lappend(upload->made, folder);
		if (mkdir(folder, FOLDER_MODE) == 0)
		{
			note_folder(upload, path, parent - path);
			if (chmod(folder, FOLDER_MODE) == 0)
				continue;
		}
		else
			upload->made = list_delete_last(upload->made);
		if (errno != EEXIST)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not create directory \"%s\": %m", folder)));
	}
}

/* ---------- the upload ---------- */

static void
file_begin(Upload *base, const char *key)
{
	FileUpload *upload = (FileUpload *) base;
	MemoryContext old = MemoryContextSwitchTo(upload->context);
	char	   *path = pstrdup(key);
	char		temporary[MAX_TEMPORARY];

	make_folders(upload, path);
	upload->paths = lappend(upload->paths, path);
	MemoryContextSwitchTo(old);

	set_temporary(upload, temporary, path);
	upload->fd = open_counted(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
	if (upload->fd < 0 || fchmod(upload->fd, FILE_MODE) < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s\": %m", path)));
}

static void
file_write(Upload *base, const char *data, size_t len)
{
	FileUpload *upload = (FileUpload *) base;

	while (len > 0)
	{
		ssize_t		n;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		n = write(upload->fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write to file \"%s\": %m",
							(char *) llast(upload->paths))));
		}
		data += n;
		len -= n;
	}
}

static void
file_end(Upload *base)
{
	FileUpload *upload = (FileUpload *) base;

	if (pg_fsync(upload->fd) != 0 || close_counted(&upload->fd) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not fsync file \"%s\": %m",
						(char *) llast(upload->paths))));
}

/* A name that is taken shows at finish, and then nothing is left. */
static void
file_settle(Upload *base)
{
}

/* Some file systems have no second links. */
static int
give_name(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return unlink(from);
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	if (access(to, F_OK) == 0)
	{
		errno = EEXIST;
		return -1;
	}
	return rename(from, to);
}

static void
sync_folder(const char *path)
{
	int			fd = open_counted(path, O_RDONLY | O_DIRECTORY);
	int			rc = fd < 0 ? -1 : pg_fsync(fd);
	int			save_errno = errno;

	(void) close_counted(&fd);
	errno = save_errno;
	if (rc != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not fsync directory \"%s\": %m", path)));
}

static void
file_finish(Upload *base)
{
	FileUpload *upload = (FileUpload *) base;
	char		temporary[MAX_TEMPORARY];
	ListCell   *lc;

	foreach(lc, upload->paths)
	{
		const char *path = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		set_temporary(upload, temporary, path);
		if (give_name(temporary, path) < 0)
		{
			if (errno == EEXIST)
				upload_name_taken(psprintf("file://%s", path));
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not rename file to \"%s\": %m", path)));
		}
		upload->nnamed++;
	}
	foreach(lc, upload->folders)
		sync_folder(lfirst(lc));
	upload->base.complete = upload->nnamed;

	/* from here on they stay */
	upload->paths = NIL;
	upload->made = NIL;
}

/* The reset callback removes everything. */
static void
file_remaining(Upload *base, List **complete, List **doubtful)
{
}

static const UploadOps file_upload_ops = {
	.begin = file_begin,
	.write = file_write,
	.end = file_end,
	.settle = file_settle,
	.finish = file_finish,
	.remaining = file_remaining,
};

Upload *
file_upload_open(const char *root)
{
	FileUpload *upload = palloc0(sizeof(FileUpload));

	upload->base.ops = &file_upload_ops;
	upload->context = CurrentMemoryContext;
	upload->root = pstrdup(root);
	upload->mark = random_hex();
	upload->fd = -1;
	upload->on_reset.func = on_context_reset;
	upload->on_reset.arg = upload;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &upload->on_reset);
	return &upload->base;
}
