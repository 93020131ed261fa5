/*-------------------------------------------------------------------------
 *
 * token.c
 *	  What a JSON document is made of: white space, strings, numbers, literals.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/simd.h"
#include "json/token.h"

const uint8 *
json_skip_space_slow(JsonScan *scan, const uint8 *p)
{
	for (;; p++)
	{
		if (*p == '\n')
		{
			scan->line++;
			scan->line_start = (const char *) p + 1;
		}
		else if (*p != ' ' && *p != '\t' && *p != '\r')
			return p;
	}
}

/*
 * Length of the UTF-8 sequence at p, 0 if it is not a legal one (RFC 3629: no
 * overlong forms, no surrogates, nothing above U+10FFFF).
 */
static inline int
utf8_length(const uint8 *p)
{
	uint8		lead = p[0];
	uint8		low = 0x80,
				high = 0xBF;

	if (lead < 0xC2)
		return 0;
	if (lead < 0xE0)
		return (p[1] & 0xC0) == 0x80 ? 2 : 0;
	if (lead < 0xF0)
	{
		if (lead == 0xE0)
			low = 0xA0;
		else if (lead == 0xED)
			high = 0x9F;
		return p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 ? 3 : 0;
	}
	if (lead > 0xF4)
		return 0;
	if (lead == 0xF0)
		low = 0x90;
	else if (lead == 0xF4)
		high = 0x8F;
	return p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 &&
		(p[3] & 0xC0) == 0x80 ? 4 : 0;
}

