/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  One pass over the bytes of a JSON document.
 *
 * A recursive descent over the objects that hold wanted values, and a loop
 * with a stack of its own over everything else.  Each function takes the place
 * where its part begins and returns the place behind it, or NULL after it has
 * noted what is wrong and where.
 *
 * The input ends with zeros, which no rule accepts, so nothing compares
 * against the end: whoever runs into it fails there.  json_status() tells
 * this from a real fault by the distance to the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/path.h"
#include "json/scan.h"
#include "json/simd.h"

/*
 * A fault this near to the end of input that may go on may be no fault: the
 * longest thing looked at in one piece is an escaped surrogate pair.
 */
#define LONGEST_PIECE 16

StaticAssertDecl(JSON_PADDING >= JSON_SHAPE_TEXT + JSON_BLOCK,
				 "the scanner must not read past the padding");

static const uint8 *scan_value(JsonScan *scan, const uint8 *p, const JsonNode *node);

static const uint8 *
fail(JsonScan *scan, const uint8 *p, JsonError error)
{
	scan->error = error;
	scan->error_at = (const char *) p;
	return NULL;
}

/*
 * White space.  Outside strings every line feed is passed here.
 */
static pg_noinline const uint8 *
skip_space_slow(JsonScan *scan, const uint8 *p)
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

static inline const uint8 *
skip_space(JsonScan *scan, const uint8 *p)
{
	return likely(*p > ' ') ? p : skip_space_slow(scan, p);
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
		return fail(scan, p, JSON_ERROR_ESCAPE);
	if (code == 0)
		return fail(scan, p, JSON_ERROR_ZERO);
	if (code < 0xD800 || code > 0xDFFF)
	{
		scan->escape_len = put_utf8(to, code);
		return p + 6;
	}
	low = code < 0xDC00 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
	if (low < 0xDC00 || low > 0xDFFF)
		return fail(scan, p, JSON_ERROR_SURROGATE);
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
			return fail(scan, p, JSON_ERROR_ESCAPE);
	}
}

/* Checks a string nobody wants; p is behind its opening quote. */
static const uint8 *
skip_string(JsonScan *scan, const uint8 *p)
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
					return fail(scan, p, JSON_ERROR_UTF8);
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
			return fail(scan, p, JSON_ERROR_CONTROL);
	}
}

/*
 * Unescapes a string into the arena while checking it; p is behind its opening
 * quote.
 */
static const uint8 *
take_string(JsonScan *scan, const uint8 *p, JsonValue *value)
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
					return fail(scan, p, JSON_ERROR_UTF8);
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
			return fail(scan, p, JSON_ERROR_CONTROL);
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
		return fail(scan, start, start == p ? JSON_ERROR_VALUE : JSON_ERROR_NUMBER);
	if (*p == '.')
	{
		p++;
		if (!is_digit(*p))
			return fail(scan, p, JSON_ERROR_NUMBER);
		while (is_digit(*p))
			p++;
	}
	if ((*p | 0x20) == 'e')
	{
		p++;
		if (*p == '+' || *p == '-')
			p++;
		if (!is_digit(*p))
			return fail(scan, p, JSON_ERROR_NUMBER);
		while (is_digit(*p))
			p++;
	}
	return p;
}

static inline const uint8 *
skip_literal(JsonScan *scan, const uint8 *p, const char *literal, int len)
{
	if (memcmp(p, literal, len) != 0)
		return fail(scan, p, JSON_ERROR_VALUE);
	return p + len;
}

/* true, false, null or a number. */
static const uint8 *
scan_scalar(JsonScan *scan, const uint8 *p, JsonKind *kind)
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

/* The key at p nobody needs to know, its colon, and white space. */
static const uint8 *
skip_key(JsonScan *scan, const uint8 *p)
{
	if (*p != '"')
		return fail(scan, p, JSON_ERROR_KEY);
	p = skip_string(scan, p + 1);
	if (p == NULL)
		return NULL;
	p = skip_space(scan, p);
	if (*p != ':')
		return fail(scan, p, JSON_ERROR_COLON);
	return skip_space(scan, p + 1);
}

/*
 * Checks an array or object nobody wants anything of.
 */
