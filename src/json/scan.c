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
 * The input ends with a zero, which no rule accepts, and no rule looks behind what
 * it has not accepted.  So nothing compares against the end: whoever runs into it
 * fails there.  json_status() tells this from a real fault by the distance to the
 * end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/path.h"
#include "json/scan.h"
#include "json/simd.h"
#include "json/token.h"

/*
 * A fault this near to the end of input that may go on may be no fault: the
 * longest thing looked at in one piece is an escaped surrogate pair.
 */
#define LONGEST_PIECE 16

StaticAssertDecl(JSON_PADDING >= JSON_SHAPE_TEXT + JSON_BLOCK,
				 "the scanner must not read past the padding");

static const uint8 *scan_value(JsonScan *scan, const uint8 *p, const JsonNode *node);

/* The key at p nobody needs to know, its colon, and white space. */
static const uint8 *
skip_key(JsonScan *scan, const uint8 *p)
{
	if (*p != '"')
		return json_fail(scan, p, JSON_ERROR_KEY);
	p = json_skip_string(scan, p + 1);
	if (p == NULL)
		return NULL;
	p = json_skip_space(scan, p);
	if (*p != ':')
		return json_fail(scan, p, JSON_ERROR_COLON);
	return json_skip_space(scan, p + 1);
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
				return json_fail(scan, p, JSON_ERROR_DEPTH);
			is_object[depth] = object;
			p = json_skip_space(scan, p + 1);
			if (*p != (object ? '}' : ']'))
			{
				if (object && (p = skip_key(scan, p)) == NULL)
					return NULL;
				continue;
			}
			/* an empty one: fall through to where containers end */
		}
		else if (*p == '"')
			p = json_skip_string(scan, p + 1);
		else
			p = json_scan_scalar(scan, p, &kind);
		if (p == NULL)
			return NULL;

		/* p is behind a value, or at the end of an empty container */
		for (;;)
		{
			p = json_skip_space(scan, p);
			object = is_object[depth];
			if (*p != (object ? '}' : ']'))
				break;
			p++;
			if (--depth == 0)
				return p;
		}
		if (*p != ',')
			return json_fail(scan, p, object ? JSON_ERROR_OBJECT_END : JSON_ERROR_ARRAY_END);
		p = json_skip_space(scan, p + 1);
		if (object && (p = skip_key(scan, p)) == NULL)
			return NULL;
	}
}

static inline const uint8 *
skip_value(JsonScan *scan, const uint8 *p)
{
	JsonKind	kind;

	if (likely(*p == '"'))
		return json_skip_string(scan, p + 1);
	if (*p == '{' || *p == '[')
		return skip_container(scan, p);
	return json_scan_scalar(scan, p, &kind);
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
		return json_fail(scan, p, JSON_ERROR_KEY);
	p = json_take_string(scan, p + 1, &key);
	if (p == NULL)
		return NULL;
	scan->arena_next = arena_next;	/* the key was only borrowed */
	*child = json_path_child(node, key.data, key.len);
	p = json_skip_space(scan, p);
	if (*p != ':')
		return json_fail(scan, p, JSON_ERROR_COLON);

	/* a line feed before the colon must not get into the shape uncounted */
	if (memchr(start, '\n', p - start) == NULL)
		learn_key(node->shape, nth, start, p + 1 - start, *child);
	return json_skip_space(scan, p + 1);
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
			return json_skip_space(scan, p + known->len);
		}
	}
	return find_key(scan, p, node, (*nth)++, child);
}

static const uint8 *
scan_object(JsonScan *scan, const uint8 *p, const JsonNode *node)
{
	int			nth = 0;

	p = json_skip_space(scan, p + 1);
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
		p = json_skip_space(scan, p);
		if (*p == '}')
			return p + 1;
		if (*p != ',')
			return json_fail(scan, p, JSON_ERROR_OBJECT_END);
		p = json_skip_space(scan, p + 1);
	}
}

static const uint8 *
scan_array(JsonScan *scan, const uint8 *p, const JsonNode *node)
{
	p = json_skip_space(scan, p + 1);
	if (*p == ']')
		return p + 1;
	for (int i = 0;; i++)
	{
		JsonNode   *child = json_path_element(node, i);

		p = child == NULL ? skip_value(scan, p) : scan_value(scan, p, child);
		if (p == NULL)
			return NULL;
		p = json_skip_space(scan, p);
		if (*p == ']')
			return p + 1;
		if (*p != ',')
			return json_fail(scan, p, JSON_ERROR_ARRAY_END);
		p = json_skip_space(scan, p + 1);
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
		return json_fail(scan, p, JSON_ERROR_DEPTH);
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
		return json_take_string(scan, p + 1, value);
	if (*p == '{' || *p == '[')
	{
		value->kind = *p == '{' ? JSON_OBJECT : JSON_ARRAY;
		p = scan_container(scan, p, node);
	}
	else
		p = json_scan_scalar(scan, p, &value->kind);
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

	return json_status(scan, json_take_string(scan, p + 1, value), next);
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
	return (const char *) json_skip_space(scan, (const uint8 *) next);
}
