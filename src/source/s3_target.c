/*-------------------------------------------------------------------------
 *
 * s3_target.c
 *	  The target of s3_json: records as objects below a location.
 *
 * The objects of one statement are called
 *
 *	  20240131T235959Z-0123456789abcdef-000000.json[.gz|.zst]
 *
 * by the time it began, 64 random bits and a number, so that statements may
 * write side by side and names sort as they were written.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "pgtime.h"
#include "source/s3_target.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Records are handed on in pieces of about this size. */
#define PIECE (128 * 1024)

typedef struct S3Target
{
	Target		base;
	S3TargetConfig config;
	Upload	   *upload;
	Compressor *compressor;
	MemoryContext context;		/* of one object */
	char	   *stem;			/* of all names, with the folder; NULL before the
								 * first object */
	int64		objects;		/* begun */
	int64		rows;			/* in the current object; 0: there is none */
	StringInfoData pending;		/* records not yet handed on */
	StringInfoData packed;		/* the same, compressed */
} S3Target;

void
s3_target_check(const Location *location)
{
	if (strchr(location->pattern, '*') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("cannot write to location \"%s\"", location->uri),
				 errdetail("It has wildcards."),
				 errhint("Insert into a foreign table whose location is a folder.")));
	if (location->layout == LAYOUT_SINK)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot write to location \"%s\"", location->uri),
				 errdetail("INSERT does not write the layout \"%s\".", "sink"),
				 errhint("Insert into a foreign table with layout \"%s\".", "plain")));
}

/* ---------- names ---------- */

static char *
random_text(void)
{
	uint64		bits;

	if (!pg_strong_random(&bits, sizeof(bits)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	return psprintf("%016llx", (unsigned long long) bits);
}

/* The folder, and what all names of this statement begin with. */
static char *
make_stem(const Location *location)
{
	const char *folder = location->pattern;
	size_t		len = strlen(folder);
	pg_time_t	now = timestamptz_to_time_t(GetCurrentTimestamp());
	char		stamp[32];

	pg_strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", pg_gmtime(&now));
	return psprintf("%s%s%s-%s", folder, len == 0 || folder[len - 1] == '/' ? "" : "/",
					stamp, random_text());
}

static char *
key_of(const S3Target *target, int64 number)
{
	return psprintf("%s-%06lld.json%s", target->stem, (long long) number,
					compress_suffix(target->compressor));
}

/* ---------- objects ---------- */

/* Hands on what is pending. */
static void
hand_on(S3Target *target, bool last)
{
	StringInfo	bytes = &target->pending;

	if (compress_suffix(target->compressor)[0] != '\0')
	{
		bytes = &target->packed;
		resetStringInfo(bytes);
		compress_append(target->compressor, target->pending.data, target->pending.len,
						last, bytes);
	}
	if (bytes->len > 0)
		target->upload->ops->write(target->upload, bytes->data, bytes->len);
	resetStringInfo(&target->pending);
}

static void
begin_object(S3Target *target)
{
	MemoryContext old;

	if (target->stem == NULL)
	{
		old = MemoryContextSwitchTo(GetMemoryChunkContext(target));
		target->stem = make_stem(target->config.location);
		MemoryContextSwitchTo(old);
	}
	old = MemoryContextSwitchTo(target->context);
	target->upload->ops->begin(target->upload, key_of(target, target->objects));
	MemoryContextSwitchTo(old);
	target->objects++;
}

static void
end_object(S3Target *target)
{
	if (target->config.array)
		appendStringInfoString(&target->pending, "]\n");
	hand_on(target, true);
	target->upload->ops->end(target->upload);
	target->base.complete = target->upload->complete;
	target->rows = 0;
	MemoryContextReset(target->context);
}

static void
s3_target_put(Target *base, const char *record, size_t len)
{
	S3Target   *target = (S3Target *) base;

	if (target->rows == 0)
		begin_object(target);
	if (target->config.array)
		appendStringInfoCharMacro(&target->pending, target->rows == 0 ? '[' : ',');
	appendBinaryStringInfo(&target->pending, record, len);
	appendStringInfoCharMacro(&target->pending, '\n');
	if (++target->rows == target->config.rows_per_object)
		end_object(target);
	else if (target->pending.len >= PIECE)
		hand_on(target, false);
}

static void
s3_target_finish(Target *base)
{
	S3Target   *target = (S3Target *) base;

	if (target->rows > 0)
		end_object(target);
	target->upload->ops->finish(target->upload);
	target->base.complete = target->upload->complete;
}

static char *
uri_of(const S3Target *target, int64 number)
{
	return location_uri_of(target->config.location, key_of(target, number));
}

/* Adds a sentence that ends with the names of objects. */
static void
add_names(const S3Target *target, StringInfo text, const char *what, List *keys)
{
	ListCell   *lc;

	if (keys == NIL)
		return;
	appendStringInfo(text, "%s%s", text->len > 0 ? " " : "", what);
	foreach(lc, keys)
		appendStringInfo(text, "%s \"%s\"", foreach_current_index(lc) > 0 ? "," : ":",
						 location_uri_of(target->config.location, lfirst(lc)));
	appendStringInfoChar(text, '.');
}

static char *
s3_target_remains(Target *base)
{
	S3Target   *target = (S3Target *) base;
	int64		complete = target->upload->complete;
	List	   *more = NIL;
	List	   *doubtful = NIL;
	StringInfoData text;

	target->upload->ops->remaining(target->upload, &more, &doubtful);
	base->complete = complete;
	initStringInfo(&text);
	if (complete > 2)
		appendStringInfo(&text, "%lld objects were complete, and stay: \"%s\" to \"%s\".",
						 (long long) complete, uri_of(target, 0), uri_of(target, complete - 1));
	else
		for (int64 i = complete; i > 0; i--)
			more = lcons(key_of(target, i - 1), more);
	add_names(target, &text, complete > 2 ? "Complete as well" : "Complete, and staying", more);
	add_names(target, &text, "May be there as well", doubtful);
	return text.len > 0 ? text.data : NULL;
}

static const TargetOps s3_target_ops = {
	.put = s3_target_put,
	.finish = s3_target_finish,
	.remains = s3_target_remains,
};

Target *
s3_target_open(const S3TargetConfig *config, Upload *upload)
{
	S3Target   *target = palloc0(sizeof(S3Target));

	target->base.ops = &s3_target_ops;
	target->base.name = config->location->uri;
	target->base.unit = "objects";
	target->config = *config;
	target->upload = upload;
	target->compressor = compress_open(config->compression);
	target->context = AllocSetContextCreate(CurrentMemoryContext, "pinterest object",
											ALLOCSET_SMALL_SIZES);
	initStringInfo(&target->pending);
	initStringInfo(&target->packed);
	return &target->base;
}
