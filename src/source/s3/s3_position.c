/*-------------------------------------------------------------------------
 *
 * s3_position.c
 *	  Positions of streams in locations: each object is read once.
 *
 * A split is an object, known by its path, and its position says which object of
 * that path has been read: its ETag, or, for files, size and time of change.
 * Nothing is concluded from names and times, not even from those of a sink:
 * objects may come late, and listings and reads in any order.  What that costs is
 * a row for each object, next to a request for it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "source/s3/s3_source.h"

/* An object that has been read before. */
typedef struct KnownObject
{
	const char *path;
	const char *position;
	char		status;
} KnownObject;

#define SH_PREFIX known
#define SH_ELEMENT_TYPE KnownObject
#define SH_KEY_TYPE const char *
#define SH_KEY path
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(tb, a, b) (strcmp(a, b) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct S3Positions
{
	MemoryContext context;
	const SourceResume *resume;
	known_hash *known;
	List	   *reached;		/* of SourcePosition: read in this scan */
} S3Positions;

/* Which object of its path it is. */
static char *
object_position(const StoreObject *object)
{
	if (object->etag != NULL)
		return pstrdup(object->etag);
	return psprintf("%lld bytes, " INT64_FORMAT, (long long) object->size,
					(int64) object->last_modified);
}

static void
resume(Source *source, const SourceResume *from)
{
	S3Source   *s3 = (S3Source *) source;
	S3Positions *positions = palloc0(sizeof(S3Positions));
	ListCell   *lc;

	positions->context = CurrentMemoryContext;
	positions->resume = from;
	positions->known = known_create(CurrentMemoryContext, list_length(from->positions), NULL);
	foreach(lc, from->positions)
	{
		const SourcePosition *position = lfirst(lc);
		bool		found;
		KnownObject *known = known_insert(positions->known, position->split, &found);

		known->position = position->position;
	}
	s3->positions = positions;
	s3_filter_objects(s3);
}

bool
s3_object_is_new(S3Source *s3)
{
	const StoreObject *object = s3->object;
	const SourceResume *resume = s3->positions->resume;
	const KnownObject *known;
	char	   *position;
	bool		is_new;

	if (!resume->wants(resume->arg, object->uri))
		return false;
	known = known_lookup(s3->positions->known, object->uri);
	if (known == NULL)
		return object->last_modified >= resume->since;
	position = object_position(object);
	is_new = strcmp(known->position, position) != 0;
	pfree(position);
	return is_new;
}

void
s3_note_object(S3Source *s3)
{
	S3Positions *positions = s3->positions;
	MemoryContext old = MemoryContextSwitchTo(positions->context);
	SourcePosition *position = palloc0(sizeof(SourcePosition));

	position->split = pstrdup(s3->object->uri);
	position->position = object_position(s3->object);
	position->lag_ms = -1;
	positions->reached = lappend(positions->reached, position);
	MemoryContextSwitchTo(old);
}

/* A scan ends behind an object, so all that have been begun have been read. */
static List *
reached(Source *source)
{
	return copy_positions(((S3Source *) source)->positions->reached);
}

static void
locate(Source *source, const RecordPlace *place, SourcePosition *position)
{
	position->split = ((S3Source *) source)->object->uri;
	position->position = psprintf("line %lld", (long long) place->line);
	position->mark = NULL;
}

/* Any text will do: one that is not the object's has it read again. */
static void
check(const SourcePosition *position)
{
	if (strstr(position->split, "://") == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid split \"%s\"", position->split),
				 errhint("It is the path of an object, such as \"s3://bucket/folder/name.json\".")));
}

const SourcePositions s3_positions = {
	.resume = resume,
	.reached = reached,
	.locate = locate,
	.check = check,
};
