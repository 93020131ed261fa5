/*-------------------------------------------------------------------------
 *
 * decompress.c
 *	  The part of decompression that is the same for all formats: buffers,
 *	  and finding out which format it is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "source/s3/decompress.h"

/* Several times what a decompressor takes at once, still in the L2 cache. */
#define INPUT_SIZE (128 * 1024)

struct Decompressor
{
	MemoryContext context;
	Compression compression;	/* as opened */
	bool		decided;		/* is format that of this object? */
	const DecompressFormat *format; /* NULL: hand the bytes through */

	/* one state each, made when first needed, then kept */
	void	   *gzip;
	void	   *zstd;
	void	   *state;			/* format's */

	char	   *buffer;			/* made when first needed */
	const char *in;
	const char *in_end;
	bool		pending;		/* may the state hold content not yet handed
								 * out, for want of room? */
};

Decompressor *
decompress_open(Compression compression)
{
	Decompressor *d = palloc0(sizeof(Decompressor));

	d->context = CurrentMemoryContext;
	d->compression = compression;
	return d;
}

void
decompress_reset(Decompressor *d)
{
	d->decided = false;
}

void
decompress_reset_plain(Decompressor *d)
{
	d->decided = true;
	d->format = NULL;
}

bool
decompress_found(const Decompressor *d)
{
	return d->decided && d->format != NULL;
}

/*
 * RFC 1952 section 2.3.1, RFC 8878 sections 3.1.1 and 3.1.2.  None of these
 * bytes can begin JSON.  A Zstandard file may begin with a skippable frame.
 */
static const DecompressFormat *
format_of_magic(const char *bytes, size_t len)
{
	const unsigned char *b = (const unsigned char *) bytes;

	if (len >= 2 && b[0] == 0x1f && b[1] == 0x8b)
		return &gzip_format;
	if (len >= 4 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd && b[0] == 0x28)
		return &zstd_format;
	if (len >= 4 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18 &&
		(b[0] & 0xf0) == 0x50)
		return &zstd_format;
	return NULL;
}

bool
is_compressed(const char *bytes, size_t len)
{
	return format_of_magic(bytes, len) != NULL;
}

static void
use_format(Decompressor *d, const DecompressFormat *format)
{
	void	  **state = format == &gzip_format ? &d->gzip : &d->zstd;

	d->decided = true;
	d->format = format;
	if (format == NULL)
		return;
	if (*state == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(d->context);

		*state = format->begin();
		if (d->buffer == NULL)
			d->buffer = palloc(INPUT_SIZE);
		MemoryContextSwitchTo(old);
	}
	else
		format->reset(*state);
	d->state = *state;
	d->in = d->in_end = d->buffer;
	d->pending = false;
}

/*
 * Reads the first bytes of an object into buf to see what it is.  Returns how
 * many bytes of content they are: none if they are compressed, and then they
 * wait in our own buffer.
 */
static size_t
decide(Decompressor *d, DecompressInput input, void *arg, char *buf, size_t room)
{
	size_t		len = 0;
	size_t		limit = Min(room, INPUT_SIZE);

	switch (d->compression)
	{
		case COMPRESSION_NONE:
			use_format(d, NULL);
			return 0;
		case COMPRESSION_GZIP:
			use_format(d, &gzip_format);
			return 0;
		case COMPRESSION_ZSTD:
			use_format(d, &zstd_format);
			return 0;
		case COMPRESSION_AUTO:
			break;
	}

	Assert(room >= COMPRESSION_MAGIC_SIZE);
	while (len < COMPRESSION_MAGIC_SIZE)
	{
		size_t		got = input(arg, buf + len, limit - len);

		if (got == 0)
			break;
		len += got;
	}
	use_format(d, format_of_magic(buf, len));
	if (d->format == NULL)
		return len;
	memcpy(d->buffer, buf, len);
	d->in_end = d->buffer + len;
	return 0;
}

static void
report_corrupt(const char *message)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("could not decompress object: %s", message),
			 errhint("Check that the object is whole and that option \"compression\" fits it.")));
}

size_t
decompress_read(Decompressor *d, DecompressInput input, void *arg,
				char *buf, size_t room)
{
	char	   *out = buf;

	Assert(room > 0);
	if (!d->decided)
	{
		size_t		len = decide(d, input, arg, buf, room);

		if (len > 0)
			return len;
	}
	if (d->format == NULL)
		return input(arg, buf, room);

	while (out == buf)
	{
		const char *message;

		CHECK_FOR_INTERRUPTS();
		if (d->in == d->in_end && !d->pending)
		{
			size_t		got = input(arg, d->buffer, INPUT_SIZE);

			if (got == 0 && d->format->at_end(d->state))
				return 0;
			if (got == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DATA_CORRUPTED),
						 errmsg("compressed object ends too early")));
			d->in = d->buffer;
			d->in_end = d->buffer + got;
		}
		message = d->format->step(d->state, &d->in, d->in_end, &out, buf + room);
		if (message)
			report_corrupt(message);
		d->pending = out == buf + room;
	}
	return out - buf;
}
