/*-------------------------------------------------------------------------
 *
 * compress.h
 *	  Content to the bytes of a compressed object, as a stream.
 *
 * The reverse of decompress.h, with the same formats: one gzip member or one
 * Zstandard frame an object.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_COMPRESS_H
#define PINTEREST_COMPRESS_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "source/s3/decompress.h"

typedef struct Compressor Compressor;

/*
 * Allocates in the current memory context, which also frees what the
 * libraries hold when it is reset.  COMPRESSION_AUTO means none.
 */
extern Compressor *compress_open(Compression compression);

/*
 * Appends to out what compressing len more bytes gives, perhaps nothing.  With
 * last the object ends there, and the next call begins another one.
 */
extern void compress_append(Compressor *compressor, const char *data, size_t len,
							bool last, StringInfo out);

/* What the name of such an object ends in: "", ".gz", ".zst". */
extern const char *compress_suffix(const Compressor *compressor);

/*
 * One format; gzip and Zstandard live with their decompressors, which alone
 * know the libraries.
 */
typedef struct CompressFormat
{
	const char *suffix;

	/* Allocates in the current memory context, with a callback if need be. */
	void	   *(*begin) (void);

	/*
	 * Takes bytes from *in, puts compressed ones at *out, and moves both on.
	 * With last, true once the object is complete and the state is ready for
	 * another; else true once the input is used up.  False: more room is
	 * needed.
	 */
	bool		(*step) (void *state, const char **in, const char *in_end,
						 char **out, char *out_end, bool last);
} CompressFormat;

extern const CompressFormat gzip_compress_format;
extern const CompressFormat zstd_compress_format;

#endif							/* PINTEREST_COMPRESS_H */
