/*-------------------------------------------------------------------------
 *
 * s3_parallel.c
 *	  How the processes of a parallel scan share the objects of a location.
 *
 * What they hand around is an object, or a part of a large one: the lines that
 * begin in a range of its bytes.  A directory is listed by one process before
 * the others begin, which takes no time worth sharing; a bucket by turns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/s3.h"
#include "source/s3/s3_source.h"

/* Setting pinterest.part_size, in kB. */
int			pinterest_part_size = 32 * 1024;

/* Key and etag follow, with their zero bytes. */
typedef struct PackedBody
{
	int64		size;
	TimestampTz last_modified;
	int64		from;			/* as in StoreObject */
	int64		to;
	int			key_len;
	bool		has_etag;
} PackedBody;

static void
pack(StringInfo to, const StoreObject *object)
{
	PackedBody	packed = {0};

	packed.size = object->size;
	packed.last_modified = object->last_modified;
	packed.from = object->from;
	packed.to = object->to;
	packed.key_len = strlen(object->key);
	packed.has_etag = object->etag != NULL;
	resetStringInfo(to);
	appendBinaryStringInfo(to, (char *) &packed, sizeof(packed));
	appendBinaryStringInfo(to, object->key, packed.key_len + 1);
	if (packed.has_etag)
		appendBinaryStringInfo(to, object->etag, strlen(object->etag) + 1);
}

/* Does the listing leave open whether objects are compressed? */
static bool
is_unsure(const S3Source *s3)
{
	return s3->compression == COMPRESSION_AUTO && s3->store->ops->peek == NULL;
}

/* The object's strings are those of the body. */
static void
unpack(const S3Source *s3, const StringInfoData *body, StoreObject *object)
{
	PackedBody	packed;
	char	   *key = body->data + sizeof(PackedBody);

	memcpy(&packed, body->data, sizeof(PackedBody));
	object->key = key;
	object->etag = packed.has_etag ? key + packed.key_len + 1 : NULL;
	object->uri = location_uri_of(s3->location, key);
	object->size = packed.size;
	object->last_modified = packed.last_modified;
	object->from = packed.from;
	object->to = packed.to;
	object->unsure = is_unsure(s3);
}

/*
 * Parts
 */

