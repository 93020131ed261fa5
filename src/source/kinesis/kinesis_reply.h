/*-------------------------------------------------------------------------
 *
 * kinesis_reply.h
 *	  The answer to GetRecords: where its parts are.
 *
 * Kinesis API, GetRecords.  An answer has up to 10 MiB of data in 10,000
 * records.  It comes as CBOR, or as JSON, whose data is base64 and a third longer;
 * its first byte tells which.  It is taken apart while it comes, and where it
 * lies: what is found are places in a buffer that holds a small part of it.
 * Members come in any order, unknown ones are passed over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_REPLY_H
#define PINTEREST_KINESIS_REPLY_H

#include "postgres.h"

/* How a value stands in the answer. */
typedef enum ReplyForm
{
	REPLY_JSON,					/* a string between its quotes, or a word */
	REPLY_TEXT,					/* UTF-8 */
	REPLY_BYTES,
	REPLY_CBOR					/* another item of CBOR, with its head */
} ReplyForm;

typedef struct ReplyValue
{
	const char *text;			/* NULL: missing, or null */
	uint32		len;
	ReplyForm	form;
} ReplyValue;

typedef struct ReplyRecord
{
	ReplyValue	data;
	ReplyValue	partition_key;
	ReplyValue	sequence;		/* nothing but digits */
	ReplyValue	arrival;
} ReplyRecord;

/* What is left of the object or array that is being taken apart. */
typedef struct ReplyLevel
{
	bool		ended;			/* nothing is */
	bool		first;			/* JSON: its first member or element comes next */
	int64		left;			/* CBOR: so many of them; -1: up to a break */
} ReplyLevel;

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
	int64		data_len;		/* bytes of the data of all so far */
	int			all_records;	/* so many so far */

	/* known at the end */
	char	   *next_iterator;	/* NULL: there is none; of the reply's context;
								 * of an event ContinuationSequenceNumber */
	int64		behind;			/* MillisBehindLatest; -1: it does not say */

	/* for kinesis_reply.c, and the buffer for kinesis_subscription.c, alone */
	MemoryContext context;
	int			max_records;	/* room for them */
	const struct ReplySyntax *syntax;
	ReplyPhase	phase;
	ReplyLevel	members;
	ReplyLevel	list;			/* of records */
	bool		has_records;	/* the member has begun */
	size_t		usual_size;		/* of the buffer */
	char	   *buffer;			/* from what is not yet taken apart, or still
								 * pointed at, to what has come */
	size_t		size;
	size_t		len;
	size_t		at;				/* taken apart up to there */
	size_t		enough;			/* bytes from there on that are worth a look */
} KinesisReply;

/*
 * In the current memory context, which holds all that a reply needs: a buffer of so
 * many bytes, which grows for a record that is larger than half of it.
 */
extern void kinesis_reply_init(KinesisReply *reply, size_t buffer_size);

/* A new answer: nothing of it has come. */
extern void kinesis_reply_begin(KinesisReply *reply);

/*
 * Where what comes next is to be put: *room bytes, at least half of the usual
 * buffer.  Forgets the records that have been found.  NULL if the answer is too
 * long to be one.
 */
extern char *kinesis_reply_room(KinesisReply *reply, size_t *room);

/*
 * n bytes have come there; the last of the answer?  Takes them apart.  False if
 * this is no such answer, which may not be known before the last byte: it is
 * broken off, or lacks what every record has.
 */
extern bool kinesis_reply_take(KinesisReply *reply, size_t n, bool last);

/*
 * The same for an event of a subscription (kinesis_subscription.c), all of which
 * stands in the buffer.  The buffer is its caller's to look after, from where "at" is;
 * the byte behind the event is overwritten.  Its records are added to those found.
 */
extern bool kinesis_reply_take_event(KinesisReply *reply, const char *event, size_t len);

/* A time, in milliseconds since 1970; -1 if it is none. */
extern int64 reply_time(const ReplyValue *value);

/* A whole number from 0 up; -1 if it is none. */
extern int64 reply_number(const ReplyValue *value);

/* Is it a sequence number?  All that is taken from an answer are. */
extern bool reply_is_sequence(const ReplyValue *value);

/*
 * A text, in UTF-8, where it stands or in the current memory context; NULL if it
 * is none.  *len is its length.
 */
extern const char *reply_text(const ReplyValue *value, size_t *len);

/* Data: does it stand there as base64?  And how many bytes of data are there? */
extern bool reply_is_base64(const ReplyValue *data);
extern size_t reply_data_len(const ReplyValue *data);

#endif							/* PINTEREST_KINESIS_REPLY_H */
