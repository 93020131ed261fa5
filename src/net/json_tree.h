/*-------------------------------------------------------------------------
 *
 * json_tree.h
 *	  A small JSON document as a tree: what services answer.
 *
 * For answers of some kilobytes.  Records, and answers that consist of them, go
 * through src/json instead.  All of jansson stands behind this.
 *
 * A tree lives as long as the memory context it was made in, and so do all
 * values and strings that are taken from it.  Every function but json_tree
 * takes NULL, and a value of another kind, for a value without members, so
 * that a path into a document needs no checks on its way.  None of them raises
 * an error but for want of memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_NET_JSON_TREE_H
#define PINTEREST_NET_JSON_TREE_H

#include "postgres.h"

typedef struct JsonTree JsonTree;

/* The document, in the current memory context; NULL if it is no JSON (RFC 8259). */
extern JsonTree *json_tree(const char *document, size_t len);

extern bool json_tree_is_object(const JsonTree *value);

/* A member of an object, NULL if there is none. */
extern JsonTree *json_tree_member(const JsonTree *object, const char *name);

/* How many elements an array has; -1 if it is no array. */
extern int	json_tree_length(const JsonTree *array);
extern JsonTree *json_tree_element(const JsonTree *array, int i);

/* The string that a member is, NULL if it is none. */
extern const char *json_tree_string(const JsonTree *object, const char *name);

/* The string that a value is, NULL if it is none. */
extern const char *json_tree_text(const JsonTree *value);

/* Is a member a whole number?  Then gives it out. */
extern bool json_tree_integer(const JsonTree *object, const char *name, int64 *value);

/* The number that a member is, 0 if it is none. */
extern double json_tree_number(const JsonTree *object, const char *name);

extern bool json_tree_is_true(const JsonTree *object, const char *name);

#endif							/* PINTEREST_NET_JSON_TREE_H */
