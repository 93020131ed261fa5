/*-------------------------------------------------------------------------
 *
 * frame.c
 *	  Finds the records in the bytes of a body.
 *
 * The bytes go through one buffer.  A record is scanned where it lies; when
 * the buffer ends inside it, its bytes move to the front, more are read, and
 * it is scanned again.  At least as many bytes are read as are there already,
 * so that a record of any size is scanned less than three times over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/frame.h"
#include "utils/memutils.h"

/*
 * Fits the second-level cache together with its arena.  The fuzzer has it
 * smaller.
 */
#ifndef INITIAL_CAPACITY
#define INITIAL_CAPACITY (256 * 1024)

/* A buffer larger than this is not kept for the next body. */
#define KEPT_CAPACITY (4 * 1024 * 1024)
#endif

/* Inside a top-level array, and what may come next there. */
typedef enum ArrayState
{
	ARRAY_NONE,					/* not inside one */
	ARRAY_BEGUN,				/* an element or "]" */
	ARRAY_ELEMENT,				/* "," or "]" */
	ARRAY_COMMA,				/* an element */
	ARRAY_UNSURE				/* anything: its syntax was broken before */
} ArrayState;

struct JsonFrame
{
	MemoryContext context;
	FrameFormat	format;
	Size		max_record;
	JsonInput	input;
	void	   *input_arg;

	char	   *buffer;			/* capacity + JSON_PADDING bytes */
	Size		capacity;
	const char *next;			/* where the next record is looked for */
	int64		base;			/* body offset of buffer[0] */
	int64		line_base;		/* body offset of the current line, where
								 * scan.line_start is NULL */

	ArrayState	array;
	bool		resync;			/* the rest of a bad record is to be skipped */
	int64		indent;			/* of the record at hand */

	JsonScan	scan;
	JsonRecord	record;
};

static void
allocate_buffer(JsonFrame *frame, Size capacity)
{
	frame->capacity = capacity;
	frame->buffer = MemoryContextAllocHuge(frame->context, capacity + JSON_PADDING);
	frame->scan.arena = MemoryContextAllocHuge(frame->context, JSON_ARENA_SIZE(capacity));
}

JsonFrame *
json_frame_create(JsonNode *root, int nslots, FrameFormat format, Size max_record)
{
	JsonFrame  *frame = palloc0(sizeof(JsonFrame));

	frame->context = CurrentMemoryContext;
	frame->format = format;
	frame->max_record = max_record;
	frame->scan.root = root;
	frame->scan.nvalues = nslots;
	frame->scan.values = palloc0(sizeof(JsonValue) * Max(nslots, 1));
	frame->record.values = frame->scan.values;
	allocate_buffer(frame, INITIAL_CAPACITY);
	return frame;
}

/* Sets the end of the input to len bytes. */
static void
set_end(JsonFrame *frame, Size len)
{
	memset(frame->buffer + len, 0, JSON_PADDING);
	frame->scan.end = frame->buffer + len;
}

void
json_frame_begin(JsonFrame *frame, JsonInput input, void *arg)
{
	if (frame->capacity > KEPT_CAPACITY)
	{
		pfree(frame->buffer);
		pfree(frame->scan.arena);
		allocate_buffer(frame, INITIAL_CAPACITY);
	}
	frame->input = input;
	frame->input_arg = arg;
	frame->next = frame->buffer;
	frame->base = 0;
	frame->line_base = 0;
	frame->array = ARRAY_NONE;
	frame->resync = false;
	frame->scan.final = false;
	frame->scan.line = 1;
	frame->scan.line_start = NULL;
	set_end(frame, 0);
}

/* How far into its line a place in the buffer is. */
static int64
indent_of(const JsonFrame *frame, const char *p)
{
	if (frame->scan.line_start != NULL)
		return p - frame->scan.line_start;
	return frame->base + (p - frame->buffer) - frame->line_base;
}

/* Makes the buffer so large that the kept bytes fill half of it at most. */
static void
grow_buffer(JsonFrame *frame, Size kept)
{
	Size		capacity = frame->capacity;
	char	   *buffer = frame->buffer;

	while (capacity < 2 * kept)
		capacity *= 2;
	pfree(frame->scan.arena);	/* the record will be scanned again */
	allocate_buffer(frame, capacity);
	memcpy(frame->buffer, frame->next, kept);
	pfree(buffer);
}

/*
 * Forgets the bytes before frame->next, moves the others to the front and
 * reads more behind them.  False if the body has ended.
 */
