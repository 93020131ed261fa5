/*-------------------------------------------------------------------------
 *
 * simd.h
 *	  Looking at sixteen bytes of a JSON string at once.
 *
 * Inside a string most bytes are plain: ASCII, no quote, no backslash, no
 * control character.  The rest is "special" and needs a closer look.  Taking
 * bytes from 0x80 up as special is what makes the UTF-8 check free where there
 * is none to do.
 *
 * SSE2 and NEON are part of their architectures, so nothing is decided at run
 * time; wider registers were measured and gain nothing with strings this
 * short.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_SIMD_H
#define PINTEREST_JSON_SIMD_H

#include "postgres.h"

#include "port/pg_bitutils.h"

#define JSON_BLOCK 16

#if defined(__SSE2__) && !defined(PINTEREST_NO_SIMD)

#include <emmintrin.h>

/* A bit for each special byte. */
static inline uint32
special_bits(__m128i block)
{
	__m128i		quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
	__m128i		backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));

	/* signed: below 0x20 are the control characters and all from 0x80 up */
	__m128i		other = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));

	return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), other));
}

/* How many plain bytes p starts with, up to JSON_BLOCK. */
static inline int
plain_bytes(const uint8 *p)
{
	uint32		bits = special_bits(_mm_loadu_si128((const __m128i *) p));

	return bits == 0 ? JSON_BLOCK : pg_rightmost_one_pos32(bits);
}

/* The same; copies a whole block whatever it finds. */
static inline int
copy_plain_bytes(uint8 *to, const uint8 *p)
{
	__m128i		block = _mm_loadu_si128((const __m128i *) p);
	uint32		bits = special_bits(block);

	_mm_storeu_si128((__m128i *) to, block);
	return bits == 0 ? JSON_BLOCK : pg_rightmost_one_pos32(bits);
}

/* Are the first n bytes equal?  Reads up to the block that holds the last. */
static inline bool
same_bytes(const uint8 *a, const uint8 *b, int n)
{
	for (;;)
	{
		__m128i		same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *) a),
										  _mm_loadu_si128((const __m128i *) b));
		uint32		differ = ~(uint32) _mm_movemask_epi8(same);

		if (n <= JSON_BLOCK)
			return (differ & ((1u << n) - 1)) == 0;
		if ((differ & 0xffff) != 0)
			return false;
		a += JSON_BLOCK;
		b += JSON_BLOCK;
		n -= JSON_BLOCK;
	}
}

#elif defined(__aarch64__) && !defined(PINTEREST_NO_SIMD)

#include <arm_neon.h>

/* Four bits for each special byte: NEON has no movemask. */
static inline uint64
special_bits(uint8x16_t block)
{
	uint8x16_t	special = vorrq_u8(vceqq_u8(block, vdupq_n_u8('"')),
								   vceqq_u8(block, vdupq_n_u8('\\')));

	special = vorrq_u8(special, vcltq_s8(vreinterpretq_s8_u8(block), vdupq_n_s8(0x20)));
	return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(special), 4)), 0);
}

static inline int
plain_bytes(const uint8 *p)
{
	uint64		bits = special_bits(vld1q_u8(p));

	return bits == 0 ? JSON_BLOCK : pg_rightmost_one_pos64(bits) / 4;
}

static inline int
copy_plain_bytes(uint8 *to, const uint8 *p)
{
	uint8x16_t	block = vld1q_u8(p);
	uint64		bits = special_bits(block);

	vst1q_u8(to, block);
	return bits == 0 ? JSON_BLOCK : pg_rightmost_one_pos64(bits) / 4;
}

static inline bool
same_bytes(const uint8 *a, const uint8 *b, int n)
{
	return memcmp(a, b, n) == 0;
}

#else

static inline int
plain_bytes(const uint8 *p)
{
	int			n = 0;

	while (n < JSON_BLOCK && p[n] != '"' && p[n] != '\\' &&
		   p[n] >= 0x20 && p[n] < 0x80)
		n++;
	return n;
}

static inline int
copy_plain_bytes(uint8 *to, const uint8 *p)
{
	memcpy(to, p, JSON_BLOCK);
	return plain_bytes(p);
}

static inline bool
same_bytes(const uint8 *a, const uint8 *b, int n)
{
	return memcmp(a, b, n) == 0;
}

#endif

#endif							/* PINTEREST_JSON_SIMD_H */
