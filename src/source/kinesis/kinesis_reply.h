/*-------------------------------------------------------------------------
 *
 * kinesis_reply.h
 *	  The answer to GetRecords: where its parts are.
 *
 * Kinesis API, GetRecords.  An answer has up to 10 MiB of data in 10,000
 * records, and a third more as base64.  It is taken apart while it comes, and
 * where it lies: what is found are places in a buffer that holds a small part
 * of it.  Members come in any order, unknown ones are passed over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_REPLY_H
#define PINTEREST_KINESIS_REPLY_H

#include "postgres.h"

/* The text of a JSON string or number, as it stands there. */
typedef struct ReplyText
{
	char	   *text;			/* NULL: missing, or null */
	uint32		len;
} ReplyText;

typedef struct ReplyRecord
{
	ReplyText	data;			/* base64 */
	ReplyText	partition_key;
	ReplyText	sequence;
	ReplyText	arrival;		/* seconds since 1970, with a fraction */
} ReplyRecord;

/* Where in the answer its next byte is. */
typedef enum ReplyPhase
{
	REPLY_START,
	REPLY_MEMBERS,
	REPLY_RECORDS,
	REPLY_END
} ReplyPhase;

typedef struct KinesisReply
{
	ReplyRecord *records;		/* those that have come whole since the last
								 * kinesis_reply_room */
	int			nrecords;
	int64		data_len;		/* of the data of all so far, still base64 */
	int			all_records;	/* so many so far */

	/* known at the end */
	char	   *next_iterator;	/* NULL: there is none; of the reply's context */
	int64		behind;			/* MillisBehindLatest; -1: it does not say */

	/* for kinesis_reply.c alone */
	MemoryContext context;
	int			max_records;	/* room for them */
	ReplyPhase	phase;
	bool		first;			/* of the members, or records */
	bool		has_records;	/* the member has begun */
	char	   *buffer;			/* from what is not yet taken apart, or still
								 * pointed at, to what has come */
	size_t		size;
	size_t		len;
	size_t		at;				/* taken apart up to there */
	size_t		enough;			/* bytes from there on that are worth a look */
} KinesisReply;

/* In the current memory context, which holds all that a reply needs. */
extern void kinesis_reply_init(KinesisReply *reply);

/* A new answer: nothing of it has come. */
extern void kinesis_reply_begin(KinesisReply *reply);

/*
 * Where what comes next is to be put: *room bytes.  Forgets the records that
 * have been found.  NULL if the answer is too long to be one.
 */
extern char *kinesis_reply_room(KinesisReply *reply, size_t *room);

/*
 * n bytes have come there; the last of the answer?  Takes them apart.  False if
 * this is no such answer, which may not be known before the last byte: it is
 * broken off, or lacks what every record has.
 */
extern bool kinesis_reply_take(KinesisReply *reply, size_t n, bool last);

/* In milliseconds since 1970; -1 if it is no time. */
extern int64 reply_time(const ReplyText *text);

/* A whole number from 0 up; -1 if it is none. */
extern int64 reply_number(const ReplyText *text);

/* A sequence number: digits only. */
extern bool reply_is_sequence(const ReplyText *text);

/*
 * The text with its escapes undone, in UTF-8, in the current memory context;
 * NULL if that cannot be text.  *len is its length.
 */
extern const char *reply_unescape(const ReplyText *text, size_t *len);

#endif							/* PINTEREST_KINESIS_REPLY_H */
