/*-------------------------------------------------------------------------
 *
 * decompress_gzip.c
 *	  gzip, by zlib, both ways.  The one file that includes zlib.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <zlib.h>

#include "utils/memutils.h"

#include "source/s3/compress.h"

/* inflateInit2: the largest window, plus 16 for "gzip only". */
#define GZIP_WINDOW_BITS (MAX_WBITS + 16)

typedef enum GzipPlace
{
	GZIP_START,					/* nothing read yet */
	GZIP_IN_MEMBER,
	GZIP_BEHIND_MEMBER,			/* another one, or padding, may follow */
	GZIP_IN_PADDING				/* zero bytes, as tapes leave them */
} GzipPlace;

typedef struct GzipState
{
	z_stream	stream;
	GzipPlace	place;
} GzipState;

/* zlib's memory is the context's.  This is a callback: it must not raise. */
static void *
allocate(void *context, unsigned int items, unsigned int size)
{
	return MemoryContextAllocExtended(context, (Size) items * size,
									  MCXT_ALLOC_NO_OOM);
}

static void
deallocate(void *context, void *address)
{
	pfree(address);
}

static void *
gzip_begin(void)
{
	GzipState  *gz = palloc0(sizeof(GzipState));

	gz->stream.zalloc = allocate;
	gz->stream.zfree = deallocate;
	gz->stream.opaque = CurrentMemoryContext;
	if (inflateInit2(&gz->stream, GZIP_WINDOW_BITS) != Z_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not initialize gzip decompression")));
	gz->place = GZIP_START;
	return gz;
}

static void
gzip_reset(void *state)
{
	GzipState  *gz = state;

	inflateReset(&gz->stream);
	gz->place = GZIP_START;
}

static const char *
inflate_some(GzipState *gz, const char **in, const char *in_end,
			 char **out, char *out_end)
{
	z_stream   *stream = &gz->stream;
	int			rc;

	stream->next_in = (Bytef *) *in;
	stream->avail_in = in_end - *in;
	stream->next_out = (Bytef *) *out;
	stream->avail_out = Min(out_end - *out, PG_INT32_MAX);
	rc = inflate(stream, Z_NO_FLUSH);
	*in = (const char *) stream->next_in;
	*out = (char *) stream->next_out;

	switch (rc)
	{
		case Z_STREAM_END:
			gz->place = GZIP_BEHIND_MEMBER;
			return NULL;
		case Z_OK:
		case Z_BUF_ERROR:		/* no progress without more input: no error */
			return NULL;
		case Z_NEED_DICT:
			return "it needs a dictionary";
		default:
			return stream->msg ? stream->msg : zError(rc);
	}
}

static const char *
gzip_step(void *state, const char **in, const char *in_end,
		  char **out, char *out_end)
{
	GzipState  *gz = state;
	const char *message = NULL;

	if (gz->place == GZIP_IN_MEMBER)
		message = inflate_some(gz, in, in_end, out, out_end);
	while (message == NULL && *in < in_end && *out < out_end)
	{
		if (gz->place >= GZIP_BEHIND_MEMBER && **in == '\0')
		{
			gz->place = GZIP_IN_PADDING;
			(*in)++;
			continue;
		}
		if (gz->place == GZIP_IN_PADDING)
			return "there is garbage behind the compressed data";
		if (gz->place == GZIP_BEHIND_MEMBER)
			inflateReset(&gz->stream);
		gz->place = GZIP_IN_MEMBER;
		message = inflate_some(gz, in, in_end, out, out_end);
	}
	return message;
}

static bool
gzip_at_end(void *state)
{
	return ((GzipState *) state)->place >= GZIP_BEHIND_MEMBER;
}

const DecompressFormat gzip_format = {
	.begin = gzip_begin,
	.reset = gzip_reset,
	.step = gzip_step,
	.at_end = gzip_at_end,
};

/* ---------- the other way ---------- */

static void *
gzip_compress_begin(void)
{
	z_stream   *stream = palloc0(sizeof(z_stream));

	stream->zalloc = allocate;
	stream->zfree = deallocate;
	stream->opaque = CurrentMemoryContext;
	if (deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS,
					 MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not initialize gzip compression")));
	return stream;
}

static bool
gzip_compress_step(void *state, const char **in, const char *in_end,
				   char **out, char *out_end, bool last)
{
	z_stream   *stream = state;
	int			rc;

	stream->next_in = (Bytef *) *in;
	stream->avail_in = in_end - *in;
	stream->next_out = (Bytef *) *out;
	stream->avail_out = out_end - *out;
	rc = deflate(stream, last ? Z_FINISH : Z_NO_FLUSH);
	*in = (const char *) stream->next_in;
	*out = (char *) stream->next_out;
	if (rc == Z_STREAM_ERROR)
		elog(ERROR, "gzip compression failed");
	if (rc == Z_STREAM_END)
		deflateReset(stream);
	return last ? rc == Z_STREAM_END : stream->avail_out > 0;
}

const CompressFormat gzip_compress_format = {
	.suffix = ".gz",
	.begin = gzip_compress_begin,
	.step = gzip_compress_step,
};
