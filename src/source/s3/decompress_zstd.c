/*-------------------------------------------------------------------------
 *
 * decompress_zstd.c
 *	  Zstandard, by libzstd, both ways.  The one file that includes zstd.h.
 *
 * The library's memory is malloc'd (its hook for another allocator is not
 * part of the stable interface); a reset callback of the memory context frees
 * it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <zstd.h>

#include "utils/memutils.h"

#include "source/s3/compress.h"

/*
 * An object may ask for a window of 2^27 bytes at most, the largest that the
 * zstd program takes unasked.  Without a limit a few bytes of header could
 * make the server allocate 2 GB.
 */
#define MAX_WINDOW_LOG 27

typedef struct ZstdState
{
	ZSTD_DCtx  *context;
	bool		in_frame;
	bool		any_frame;
	MemoryContextCallback on_reset;
} ZstdState;

static void
release(void *arg)
{
	ZSTD_freeDCtx(((ZstdState *) arg)->context);
}

static void *
zstd_begin(void)
{
	ZstdState  *zs = palloc0(sizeof(ZstdState));

	zs->on_reset.func = release;
	zs->on_reset.arg = zs;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &zs->on_reset);

	zs->context = ZSTD_createDCtx();
	if (zs->context == NULL ||
		ZSTD_isError(ZSTD_DCtx_setParameter(zs->context, ZSTD_d_windowLogMax,
											MAX_WINDOW_LOG)))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not initialize zstd decompression")));
	return zs;
}

static void
zstd_reset(void *state)
{
	ZstdState  *zs = state;

	ZSTD_DCtx_reset(zs->context, ZSTD_reset_session_only);
	zs->in_frame = false;
	zs->any_frame = false;
}

static const char *
zstd_step(void *state, const char **in, const char *in_end,
		  char **out, char *out_end)
{
	ZstdState  *zs = state;
	ZSTD_inBuffer from = {*in, in_end - *in, 0};
	ZSTD_outBuffer to = {*out, out_end - *out, 0};

	/* between frames, a call without input would pass for the start of one */
	while (to.pos < to.size && (from.pos < from.size || zs->in_frame))
	{
		size_t		before = to.pos;
		size_t		wanted = ZSTD_decompressStream(zs->context, &to, &from);

		if (ZSTD_isError(wanted))
			return ZSTD_getErrorName(wanted);
		zs->in_frame = wanted != 0;
		zs->any_frame = true;
		if (from.pos == from.size && to.pos == before)
			break;
	}
	*in += from.pos;
	*out += to.pos;
	return NULL;
}

static bool
zstd_at_end(void *state)
{
	ZstdState  *zs = state;

	return zs->any_frame && !zs->in_frame;
}

const DecompressFormat zstd_format = {
	.begin = zstd_begin,
	.reset = zstd_reset,
	.step = zstd_step,
	.at_end = zstd_at_end,
};

/* ---------- the other way ---------- */

typedef struct ZstdCompressState
{
	ZSTD_CCtx  *context;
	MemoryContextCallback on_reset;
} ZstdCompressState;

static void
release_compress(void *arg)
{
	ZSTD_freeCCtx(((ZstdCompressState *) arg)->context);
}

static void *
zstd_compress_begin(void)
{
	ZstdCompressState *zstd = palloc0(sizeof(ZstdCompressState));

	zstd->on_reset.func = release_compress;
	zstd->on_reset.arg = zstd;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &zstd->on_reset);
	zstd->context = ZSTD_createCCtx();
	if (zstd->context == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not initialize zstd compression")));
	return zstd;
}

static bool
zstd_compress_step(void *state, const char **in, const char *in_end,
				   char **out, char *out_end, bool last)
{
	ZstdCompressState *zstd = state;
	ZSTD_inBuffer input = {*in, in_end - *in, 0};
	ZSTD_outBuffer output = {*out, out_end - *out, 0};
	size_t		left = ZSTD_compressStream2(zstd->context, &output, &input,
											last ? ZSTD_e_end : ZSTD_e_continue);

	if (ZSTD_isError(left))
		elog(ERROR, "zstd compression failed: %s", ZSTD_getErrorName(left));
	*in += input.pos;
	*out += output.pos;
	return last ? left == 0 : *in == in_end;
}

const CompressFormat zstd_compress_format = {
	.suffix = ".zst",
	.begin = zstd_compress_begin,
	.step = zstd_compress_step,
};
