/*-------------------------------------------------------------------------
 *
 * decompress.h
 *	  Bytes of a compressed object to bytes of its content, as a stream.
 *
 * The caller pulls; the decompressor pulls what it needs from the caller's
 * input function.  Memory is fixed: one input buffer, and what the format's
 * window takes (gzip 32 kB; zstd what the object asks for, 128 MB at most).
 *
 * Formats: gzip (RFC 1952; all members of the file, zero bytes may follow) and
 * Zstandard (RFC 8878; all frames of the file).  Bytes that belong to neither
 * are an error, and so is an end inside a member or frame.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_DECOMPRESS_H
#define PINTEREST_DECOMPRESS_H

#include "postgres.h"

typedef enum Compression
{
	COMPRESSION_AUTO,			/* what the first bytes tell, not the name */
	COMPRESSION_NONE,
	COMPRESSION_GZIP,
	COMPRESSION_ZSTD
} Compression;

typedef struct Decompressor Decompressor;

/*
 * Fills buf with up to room bytes of the object and returns how many; 0 is
 * its end.  May raise errors and block.
 */
typedef size_t (*DecompressInput) (void *arg, char *buf, size_t room);

/*
 * Allocates in the current memory context, which also frees what the
 * libraries hold when it is reset.
 */
extern Decompressor *decompress_open(Compression compression);

/* Bytes that tell the format, and whether these are those of one. */
#define COMPRESSION_MAGIC_SIZE 4
extern bool is_compressed(const char *bytes, size_t len);

/* Gets ready for another object.  Buffers are kept: this is cheap. */
extern void decompress_reset(Decompressor *d);

/* The same for bytes that are known not to be compressed. */
extern void decompress_reset_plain(Decompressor *d);

/* Have the first bytes that were read shown that it is compressed? */
extern bool decompress_found(const Decompressor *d);

/*
 * Copies up to room bytes of content into buf, returns how many; 0 is the end,
 * which has then been verified to be that of the object.  At the start of an
 * object there must be room for COMPRESSION_MAGIC_SIZE.  What is not compressed
 * goes from input to buf without a copy.  May block where input does.  Raises
 * ERRCODE_DATA_CORRUPTED; the caller names the object, by an error context.
 */
extern size_t decompress_read(Decompressor *d, DecompressInput input, void *arg,
							  char *buf, size_t room);

/*
 * One format, behind a wall: gzip in decompress_gzip.c, which alone knows
 * zlib; Zstandard in decompress_zstd.c, which alone knows libzstd.
 */
typedef struct DecompressFormat
{
	/* Allocates in the current memory context, with a callback if need be. */
	void	   *(*begin) (void);
	void		(*reset) (void *state);

	/*
	 * Takes bytes from *in, puts content at *out, and moves both on, until the
	 * input is used up and all its content is out, or there is no room left.
	 * The input may be empty: then only content held back is put out.  Returns
	 * NULL, or a message about what is wrong with the input: static.
	 */
	const char *(*step) (void *state, const char **in, const char *in_end,
						 char **out, char *out_end);

	/* May the input end here? */
	bool		(*at_end) (void *state);
} DecompressFormat;

extern const DecompressFormat gzip_format;
extern const DecompressFormat zstd_format;

#endif							/* PINTEREST_DECOMPRESS_H */
