/*-------------------------------------------------------------------------
 *
 * letter_source.c
 *	  Records that were kept, in place of the source that they are of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/location.h"
#include "stream/letter_source.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static LetterSource *
of_source(Source *source)
{
	return (LetterSource *) ((char *) source - offsetof(LetterSource, base));
}

static bool
letter_next(Source *source)
{
	LetterSource *letters = of_source(source);
	MemoryContext old;

	MemoryContextReset(letters->context);
	letters->metadata = NULL;
	old = MemoryContextSwitchTo(letters->context);
	letters->has_letter = letters->next(letters->arg, &letters->letter);
	MemoryContextSwitchTo(old);
	return letters->has_letter;
}

static const char *
letter_message(Source *source, size_t *len, char **spare)
{
	const bytea *bytes = of_source(source)->letter.bytes;

	*len = bytes == NULL ? 0 : VARSIZE_ANY_EXHDR(bytes);
	return bytes == NULL ? NULL : VARDATA_ANY(bytes);
}

static int64
letter_consumed(Source *source)
{
	size_t		len = 0;

	if (of_source(source)->has_letter)
		(void) letter_message(source, &len, NULL);
	return len;
}

/* What the real source knew by that name; NULL if it did not. */
static char *
find_text(LetterSource *letters, const char *name)
{
	JsonbValue *found;

	if (letters->metadata == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(letters->context);

		letters->metadata = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(letters->letter.metadata)));
		MemoryContextSwitchTo(old);
	}
	found = getKeyJsonValueFromContainer(&letters->metadata->root, name, strlen(name), NULL);
	if (found == NULL || found->type != jbvString)
		return NULL;
	return pnstrdup(found->val.string.val, found->val.string.len);
}

static Datum
letter_metadata_value(Source *source, int number, const RecordPlace *place, bool *isnull)
{
	const SourceMetadata *item = source->ops->metadata;
	char	   *text;
	Oid			function;
	Oid			typioparam;

	while (item->item != number)
		item++;
	text = find_text(of_source(source), item->name);
	*isnull = text == NULL;
	if (text == NULL)
		return (Datum) 0;
	getTypeInputInfo(item->type, &function, &typioparam);
	return OidInputFunctionCall(function, text, typioparam, -1);
}

/* Of the object that the record was in. */
static char *
letter_hive_value(Source *source, const char *name)
{
	char	   *path = find_text(of_source(source), "path");

	return path == NULL ? NULL : hive_value(path, name);
}

static char *
letter_place(Source *source)
{
	const LetterSource *letters = of_source(source);
	const Letter *letter = &letters->letter;

	if (!letters->has_letter)
		return NULL;
	if (letter->id == 0)
		return psprintf("split \"%s\", position %s", letter->split, letter->position);
	return psprintf("dead letter %lld (split \"%s\", position %s)", (long long) letter->id,
					letter->split, letter->position);
}

static void
letter_locate(Source *source, const RecordPlace *place, SourcePosition *position)
{
	const Letter *letter = &of_source(source)->letter;

	*position = (SourcePosition) {.split = letter->split, .position = letter->position};
}

static void
letter_close(Source *source)
{
}

static int
letter_counters(Source *source, SourceCounter *counters)
{
	return 0;
}

Source *
letter_source_open(LetterSource *source, const SourceOps *ops)
{
	static const SourcePositions positions = {.locate = letter_locate};

	source->ops = (SourceOps) {
		.wrapper = ops->wrapper,
		.metadata = ops->metadata,
		.next = letter_next,
		.message = letter_message,
		.consumed = letter_consumed,
		.metadata_value = letter_metadata_value,
		.hive_value = letter_hive_value,
		.place = letter_place,
		.close = letter_close,
		.counters = letter_counters,
		.positions = &positions,
		.subject = ops->subject,
	};
	source->base = (Source) {.ops = &source->ops};
	source->context = AllocSetContextCreate(CurrentMemoryContext, "pinterest letter",
											ALLOCSET_DEFAULT_SIZES);
	source->has_letter = false;
	source->metadata = NULL;
	return &source->base;
}