/* Are all parts of it surely parts of one version? */
static bool
has_version(const S3Source *s3, const StoreObject *object)
{
	return s3->location->scheme == LOCATION_FILE ||
		(object->etag != NULL && strncmp(object->etag, "W/", 2) != 0);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t		len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/*
 * Is it plain text, as far as can be told without a request?  A name is believed
 * that says that it is not; what it does not say, parts find out as they are
 * read.
 */
static bool
is_plain(S3Source *s3, const StoreObject *object)
{
	char		start[COMPRESSION_MAGIC_SIZE];

	if (is_unsure(s3))
		return !ends_with(object->key, ".gz") && !ends_with(object->key, ".zst") &&
			!ends_with(object->key, ".zstd");
	if (s3->compression == COMPRESSION_AUTO)
		return !is_compressed(start, s3->store->ops->peek(s3->store, start, sizeof(start)));
	return s3->compression == COMPRESSION_NONE;
}

static int64
part_size(void)
{
	return (int64) pinterest_part_size * 1024;
}

/*
 * An object just listed: is it to be read in parts?  One that may be missing is
 * left out as a whole.
 */
static bool
can_cut(S3Source *s3, const StoreObject *object)
{
	return s3->lines && !s3->store->skip_missing && object->size >= 2 * part_size() &&
		has_version(s3, object) && is_plain(s3, object);
}

/*
 * The part behind this one, or the first part of a whole object; false if there
 * is none.  A part begins one byte early, to see whether a line ends there.
 */
static bool
next_part(StoreObject *object)
{
	int64		from = Max(object->to, 0);

	if (from == object->size)
		return false;
	object->from = Max(from - 1, 0);
	object->to = Min(from + part_size(), object->size);
	return true;
}

bool
s3_in_part(const S3Source *s3)
{
	return s3->object->to >= 0;
}

int64
s3_part_from(const S3Source *s3)
{
	return s3->object->from == 0 ? 0 : s3->object->from + 1;
}

void
s3_begin_part(S3Source *s3)
{
	s3->at = s3->object->from;
	s3->in_part = s3->object->from == 0;
	s3->part_done = false;
	if (s3->object->from > 0 || !s3->object->unsure)
		decompress_reset_plain(s3->decompressor);
}

/*
 * The bytes of buf that follow the first line feed, moved to its start; returns
 * how many.
 */
static size_t
drop_line_end(S3Source *s3, char *buf, size_t n)
{
	char	   *nl = memchr(buf, '\n', n);
	size_t		rest = nl == NULL ? 0 : buf + n - (nl + 1);

	s3->in_part = nl != NULL;
	s3->part_done = s3->at - (int64) rest >= s3->object->to;
	memmove(buf, buf + n - rest, rest);
	return s3->part_done ? 0 : rest;
}

/*
 * Reads the lines that begin inside the part: from behind the first line feed
 * at its start - 1 or later, to and with the first at its end - 1 or later.  So
 * each line of the object belongs to one part.
 *
 * Where the first bytes say that the object is compressed, its first part is all
 * of it.
 */
size_t
s3_read_part(S3Source *s3, char *buf, size_t room)
{
	int64		to = s3->object->to;
	size_t		n = 0;

	while (n == 0 && !s3->part_done)
	{
		n = decompress_read(s3->decompressor, s3_read_stored, s3, buf, room);
		if (n == 0 || decompress_found(s3->decompressor))
			break;
		s3->at += n;
		if (!s3->in_part)
			n = drop_line_end(s3, buf, n);
		if (n > 0 && s3->at >= to)
		{
			char	   *last = buf + Max(to - 1 - (s3->at - (int64) n), 0);
			char	   *nl = memchr(last, '\n', buf + n - last);

			s3->part_done = nl != NULL;
			if (nl != NULL)
				n = nl + 1 - buf;
		}
	}
	return n;
}

/*
 * Listing
 */

bool
s3_list(Source *source, bool parts, StringInfo body)
{
	S3Source   *s3 = (S3Source *) source;
	const StoreObject *object;

	if (!s3->listing)
		s3_listing_begin(s3);
	if (s3->cut.key != NULL && next_part(&s3->cut))
	{
		pack(body, &s3->cut);
		return true;
	}
	s3->cut.key = NULL;
	object = s3->store->ops->list(s3->store);
	if (object == NULL)
	{
		s3_listing_end(s3);
		return false;
	}
	if (parts && can_cut(s3, object))
	{
		s3->cut = *object;
		object = &s3->cut;
		(void) next_part(&s3->cut);
	}
	pack(body, object);
	return true;
}

/*
 * What follows are the functions of StoreSupply.
 */

static bool
supply_object(void *arg, StoreObject *object)
{
	S3Source   *s3 = arg;
	StringInfoData body;

	initStringInfo(&body);
	if (!s3->supply->take(s3->supply->arg, &body))
		return false;
	unpack(s3, &body, object);
	return true;
}

static bool
supply_complete(void *arg)
{
	S3Source   *s3 = arg;

	return s3->supply->complete(s3->supply->arg);
}

static int
supply_limit(void *arg)
{
	S3Source   *s3 = arg;

	return s3->supply->limit(s3->supply->arg);
}

/* Behind the store's place is the number of objects left out so far. */
static bool
begin_turn(void *arg, bool idle, StringInfo place)
{
	S3Source   *s3 = arg;

	if (!s3->supply->begin_turn(s3->supply->arg, idle, place))
		return false;
	s3->misplaced = 0;
	if (place->len > 0)
	{
		place->len -= sizeof(s3->misplaced);
		memcpy(&s3->misplaced, place->data + place->len, sizeof(s3->misplaced));
	}
	return true;
}

static void
add_object(void *arg, const StoreObject *object)
{
	S3Source   *s3 = arg;
	StoreObject part = *object;
	bool		cut = s3->parts && can_cut(s3, object);

	if (cut)
		(void) next_part(&part);
	do
	{
		pack(&s3->packed, &part);
		s3->supply->add(s3->supply->arg, &s3->packed);
	} while (cut && next_part(&part));
}

static bool
end_turn(void *arg, StringInfo place)
{
	S3Source   *s3 = arg;

	if (place != NULL)
		appendBinaryStringInfo(place, (char *) &s3->misplaced, sizeof(s3->misplaced));
	if (!s3->supply->end_turn(s3->supply->arg, place))
		return false;
	if (place == NULL)
		s3_listing_end(s3);
	return true;
}

static void
wait_for_others(void *arg)
{
	S3Source   *s3 = arg;

	s3->supply->wait(s3->supply->arg);
}

void
s3_set_supply(Source *source, const SourceSupply *supply, bool parts)
{
	S3Source   *s3 = (S3Source *) source;
	StoreSupply *of_store = &s3->store_supply;

	s3->supply = supply;
	s3->parts = parts;
	initStringInfo(&s3->packed);
	of_store->take = supply_object;
	of_store->complete = supply_complete;
	of_store->limit = supply_limit;
	of_store->begin_turn = begin_turn;
	of_store->add = add_object;
	of_store->end_turn = end_turn;
	of_store->wait = wait_for_others;
	of_store->arg = s3;
	s3->store->supply = of_store;
}