static const uint8 *
skip_container(JsonScan *scan, const uint8 *p)
{
	bool		is_object[JSON_MAX_DEPTH + 1];	/* each open container, from 1 */
	int			depth = 0;		/* of the innermost of them */

#ifdef __clang_analyzer__
	/* it cannot see that p is at a container, and what follows from that */
	memset(is_object, 0, sizeof(is_object));
#endif

	for (;;)
	{
		bool		object;
		JsonKind	kind;

		/* p is at a value */
		if (*p == '{' || *p == '[')
		{
			object = *p == '{';
			depth++;
			if (depth + scan->depth > JSON_MAX_DEPTH)
				return fail(scan, p, JSON_ERROR_DEPTH);
			is_object[depth] = object;
			p = skip_space(scan, p + 1);
			if (*p != (object ? '}' : ']'))
			{
				if (object && (p = skip_key(scan, p)) == NULL)
					return NULL;
				continue;
			}
			/* an empty one: fall through to where containers end */
		}
		else if (*p == '"')
			p = skip_string(scan, p + 1);
		else
			p = scan_scalar(scan, p, &kind);
		if (p == NULL)
			return NULL;

		/* p is behind a value, or at the end of an empty container */
		for (;;)
		{
			p = skip_space(scan, p);
			object = is_object[depth];
			if (*p != (object ? '}' : ']'))
				break;
			p++;
			if (--depth == 0)
				return p;
		}
		if (*p != ',')
			return fail(scan, p, object ? JSON_ERROR_OBJECT_END : JSON_ERROR_ARRAY_END);
		p = skip_space(scan, p + 1);
		if (object && (p = skip_key(scan, p)) == NULL)
			return NULL;
	}
}

static inline const uint8 *
skip_value(JsonScan *scan, const uint8 *p)
{
	JsonKind	kind;

	if (likely(*p == '"'))
		return skip_string(scan, p + 1);
	if (*p == '{' || *p == '[')
		return skip_container(scan, p);
	return scan_scalar(scan, p, &kind);
}

/* Remembers the key text at p (up to and with the colon) as the nth one. */
static void
learn_key(JsonShape *shape, int nth, const uint8 *p, size_t len, JsonNode *child)
{
	JsonShapeKey *known;

	if (nth > shape->nkeys || nth >= JSON_SHAPE_KEYS || len > JSON_SHAPE_TEXT)
		return;
	if (nth == shape->nkeys)
		shape->nkeys++;
	known = &shape->keys[nth];
	memset(known->text, 0, JSON_SHAPE_TEXT);
	memcpy(known->text, p, len);
	known->len = len;
	known->child = child;
}

/* Looks a key up by its text, and remembers it as the nth of its object. */
static const uint8 *
find_key(JsonScan *scan, const uint8 *p, const JsonNode *node, int nth,
		 JsonNode **child)
{
	const uint8 *start = p;
	char	   *arena_next = scan->arena_next;
	JsonValue	key;

	if (*p != '"')
		return fail(scan, p, JSON_ERROR_KEY);
	p = take_string(scan, p + 1, &key);
	if (p == NULL)
		return NULL;
	scan->arena_next = arena_next;	/* the key was only borrowed */
	*child = json_path_child(node, key.data, key.len);
	p = skip_space(scan, p);
	if (*p != ':')
		return fail(scan, p, JSON_ERROR_COLON);

	/* a line feed before the colon must not get into the shape uncounted */
	if (memchr(start, '\n', p - start) == NULL)
		learn_key(node->shape, nth, start, p + 1 - start, *child);
	return skip_space(scan, p + 1);
}

/*
 * The key at p, the next after *nth: tried first against the key that stood
 * there before, then against the two behind it (keys may be left out).
 */
static inline const uint8 *
scan_key(JsonScan *scan, const uint8 *p, const JsonNode *node, int *nth,
		 JsonNode **child)
{
	const JsonShape *shape = node->shape;
	int			last = Min(*nth + 3, shape->nkeys);

	for (int i = *nth; i < last; i++)
	{
		const JsonShapeKey *known = &shape->keys[i];

		if (likely(same_bytes(p, known->text, known->len)))
		{
			*nth = i + 1;
			*child = known->child;
			return skip_space(scan, p + known->len);
		}
	}
	return find_key(scan, p, node, (*nth)++, child);
}

static const uint8 *
scan_object(JsonScan *scan, const uint8 *p, const JsonNode *node)
{
	int			nth = 0;

	p = skip_space(scan, p + 1);
	if (*p == '}')
		return p + 1;
	for (;;)
	{
		JsonNode   *child;

		p = scan_key(scan, p, node, &nth, &child);
		if (p == NULL)
			return NULL;
		p = child == NULL ? skip_value(scan, p) : scan_value(scan, p, child);
		if (p == NULL)
			return NULL;
		p = skip_space(scan, p);
		if (*p == '}')
			return p + 1;
		if (*p != ',')
			return fail(scan, p, JSON_ERROR_OBJECT_END);
		p = skip_space(scan, p + 1);
	}
}

static const uint8 *
scan_array(JsonScan *scan, const uint8 *p, const JsonNode *node)
{
	p = skip_space(scan, p + 1);
	if (*p == ']')
		return p + 1;
	for (int i = 0;; i++)
	{
		JsonNode   *child = json_path_element(node, i);

		p = child == NULL ? skip_value(scan, p) : scan_value(scan, p, child);
		if (p == NULL)
			return NULL;
		p = skip_space(scan, p);
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return fail(scan, p, JSON_ERROR_ARRAY_END);
		p = skip_space(scan, p + 1);
	}
}