/* The four hexadecimal digits at p, or -1. */
static int
hex4(const uint8 *p)
{
	int			value = 0;

	for (int i = 0; i < 4; i++)
	{
		uint8		c = p[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* Appends a code point in UTF-8, returns how many bytes. */
static int
put_utf8(uint8 *to, uint32 code)
{
	if (code < 0x80)
	{
		to[0] = code;
		return 1;
	}
	if (code < 0x800)
	{
		to[0] = 0xC0 | (code >> 6);
		to[1] = 0x80 | (code & 0x3F);
		return 2;
	}
	if (code < 0x10000)
	{
		to[0] = 0xE0 | (code >> 12);
		to[1] = 0x80 | ((code >> 6) & 0x3F);
		to[2] = 0x80 | (code & 0x3F);
		return 3;
	}
	to[0] = 0xF0 | (code >> 18);
	to[1] = 0x80 | ((code >> 12) & 0x3F);
	to[2] = 0x80 | ((code >> 6) & 0x3F);
	to[3] = 0x80 | (code & 0x3F);
	return 4;
}

/* A \uXXXX escape, with its second half if it is a surrogate. */
static const uint8 *
scan_unicode_escape(JsonScan *scan, const uint8 *p, uint8 *to)
{
	int			code = hex4(p + 2);
	int			low;

	if (code < 0)
		return json_fail(scan, p, JSON_ERROR_ESCAPE);
	if (code == 0)
		return json_fail(scan, p, JSON_ERROR_ZERO);
	if (code < 0xD800 || code > 0xDFFF)
	{
		scan->escape_len = put_utf8(to, code);
		return p + 6;
	}
	low = code < 0xDC00 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return json_fail(scan, p, JSON_ERROR_SURROGATE);
	scan->escape_len = put_utf8(to, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
	return p + 12;
}

/*
 * The escape at p ("\"): its bytes go to "to", at most four, and their number
 * to scan->escape_len.
 */
static const uint8 *
scan_escape(JsonScan *scan, const uint8 *p, uint8 *to)
{
	scan->escape_len = 1;
	switch (p[1])
	{
		case '"':
		case '\\':
		case '/':
			*to = p[1];
			return p + 2;
		case 'b':
			*to = '\b';
			return p + 2;
		case 'f':
			*to = '\f';
			return p + 2;
		case 'n':
			*to = '\n';
			return p + 2;
		case 'r':
			*to = '\r';
			return p + 2;
		case 't':
			*to = '\t';
			return p + 2;
		case 'u':
			return scan_unicode_escape(scan, p, to);
		default:
			return json_fail(scan, p, JSON_ERROR_ESCAPE);
	}
}

const uint8 *
json_skip_string(JsonScan *scan, const uint8 *p)
{
	for (;;)
	{
		int			n = plain_bytes(p);

		p += n;
		if (n == JSON_BLOCK)
			continue;
		if (likely(*p == '"'))
			return p + 1;
		if (*p >= 0x80)
		{
			do
			{
				n = utf8_length(p);
				if (n == 0)
					return json_fail(scan, p, JSON_ERROR_UTF8);
				p += n;
			} while (*p >= 0x80);
		}
		else if (*p == '\\')
		{
			p = scan_escape(scan, p, scan->ignored);
			if (p == NULL)
				return NULL;
		}
		else
			return json_fail(scan, p, JSON_ERROR_CONTROL);
	}
}

const uint8 *
json_take_string(JsonScan *scan, const uint8 *p, JsonValue *value)
{
	uint8	   *start = (uint8 *) TYPEALIGN(4, (uintptr_t) scan->arena_next) + 4;
	uint8	   *to = start;

	for (;;)
	{
		int			n = copy_plain_bytes(to, p);

		p += n;
		to += n;
		if (n == JSON_BLOCK)
			continue;
		if (likely(*p == '"'))
			break;
		if (*p >= 0x80)
		{
			do
			{
				n = utf8_length(p);
				if (n == 0)
					return json_fail(scan, p, JSON_ERROR_UTF8);
				memcpy(to, p, 4);	/* there is room for four */
				p += n;
				to += n;
			} while (*p >= 0x80);
		}
		else if (*p == '\\')
		{
			p = scan_escape(scan, p, to);
			if (p == NULL)
				return NULL;
			to += scan->escape_len;
		}
		else
			return json_fail(scan, p, JSON_ERROR_CONTROL);
	}
	*to = '\0';
	value->data = (const char *) start;
	value->len = to - start;
	value->kind = JSON_STRING;
	scan->arena_next = (char *) to + 1;
	return p + 1;
}

static inline bool
is_digit(uint8 c)
{
	return (uint8) (c - '0') < 10;
}

static const uint8 *
skip_number(JsonScan *scan, const uint8 *p)
{
	const uint8 *start = p;

	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else if (is_digit(*p))
		do
			p++;
		while (is_digit(*p));
	else
		return json_fail(scan, start, start == p ? JSON_ERROR_VALUE : JSON_ERROR_NUMBER);
	if (*p == '.')
	{
		p++;
		if (!is_digit(*p))
			return json_fail(scan, p, JSON_ERROR_NUMBER);
		while (is_digit(*p))
			p++;
	}
	if ((*p | 0x20) == 'e')
	{
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!is_digit(*p))
			return json_fail(scan, p, JSON_ERROR_NUMBER);
		while (is_digit(*p))
			p++;
	}
	return p;
}

static inline const uint8 *
skip_literal(JsonScan *scan, const uint8 *p, const char *literal, int len)
{
	if (memcmp(p, literal, len) != 0)
		return json_fail(scan, p, JSON_ERROR_VALUE);
	return p + len;
}

const uint8 *
json_scan_scalar(JsonScan *scan, const uint8 *p, JsonKind *kind)
{
	switch (*p)
	{
		case 't':
			*kind = JSON_TRUE;
			return skip_literal(scan, p, "true", 4);
		case 'f':
			*kind = JSON_FALSE;
			return skip_literal(scan, p, "false", 5);
		case 'n':
			*kind = JSON_NULL;
			return skip_literal(scan, p, "null", 4);
		default:
			*kind = JSON_NUMBER;
			return skip_number(scan, p);
	}
}
