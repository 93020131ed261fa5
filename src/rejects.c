/*-------------------------------------------------------------------------
 *
 * rejects.c
 *	  Bad records: what is done with them, how many there may be, what is said.
 *
 * A scan that starts over, for example inside a join, meets the same bad
 * records again.  What is told at the end is how many one pass had at most;
 * the processes of a parallel scan count together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "option.h"
#include "record.h"
#include "rejects.h"

void
rejects_init(Rejects *rejects, List *table_options)
{
	rejects->on_error = option_enum(table_options, "on_error");
	rejects->verbosity = option_enum(table_options, "log_verbosity");
	rejects->limit = option_integer(table_options, "reject_limit", PG_INT64_MAX);
	rejects->limited = option_given(table_options, "reject_limit");
}

void
rejects_init_batch(Rejects *rejects, bool stops)
{
	rejects->on_error = stops ? ON_ERROR_STOP : ON_ERROR_IGNORE;
	rejects->verbosity = VERBOSITY_SILENT;
	rejects->limit = PG_INT64_MAX;
	rejects->of_batch = true;
}

bool
rejects_must_find(const Rejects *rejects)
{
	return rejects->on_error == ON_ERROR_IGNORE || rejects->limited;
}

/* A pass over the source has ended: how many did it reject? */
static void
note_pass(Rejects *rejects)
{
	int64		rejected = rejects->in_pass;

	if (rejects->shared != NULL)
		rejected = (int64) pg_atomic_read_u64(rejects->shared);
	rejects->most = Max(rejects->most, rejected);
}

void
rejects_share(Rejects *rejects, pg_atomic_uint64 *shared, bool is_worker)
{
	if (rejects->shared != NULL)
		note_pass(rejects);
	rejects->shared = shared;
	rejects->is_worker = is_worker;
}

/*
 * Messages
 */

static int
record_sqlstate(JsonError error)
{
	switch (error)
	{
		case JSON_ERROR_UTF8:
			return ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
		case JSON_ERROR_ZERO:
			return ERRCODE_UNTRANSLATABLE_CHARACTER;
		case JSON_ERROR_DEPTH:
		case JSON_ERROR_TOO_LARGE:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		default:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
	}
}

static int
record_hint(const Rejects *rejects, JsonError error)
{
	if (error == JSON_ERROR_TOO_LARGE)
		return errhint("Raise the setting \"pinterest.max_record_size\", now %d kB.",
					   pinterest_max_record_size);
	if (rejects->of_batch)
		return errhint("A stream with on_error 'dead_letter' keeps bad records aside.");
	return errhint("To read past bad records, set option \"on_error\" of the table to \"ignore\" or \"set_null\".");
}

/* Where in a record it went wrong. */
static char *
describe_error_place(const JsonRecord *record, bool is_message)
{
	long long	at = record->error_at + 1;

	if (is_message)
		return psprintf("The error is at byte %lld of the record.", at);
	return psprintf("The error is at byte %lld of the record, which begins at byte %lld.",
					at, (long long) record->offset + 1);
}

static void
raise_bad_record(const Rejects *rejects, const JsonRecord *record, bool is_message)
{
	ereport(ERROR,
			(errcode(record_sqlstate(record->error)),
			 errmsg("invalid JSON record"),
			 errdetail("%s %s", json_error_detail(record->error),
					   describe_error_place(record, is_message)),
			 record_hint(rejects, record->error)));
}

/*
 * Counting
 */

bool
rejects_add(Rejects *rejects, const JsonRecord *record, bool is_message,
			const char **message)
{
	int64		rejected = ++rejects->in_pass;

	if (rejects->shared != NULL)
		rejected = pg_atomic_add_fetch_u64(rejects->shared, 1);
	if (*message == NULL)
	{
		if (rejects->on_error == ON_ERROR_STOP)
			raise_bad_record(rejects, record, is_message);
		*message = json_error_detail(record->error);
	}
	if (rejected > rejects->limit)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("more bad records than option \"reject_limit\" allows (%lld)",
						(long long) rejects->limit),
				 errdetail("The last one: %s", *message)));
	if (rejects->verbosity == VERBOSITY_VERBOSE)
		ereport(NOTICE,
				(errmsg("bad record: %s", *message)));
	return rejects->on_error != ON_ERROR_IGNORE;
}

int64
rejects_total(const Rejects *rejects)
{
	return rejects->before + rejects->in_pass;
}

void
rejects_rewind(Rejects *rejects)
{
	note_pass(rejects);
	rejects->before += rejects->in_pass;
	rejects->in_pass = 0;
}

void
rejects_tell(Rejects *rejects, const char *wrapper, const char *table)
{
	int64		rejected;

	note_pass(rejects);
	rejected = rejects->most;
	if (rejected == 0 || rejects->verbosity == VERBOSITY_SILENT || rejects->is_worker)
		return;
	ereport(NOTICE,
			(errmsg_plural("%lld bad record in %s table \"%s\"",
						   "%lld bad records in %s table \"%s\"",
						   (unsigned long) rejected, (long long) rejected,
						   wrapper, table),
			 rejects->on_error == ON_ERROR_IGNORE ?
			 errdetail_plural("It was skipped.", "They were skipped.",
							  (unsigned long) rejected) :
			 errdetail_plural("It is a row of NULLs.", "They are rows of NULLs.",
							  (unsigned long) rejected)));
}
