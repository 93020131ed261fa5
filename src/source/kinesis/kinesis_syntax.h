/*-------------------------------------------------------------------------
 *
 * kinesis_syntax.h
 *	  How an answer to GetRecords is written: in JSON or in CBOR.
 *
 * The functions move over what has come of an answer, and fail alike for what is
 * not sound and what is not yet there; then where the cursor is does not matter.
 * Only structure is looked at: whether a text is one, or a number, is for who
 * wants it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_SYNTAX_H
#define PINTEREST_KINESIS_SYNTAX_H

#include "postgres.h"

#include "source/kinesis/kinesis_reply.h"

typedef struct ReplyCursor
{
	const char *next;
	const char *end;			/* a zero byte stands there */
} ReplyCursor;

typedef struct ReplyName
{
	const char *text;
	size_t		len;
} ReplyName;

typedef enum ReplyContainer
{
	REPLY_OBJECT,
	REPLY_ARRAY
} ReplyContainer;

typedef enum ReplyFound
{
	REPLY_NOTHING,				/* failure */
	REPLY_SCALAR,				/* a string, a number, ... */
	REPLY_CONTAINER
} ReplyFound;

typedef struct ReplySyntax
{
	/* Enters a container that must be such a one. */
	bool		(*enter) (ReplyCursor *cursor, ReplyContainer container,
						  ReplyLevel *level);

	/* Moves before the value of the next member: 1; 0 behind the last; -1: failure. */
	int			(*member) (ReplyCursor *cursor, ReplyLevel *level, ReplyName *name);

	/* Moves before the next element of an array; returns the same. */
	int			(*element) (ReplyCursor *cursor, ReplyLevel *level);

	/* Moves behind a value that is a scalar; a container it stays before. */
	ReplyFound	(*value) (ReplyCursor *cursor, ReplyValue *value);

	/* Passes over a container of any content. */
	bool		(*skip) (ReplyCursor *cursor);

	/* A record, which is reply_read_record of this syntax. */
	bool		(*record) (ReplyCursor *cursor, ReplyRecord *record);

	/* Is there nothing more that counts? */
	bool		(*at_end) (const ReplyCursor *cursor);
} ReplySyntax;

extern const ReplySyntax kinesis_json_syntax;
extern const ReplySyntax kinesis_cbor_syntax;

#define NAME_IS(name, literal) \
	((name).len == sizeof(literal) - 1 && memcmp((name).text, literal, sizeof(literal) - 1) == 0)

/* Where the value of that name is wanted; NULL: nowhere. */
static inline ReplyValue *
reply_place_of(ReplyRecord *record, ReplyName name)
{
	if (NAME_IS(name, "SequenceNumber"))
		return &record->sequence;
	if (NAME_IS(name, "ApproximateArrivalTimestamp"))
		return &record->arrival;
	if (NAME_IS(name, "Data"))
		return &record->data;
	if (NAME_IS(name, "PartitionKey"))
		return &record->partition_key;
	return NULL;
}

/*
 * Takes a record apart; most of an answer is records.  So each syntax has its own
 * copy of this, with its functions in it.
 */
static pg_attribute_always_inline bool
reply_read_record(const ReplySyntax *syntax, ReplyCursor *cursor, ReplyRecord *record)
{
	ReplyLevel	level;
	ReplyName	name;
	ReplyValue	unwanted;
	int			found;

	memset(record, 0, sizeof(ReplyRecord));
	if (!syntax->enter(cursor, REPLY_OBJECT, &level))
		return false;
	while ((found = syntax->member(cursor, &level, &name)) > 0)
	{
		ReplyValue *value = reply_place_of(record, name);
		ReplyFound	kind = syntax->value(cursor, value == NULL ? &unwanted : value);

		if (kind == REPLY_NOTHING || (kind == REPLY_CONTAINER && !syntax->skip(cursor)))
			return false;
	}
	return found == 0 && record->data.text != NULL && record->partition_key.text != NULL &&
		reply_is_sequence(&record->sequence) && record->arrival.text != NULL;
}

#endif							/* PINTEREST_KINESIS_SYNTAX_H */
