/*-------------------------------------------------------------------------
 *
 * path.h
 *	  Which values of a record are wanted: a tree of keys.
 *
 * Each wanted value has a path: one key, or the tokens of a JSON Pointer
 * (RFC 6901).  Paths with a common start share nodes; each path that is a
 * value of its own has a slot.  Two columns with the same path share a slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_JSON_PATH_H
#define PINTEREST_JSON_PATH_H

#include "postgres.h"

#include "json/scan.h"
#include "nodes/pg_list.h"

#define JSON_SHAPE_KEYS 64
#define JSON_SHAPE_TEXT 48		/* a multiple of the scanner's block */

/* A key as it stood in an earlier record: quotes, colon and all. */
typedef struct JsonShapeKey
{
	uint8		text[JSON_SHAPE_TEXT];	/* padded with zeros */
	uint8		len;
	JsonNode   *child;			/* NULL: nobody wants it */
} JsonShapeKey;

/*
 * Records of one source mostly have the same keys in the same order.  An
 * object remembers them, so that a known key costs one comparison instead of
 * a search.  This is a guess: what does not fit is looked up and replaces it.
 */
typedef struct JsonShape
{
	int			nkeys;
	JsonShapeKey keys[JSON_SHAPE_KEYS];
} JsonShape;

struct JsonNode
{
	const char *key;			/* token that leads here, UTF-8 */
	uint32		key_len;
	int			index;			/* the token as an array index, or -1 */
	int			slot;			/* where its value goes, or -1 */

	int			nchildren;
	JsonNode   *children;
	int			nbuckets;		/* a power of two, or 0 with few children */
	int16	   *buckets;		/* child number + 1 by hash of the key */
	int			nbelow;			/* slots of all nodes further down */
	int		   *below;
	JsonShape  *shape;			/* of the root, and with children; else NULL */
};

/*
 * Makes the tokens of a column: a name is one token, a value that starts with
 * "/" is a JSON Pointer.  The text is UTF-8.  Returns a List of char *; NIL if
 * a pointer holds a "~" that is neither "~0" nor "~1".
 */
extern List *json_path_tokens(const char *field);

/*
 * Builds the tree for a list of paths (each a List of char *), allocating in
 * the current memory context.  slots[i] receives the slot of the i-th path;
 * returns the root, and the number of slots.
 */
extern JsonNode *json_path_tree(List *paths, int *slots, int *nslots);

/* The child for a key, NULL if nobody wants it. */
extern JsonNode *json_path_child(const JsonNode *node, const char *key, uint32 len);

/* The child for an array element, NULL if nobody wants it. */
extern JsonNode *json_path_element(const JsonNode *node, int index);

#endif							/* PINTEREST_JSON_PATH_H */
