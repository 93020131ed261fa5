/*-------------------------------------------------------------------------
 *
 * event_stream.h
 *	  The framing of answers that go on: application/vnd.amazon.eventstream.
 *
 * A message is (all numbers with the highest byte first)
 *
 *	  u32 its length, u32 length of the headers, u32 CRC-32 of these two
 *	  headers: u8 length of the name, name, u8 type, value
 *	  payload
 *	  u32 CRC-32 of all before
 *
 * (Amazon Transcribe developer guide, "Event stream encoding"; smithy.io, "Amazon
 * Event Stream Specification".)  The headers tell whether it is an event, and
 * which one, or an error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_EVENT_STREAM_H
#define PINTEREST_EVENT_STREAM_H

#include "postgres.h"

/* Of a header, where it stands; NULL: it is not there. */
typedef struct EventText
{
	const char *text;
	size_t		len;
} EventText;

typedef struct EventMessage
{
	size_t		len;			/* of all of it; 0: not known yet */
	bool		refusal;		/* no event, but an exception or an error */
	EventText	name;			/* of the event, or code of the error */
	EventText	error;			/* what an error says, unless its payload does */
	const char *payload;
	size_t		payload_len;
} EventMessage;

/*
 * The message that begins at bytes: 1; 0 if not all of it is there, but len may be
 * known, up to 4 GB; -1 if this is none.  Nothing is copied.
 */
extern int	event_stream_next(const char *bytes, size_t available, EventMessage *message);

extern bool event_text_is(EventText text, const char *what);

#endif							/* PINTEREST_EVENT_STREAM_H */
