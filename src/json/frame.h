/*-------------------------------------------------------------------------
 *
 * frame.h
 *	  Finds the records in the bytes of a body.
 *
 * A body is what a source delivers in one piece: an object, a message.  It
 * holds records one after the other: one a line, run together, spread over
 * lines, or as the elements of a top-level array.  A string that holds one
 * JSON object is read as that object.  Everything else that is no object is a
 * bad record: it is handed out too, with its bytes and what is wrong.
 *
 * A bad record whose end cannot be told from its syntax ends with its line;
 * in the formats "auto" and "array" the lines after it belong to it too as
 * long as they are indented deeper than it is, are empty, or begin with a
 * closing bracket.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_FRAME_H
#define PINTEREST_JSON_FRAME_H

#include "postgres.h"

#include "json/document.h"

typedef enum FrameFormat
{
	FRAME_AUTO,			/* whatever it is */
	FRAME_LINES,			/* no record spans lines */
	FRAME_ARRAY			/* one array that holds the records */
} FrameFormat;

/*
 * Where the bytes come from: copies up to room bytes to buf, returns how many;
 * 0 is the end of the body.  May block and may raise errors.
 */
typedef size_t (*JsonInput) (void *arg, char *buf, size_t room);

typedef struct JsonFrame JsonFrame;

/*
 * Makes a frame in the current memory context.  It holds a buffer and an arena
 * that grow with the largest record, up to max_record bytes.
 */
extern JsonFrame *json_frame_create(JsonNode *root, int nslots,
									FrameFormat format, Size max_record);

/* Starts with a new body. */
extern void json_frame_begin(JsonFrame *frame, JsonInput input, void *arg);

/* The next record of the body, NULL behind the last.  Blocks as the input does. */
extern const JsonRecord *json_frame_next(JsonFrame *frame);

#endif							/* PINTEREST_JSON_FRAME_H */
