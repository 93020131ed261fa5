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
#include "source/upload.h"
#include "storage/fd.h"

/* As COPY TO makes files: who may enter the folder may read them. */
#define FILE_MODE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

typedef struct FileUpload
{
	Upload		base;
	MemoryContext context;
	int			folder;			/* descriptor, or -1 */
	int			fd;				/* of the file being written, or -1 */
	char	   *folder_path;	/* ends in "/" */
	List	   *names;			/* of all files, the last one is being written */
	int			nnamed;			/* so many of them have their names */
	MemoryContextCallback on_reset;
} FileUpload;

static char *
temporary_name(const char *name)
{
	return psprintf(".%s.tmp", name);
}

/* ---------- descriptors ---------- */

static int
open_counted(int folder, const char *name, int flags)
{
	int			fd;

	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many files are open to write another"),
				 errhint("Increase max_files_per_process, or write to fewer foreign tables at a time.")));
	fd = openat(folder, name, flags | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, FILE_MODE);
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
	char		name[MAXPGPATH];

	(void) close_counted(&upload->fd);
	for (int i = 0; upload->folder >= 0 && i < list_length(upload->names); i++)
	{
		const char *wanted = list_nth(upload->names, i);

		/* no palloc here: it could raise an error */
		snprintf(name, sizeof(name), ".%s.tmp", wanted);
		(void) unlinkat(upload->folder, name, 0);
		if (i < upload->nnamed)
			(void) unlinkat(upload->folder, wanted, 0);
	}
	(void) close_counted(&upload->folder);
}

/* ---------- the upload ---------- */

static void
open_folder(FileUpload *upload, const char *key)
{
	const char *slash = strrchr(key, '/');

	upload->folder_path = MemoryContextStrdup(upload->context, pnstrdup(key, slash + 1 - key));
	upload->folder = open_counted(AT_FDCWD, upload->folder_path, O_RDONLY | O_DIRECTORY);
	if (upload->folder < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open directory \"%s\": %m", upload->folder_path),
				 errhint("Files are written into folders that exist.")));
}

static void
file_begin(Upload *base, const char *key)
{
	FileUpload *upload = (FileUpload *) base;
	MemoryContext old = MemoryContextSwitchTo(upload->context);
	char	   *name;

	if (upload->folder < 0)
		open_folder(upload, key);
	name = pstrdup(strrchr(key, '/') + 1);
	upload->names = lappend(upload->names, name);
	MemoryContextSwitchTo(old);

	upload->fd = open_counted(upload->folder, temporary_name(name),
							  O_WRONLY | O_CREAT | O_EXCL);
	if (upload->fd < 0 || fchmod(upload->fd, FILE_MODE) < 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not create file \"%s%s\": %m", upload->folder_path, name)));
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
					 errmsg("could not write to file \"%s%s\": %m", upload->folder_path,
							(char *) llast(upload->names))));
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
				 errmsg("could not write file \"%s%s\" to disk: %m", upload->folder_path,
						(char *) llast(upload->names))));
}

/* Some file systems have no second links. */
static int
give_name(int folder, const char *from, const char *to)
{
	if (linkat(folder, from, folder, to, 0) == 0)
		return unlinkat(folder, from, 0);
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
		return -1;
	if (faccessat(folder, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
	{
		errno = EEXIST;
		return -1;
	}
	return renameat(folder, from, folder, to);
}

static void
file_finish(Upload *base)
{
	FileUpload *upload = (FileUpload *) base;
	ListCell   *lc;

	foreach(lc, upload->names)
	{
		char	   *name = lfirst(lc);
		char	   *temporary = temporary_name(name);

		CHECK_FOR_INTERRUPTS();
		if (give_name(upload->folder, temporary, name) < 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not name file \"%s%s\": %m", upload->folder_path, name)));
		pfree(temporary);
		upload->nnamed++;
	}
	if (upload->folder >= 0 && pg_fsync(upload->folder) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not write directory \"%s\" to disk: %m", upload->folder_path)));
	upload->base.complete = upload->nnamed;
	upload->names = NIL;		/* from here on they stay */
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
	.finish = file_finish,
	.remaining = file_remaining,
};

Upload *
file_upload_open(void)
{
	FileUpload *upload = palloc0(sizeof(FileUpload));

	upload->base.ops = &file_upload_ops;
	upload->context = CurrentMemoryContext;
	upload->folder = -1;
	upload->fd = -1;
	upload->on_reset.func = on_context_reset;
	upload->on_reset.arg = upload;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &upload->on_reset);
	return &upload->base;
}
