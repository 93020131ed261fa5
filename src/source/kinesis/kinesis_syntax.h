/*-------------------------------------------------------------------------
 *
 * kinesis_syntax.h
 *	  How an answer to GetRecords is written: in JSON or in CBOR.
 *
 * The functions read what is at "at", of what has come of an answer, and return where
 * the next thing begins; NULL for what is not sound and for what is not all there,
 * which look the same.  Only structure is looked at: whether a text is one, or a
 * number, is for who wants it.  A zero byte stands at "end".
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_SYNTAX_H
#define PINTEREST_KINESIS_SYNTAX_H

#include "postgres.h"

#include "source/kinesis/kinesis_reply.h"

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

typedef struct ReplySyntax
{
	/* The beginning of a container that must be such a one. */
	const char *(*enter) (const char *at, const char *end, ReplyContainer container,
						  ReplyLevel *level);

	/* What precedes the value of the next member, or ends the object. */
	const char *(*member) (const char *at, const char *end, ReplyLevel *level,
						   ReplyName *name);

	/* What precedes the next element of an array, or ends it. */
	const char *(*element) (const char *at, const char *end, ReplyLevel *level);

	/* A value.  Objects and arrays are passed over, and count as null. */
	const char *(*value) (const char *at, const char *end, ReplyValue *value);

	/* A record, which is reply_read_record of this syntax. */
	const char *(*record) (const char *at, const char *end, ReplyRecord *record);

	/* Is there nothing more that counts? */
	bool		(*at_end) (const char *at, const char *end);
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
static pg_attribute_always_inline const char *
reply_read_record(const ReplySyntax *syntax, const char *at, const char *end,
				  ReplyRecord *record)
{
	ReplyLevel	level;
	ReplyName	name;
	ReplyValue	unwanted;

	memset(record, 0, sizeof(ReplyRecord));
	at = syntax->enter(at, end, REPLY_OBJECT, &level);
	while (at != NULL && (at = syntax->member(at, end, &level, &name)) != NULL && !level.ended)
	{
		ReplyValue *value = reply_place_of(record, name);

		at = syntax->value(at, end, value == NULL ? &unwanted : value);
	}
	if (record->data.text == NULL || record->partition_key.text == NULL ||
		!reply_is_sequence(&record->sequence) || record->arrival.text == NULL)
		return NULL;
	return at;
}

#endif							/* PINTEREST_KINESIS_SYNTAX_H */