static bool
refill(JsonFrame *frame)
{
	Size		kept = frame->scan.end - frame->next;
	Size		len = kept;
	Size		wanted = Max(2 * kept, 4);	/* a byte order mark, at least */

	if (frame->scan.final)
		return false;
	frame->line_base = frame->base + (frame->next - frame->buffer) -
		indent_of(frame, frame->next);
	frame->scan.line_start = NULL;
	frame->base += frame->next - frame->buffer;
	if (wanted > frame->capacity)
		grow_buffer(frame, kept);
	else
		memmove(frame->buffer, frame->next, kept);
	frame->next = frame->buffer;

	while (len < wanted)
	{
		size_t		n = frame->input(frame->input_arg, frame->buffer + len,
									 frame->capacity - len);

		if (n == 0)
		{
			frame->scan.final = true;
			break;
		}
		len += n;
	}
	set_end(frame, len);
	return len > kept;
}

/*
 * Does a bad record end with the line feed at nl?  Looks at the line behind
 * it: 1 yes, 0 no, -1 if that line is not in the buffer yet.
 */
static int
ends_with_line(const JsonFrame *frame, const char *nl)
{
	const char *line = nl + 1;
	const char *p = line;

	if (frame->format == FRAME_LINES)
		return 1;
	while (p < frame->scan.end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	if (p == frame->scan.end)
		return frame->scan.final ? 1 : -1;
	return *p != '\n' && *p != '}' && *p != ']' && p - line <= frame->indent;
}

/* Is the record from frame->next to end larger than it may be? */
static bool
too_large(const JsonFrame *frame, const char *end)
{
	return (Size) (end - frame->next) > frame->max_record;
}

/*
 * Finds the end of the bad record that begins at frame->next: returns how many
 * bytes it has.  When that is more than a record may have, returns what is
 * there and leaves the rest to the next call.
 */
static size_t
bad_record_length(JsonFrame *frame)
{
	size_t		searched = 0;

	for (;;)
	{
		const char *from = frame->next + searched;
		const char *nl = memchr(from, '\n', frame->scan.end - from);
		int			ends = nl == NULL ? -1 : ends_with_line(frame, nl);

		if (ends == 1)
			return nl - frame->next;
		if (ends == 0)
		{
			searched = nl + 1 - frame->next;
			continue;
		}
		if (too_large(frame, frame->scan.end))
		{
			frame->resync = true;
			return frame->scan.end - frame->next;
		}
		searched = (nl == NULL ? frame->scan.end : nl) - frame->next;
		if (!refill(frame))
			return searched;
	}
}

/* Counts the line feeds of bytes that were not scanned. */
static void
pass_over(JsonFrame *frame, size_t len)
{
	const char *end = frame->next + len;
	const char *nl;

	while ((nl = memchr(frame->next, '\n', end - frame->next)) != NULL)
	{
		frame->scan.line++;
		frame->scan.line_start = nl + 1;
		frame->next = nl + 1;
	}
	frame->next = end;
}

/* Skips what is left of a bad record, keeping none of it. */
static void
finish_resync(JsonFrame *frame)
{
	while (frame->resync)
	{
		const char *nl = memchr(frame->next, '\n', frame->scan.end - frame->next);
		int			ends = nl == NULL ? -1 : ends_with_line(frame, nl);

		if (ends == -1)
		{
			pass_over(frame, (nl == NULL ? frame->scan.end : nl) - frame->next);
			if (!refill(frame))
				frame->resync = false;
			continue;
		}
		pass_over(frame, nl + 1 - frame->next);
		frame->resync = ends == 0;
	}
}

/* Notes where the record at p begins. */
static void
start_record(JsonFrame *frame, const char *p)
{
	frame->next = p;
	frame->indent = indent_of(frame, p);
	frame->record.line = frame->scan.line;
	frame->record.offset = frame->base + (p - frame->buffer);
}

/* Hands out the record that lies between frame->next and end. */
static const JsonRecord *
finish_record(JsonFrame *frame, const char *end, JsonError error, size_t error_at)
{
	frame->record.data = frame->next;
	frame->record.len = end - frame->next;
	frame->record.checked = error == JSON_ERROR_NONE;
	frame->record.error = error;
	frame->record.error_at = Min(error_at, frame->record.len);
	frame->next = end;
	if (frame->array != ARRAY_NONE && frame->array != ARRAY_UNSURE)
		frame->array = ARRAY_ELEMENT;
	return &frame->record;
}

/* Takes back the lines counted while the record at hand was scanned. */
static void
rewind_lines(JsonFrame *frame)
{
	frame->scan.line = frame->record.line;
	frame->scan.line_start = frame->next - frame->indent;
}

/* A bad record whose end is unknown. */
static const JsonRecord *
bad_record(JsonFrame *frame, JsonError error, const char *error_at)
{
	size_t		at = error_at - frame->next;
	size_t		len;
	const JsonRecord *record;

	rewind_lines(frame);
	len = bad_record_length(frame);
	record = finish_record(frame, frame->next + len, error, at);
	frame->next = record->data;
	pass_over(frame, len);
	if (frame->array != ARRAY_NONE)
		frame->array = ARRAY_UNSURE;
	return record;
}

/* The record at p, which is not white space and not the end. */
static const JsonRecord *
read_record(JsonFrame *frame, const char *p)
{
	const char *end;
	JsonStatus	status;

	start_record(frame, p);
	for (;;)
	{
		end = frame->next;
		status = json_scan_record(&frame->scan, &end);
		if (status != JSON_MORE)
			break;
		if (too_large(frame, frame->scan.end))
			return bad_record(frame, JSON_ERROR_TOO_LARGE, frame->next);
		rewind_lines(frame);
		refill(frame);
	}

	if (frame->format == FRAME_LINES && frame->scan.line != frame->record.line)
		return bad_record(frame, JSON_ERROR_SPANS_LINES, frame->next);
	if (unlikely(too_large(frame, end)))
		return finish_record(frame, end, JSON_ERROR_TOO_LARGE, 0);
	if (likely(status == JSON_OK))
		return finish_record(frame, end, JSON_ERROR_NONE, 0);
	if (end > frame->next)		/* sound JSON, but no object */
		return finish_record(frame, end, frame->scan.error, 0);
	return bad_record(frame, frame->scan.error, frame->scan.error_at);
}

/*
 * Skips white space and, at the very beginning, a byte order mark.  False at
 * the end of the body.
 */
static bool
skip_to_record(JsonFrame *frame)
{
	for (;;)
	{
		const char *p = json_scan_space(&frame->scan, frame->next);

		if (frame->base == 0 && p == frame->buffer &&
			memcmp(p, "\xEF\xBB\xBF", 3) == 0)
			p = json_scan_space(&frame->scan, p + 3);
		frame->next = p;
		if (p < frame->scan.end)
			return true;
		if (!refill(frame))
			return false;
	}
}

/*
 * Deals with the syntax of a top-level array at frame->next.  True if it moved
 * on; false if a record must stand here, or *error is set.
 *
 * An array whose syntax is broken, such as one on a line that was cut off,
 * takes its end from nowhere, but must not harm the records behind it.  So
 * from the first error on nothing is demanded of it.
 */
static bool
skip_array_syntax(JsonFrame *frame, JsonError *error)
{
	char		c = *frame->next;
	ArrayState	state = frame->array;
	bool		unsure = state == ARRAY_UNSURE;

	*error = JSON_ERROR_NONE;
	if (c == '[' && (state == ARRAY_NONE || unsure))
		frame->array = ARRAY_BEGUN;
	else if (c == ']' && (state == ARRAY_BEGUN || state == ARRAY_ELEMENT || unsure))
		frame->array = ARRAY_NONE;
	else if (c == ',' && unsure)
		 /* stays so */ ;
	else if (c == ',' && state == ARRAY_ELEMENT)
		frame->array = ARRAY_COMMA;
	else
	{
		if (state == ARRAY_ELEMENT && (c == '{' || c == '"'))
			*error = JSON_ERROR_SEPARATOR;
		else if (state == ARRAY_NONE && frame->format == FRAME_ARRAY)
			*error = JSON_ERROR_NOT_ARRAY;
		return false;
	}
	frame->next++;
	return true;
}

/* Something is missing at frame->next: a bad record without any bytes. */
static const JsonRecord *
empty_record(JsonFrame *frame, JsonError error)
{
	start_record(frame, frame->next);
	return finish_record(frame, frame->next, error, 0);
}

/* The body has ended inside a top-level array. */
static const JsonRecord *
unclosed_array(JsonFrame *frame)
{
	/* a bad record that ended in a guess may have taken the "]" along */
	bool		unsure = frame->array == ARRAY_UNSURE;

	frame->array = ARRAY_NONE;
	if (unsure)
		return NULL;
	return empty_record(frame, JSON_ERROR_UNCLOSED_ARRAY);
}

const JsonRecord *
json_frame_next(JsonFrame *frame)
{
	JsonError	error;

	if (unlikely(frame->resync))
		finish_resync(frame);

	do
	{
		if (!skip_to_record(frame))
			return frame->array == ARRAY_NONE ? NULL : unclosed_array(frame);
	} while (skip_array_syntax(frame, &error));

	if (unlikely(error == JSON_ERROR_SEPARATOR))
	{
		frame->array = ARRAY_UNSURE;
		return empty_record(frame, error);
	}
	if (unlikely(error != JSON_ERROR_NONE))
	{
		start_record(frame, frame->next);
		return bad_record(frame, error, frame->next);
	}
	return read_record(frame, frame->next);
}
