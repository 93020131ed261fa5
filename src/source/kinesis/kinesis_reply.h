/*-------------------------------------------------------------------------
 *
 * kinesis_reply.h
 *	  The answer to GetRecords: where its parts are.
 *
 * Kinesis API, GetRecords.  An answer has up to 10 MiB of data in 10,000
 * records, and a third more as base64, so it is taken apart where it lies:
 * what is found are places in it.  Members come in any order, unknown ones are
 * passed over.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_KINESIS_REPLY_H
#define PINTEREST_KINESIS_REPLY_H

#include "postgres.h"

#include "lib/stringinfo.h"

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

typedef struct KinesisReply
{
	ReplyRecord *records;
	int			nrecords;
	int			room;			/* of records, used again for the next answer */
	int64		data_len;		/* of all data, still base64 */
	ReplyText	next_iterator;
	ReplyText	behind;			/* MillisBehindLatest */
} KinesisReply;

/*
 * Takes an answer apart, which must stay where it is as long as the result is
 * used.  False if it is no such thing: it is broken off, or lacks what every
 * record has.  records is allocated in the context given, and kept.
 */
extern bool kinesis_reply_parse(KinesisReply *reply, StringInfo body,
								MemoryContext context);

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
