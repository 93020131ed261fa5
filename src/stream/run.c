/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Doing something with a stream that nobody else does meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "stream/catalog.h"
#include "stream/run.h"

/* A run of a stream.  What it calls may run other streams. */
typedef struct Run
{
	const Stream *stream;
	const struct Run *outer;
} Run;

static const Run *running = NULL;	/* the innermost */

Stream *
run_lock(const char *name)
{
	Stream	   *stream = catalog_lock_stream(name);

	for (const Run *run = running; run != NULL; run = run->outer)
		if (strcmp(run->stream->name, stream->name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("stream \"%s\" is already running in this session", stream->name),
					 errhint("Triggers of its target, and functions that its query calls, can neither run nor change it.")));
	return stream;
}

void
run_check(const Stream *stream)
{
	if (!OidIsValid(stream->ownerid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", the owner of stream \"%s\", does not exist", stream->owner,
						stream->name)));
	if (stream->paused)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("stream \"%s\" is paused", stream->name),
				 errdetail("It was created in another database, of which this one is a copy."),
				 errhint("To have it run here, call pinterest.resume_stream().")));
}

/* What the user has called; shown with errors of all that runs in it. */
static void
add_context(void *arg)
{
	errcontext("stream \"%s\"", ((const Stream *) arg)->name);
}

void
run_stream(const char *name, void (*work) (const Stream *stream, void *arg), void *arg)
{
	Stream	   *stream = run_lock(name);
	Run			run = {stream, running};
	ErrorContextCallback callback;

	run_check(stream);
	running = &run;
	PG_TRY();
	{
		/* the end of PG_TRY takes it away */
		callback.callback = add_context;
		callback.arg = stream;
		callback.previous = error_context_stack;
		error_context_stack = &callback;
		work(stream, arg);
	}
	PG_FINALLY();
	{
		running = run.outer;
	}
	PG_END_TRY();
}
