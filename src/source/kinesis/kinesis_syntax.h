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

typedef struct ReplyMember
{
	const char *name;
	size_t		name_len;
	bool		is_container;	/* an object or array, which the cursor is before */
	ReplyValue	value;			/* of all else */
} ReplyMember;

typedef enum ReplyContainer
{
	REPLY_OBJECT,
	REPLY_ARRAY
} ReplyContainer;

typedef struct ReplySyntax
{
	/* Enters a container that must be such a one. */
	bool		(*enter) (ReplyCursor *cursor, ReplyContainer container,
						  ReplyLevel *level);

	/*
	 * The next member of an object, behind which the cursor moves unless it is a
	 * container: 1; 0 behind the last; -1 for failure.
	 */
	int			(*member) (ReplyCursor *cursor, ReplyLevel *level, ReplyMember *member);

	/* Moves before the next element of an array; returns the same. */
	int			(*element) (ReplyCursor *cursor, ReplyLevel *level);

	/* Passes over a container of any content. */
	bool		(*skip) (ReplyCursor *cursor);

	/* Is there nothing more that counts? */
	bool		(*at_end) (const ReplyCursor *cursor);
} ReplySyntax;

extern const ReplySyntax kinesis_json_syntax;
extern const ReplySyntax kinesis_cbor_syntax;

#endif							/* PINTEREST_KINESIS_SYNTAX_H */