/* An array or object that is wanted, or that holds something wanted. */
static const uint8 *
scan_container(JsonScan *scan, const uint8 *p, const JsonNode *node)
{
	bool		object = *p == '{';

	if (node->shape == NULL)
		return skip_container(scan, p);
	if (scan->depth >= JSON_MAX_DEPTH)
		return fail(scan, p, JSON_ERROR_DEPTH);
	scan->depth++;
	p = object ? scan_object(scan, p, node) : scan_array(scan, p, node);
	scan->depth--;
	return p;
}

/* A value that is wanted, or that holds something wanted. */
static const uint8 *
scan_value(JsonScan *scan, const uint8 *p, const JsonNode *node)
{
	JsonValue  *value = node->slot >= 0 ? &scan->values[node->slot] : &scan->unwanted;
	const uint8 *start = p;

	/* The last of several values with the same key counts, as a whole. */
	for (int i = 0; i < node->nbelow; i++)
		scan->values[node->below[i]].kind = JSON_MISSING;

	if (likely(*p == '"'))
		return take_string(scan, p + 1, value);
	if (*p == '{' || *p == '[')
	{
		value->kind = *p == '{' ? JSON_OBJECT : JSON_ARRAY;
		p = scan_container(scan, p, node);
	}
	else
		p = scan_scalar(scan, p, &value->kind);
	value->data = (const char *) start;
	value->len = p == NULL ? 0 : p - start;
	return p;
}

/* Turns what a scan returned into a status. */
static JsonStatus
json_status(JsonScan *scan, const uint8 *p, const char **next)
{
	if (p == NULL)
		return !scan->final && scan->end - scan->error_at < LONGEST_PIECE ?
			JSON_MORE : JSON_BAD;
	*next = (const char *) p;
	return JSON_OK;
}

JsonStatus
json_scan_object(JsonScan *scan, const char **next)
{
	const uint8 *p = (const uint8 *) *next;

	for (int i = 0; i < scan->nvalues; i++)
		scan->values[i].kind = JSON_MISSING;
	scan->depth = 0;
	return json_status(scan, scan_container(scan, p, scan->root), next);
}

JsonStatus
json_scan_string(JsonScan *scan, const char **next, JsonValue *value)
{
	const uint8 *p = (const uint8 *) *next;

	return json_status(scan, take_string(scan, p + 1, value), next);
}

JsonStatus
json_scan_over(JsonScan *scan, const char **next)
{
	const uint8 *p = (const uint8 *) *next;

	scan->depth = 0;
	p = skip_value(scan, p);

	/* a number at the very end may go on */
	if (p != NULL && p == (const uint8 *) scan->end && !scan->final)
		return JSON_MORE;
	return json_status(scan, p, next);
}

const char *
json_scan_space(JsonScan *scan, const char *next)
{
	return (const char *) skip_space(scan, (const uint8 *) next);
}

const char *
json_error_detail(JsonError error)
{
	switch (error)
	{
		case JSON_ERROR_NONE:
			break;
		case JSON_ERROR_VALUE:
			return "A JSON value was expected.";
		case JSON_ERROR_NUMBER:
			return "A number is malformed.";
		case JSON_ERROR_KEY:
			return "A key in double quotes was expected.";
		case JSON_ERROR_COLON:
			return "\":\" was expected after a key.";
		case JSON_ERROR_OBJECT_END:
			return "\",\" or \"}\" was expected after a value in an object.";
		case JSON_ERROR_ARRAY_END:
			return "\",\" or \"]\" was expected after a value in an array.";
		case JSON_ERROR_CONTROL:
			return "A string holds a control character that is not escaped.";
		case JSON_ERROR_ESCAPE:
			return "A string holds an invalid escape.";
		case JSON_ERROR_ZERO:
			return "A string holds \\u0000, which cannot be converted to text.";
		case JSON_ERROR_SURROGATE:
			return "A string holds half of a Unicode surrogate pair.";
		case JSON_ERROR_UTF8:
			return "A string holds bytes that are not valid UTF-8.";
		case JSON_ERROR_DEPTH:
			return "Arrays and objects are nested too deeply.";
		case JSON_ERROR_NOT_OBJECT:
			return "The record is not a JSON object.";
		case JSON_ERROR_NOT_ARRAY:
			return "The format is \"array\", but there is no array here.";
		case JSON_ERROR_SEPARATOR:
			return "\",\" or \"]\" was expected after an element of the array of records.";
		case JSON_ERROR_UNCLOSED_ARRAY:
			return "The array of records has no end.";
		case JSON_ERROR_SPANS_LINES:
			return "The format is \"lines\", but the record does not end on its line.";
		case JSON_ERROR_TOO_LARGE:
			return "The record is larger than \"pinterest.max_record_size\" allows.";
		case JSON_ERROR_EMPTY:
			return "The record is empty.";
		case JSON_ERROR_TRAILING:
			return "Something follows the JSON object.";
	}
	return "There is no error.";
}
