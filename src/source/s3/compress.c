/*-------------------------------------------------------------------------
 *
 * compress.c
 *	  Content to the bytes of a compressed object, as a stream.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "source/s3/compress.h"

/* Room made for the output of one step. */
#define STEP_ROOM (64 * 1024)

struct Compressor
{
	const CompressFormat *format;	/* NULL: not compressed */
	void	   *state;
};

Compressor *
compress_open(Compression compression)
{
	Compressor *compressor = palloc0(sizeof(Compressor));

	if (compression == COMPRESSION_GZIP)
		compressor->format = &gzip_compress_format;
	else if (compression == COMPRESSION_ZSTD)
		compressor->format = &zstd_compress_format;
	if (compressor->format != NULL)
		compressor->state = compressor->format->begin();
	return compressor;
}

void
compress_append(Compressor *compressor, const char *data, size_t len,
				bool last, StringInfo out)
{
	const char *end = data + len;
	bool		done = false;

	if (compressor->format == NULL)
	{
		appendBinaryStringInfo(out, data, len);
		return;
	}
	while (!done)
	{
		char	   *to;

		enlargeStringInfo(out, STEP_ROOM);
		to = out->data + out->len;
		done = compressor->format->step(compressor->state, &data, end, &to,
										to + STEP_ROOM, last);
		out->len = to - out->data;
		out->data[out->len] = '\0';
	}
}

const char *
compress_suffix(const Compressor *compressor)
{
	return compressor->format == NULL ? "" : compressor->format->suffix;
}
