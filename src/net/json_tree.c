/*-------------------------------------------------------------------------
 *
 * json_tree.c
 *	  A small JSON document as a tree: all of jansson.
 *
 * Functions of jansson may bear the name of a function of the server, which
 * is then the one that is called (json_object does).  None of those may be
 * used; scripts/lint checks it.  For the same reason this file includes no
 * header of the server that declares SQL functions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <jansson.h>

#include "net/json_tree.h"
#include "utils/memutils.h"

/* A JsonTree is a json_t under a name that other files may know. */
#define UNWRAP(value) ((const json_t *) (value))
#define WRAP(json) ((JsonTree *) (json))

/* What the memory context lets go of. */
typedef struct Document
{
	json_t	   *json;
	MemoryContextCallback on_reset;
} Document;

static void
free_document(void *arg)
{
	json_decref(((Document *) arg)->json);
}

JsonTree *
json_tree(const char *document, size_t len)
{
	Document   *owner = palloc0(sizeof(Document));

	owner->on_reset.func = free_document;
	owner->on_reset.arg = owner;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &owner->on_reset);
	owner->json = json_loadb(document, len, 0, NULL);
	return WRAP(owner->json);
}

bool
json_tree_is_object(const JsonTree *value)
{
	return json_is_object(UNWRAP(value));
}

JsonTree *
json_tree_member(const JsonTree *object, const char *name)
{
	return WRAP(json_object_get(UNWRAP(object), name));
}

int
json_tree_length(const JsonTree *array)
{
	return json_is_array(UNWRAP(array)) ? (int) json_array_size(UNWRAP(array)) : -1;
}

JsonTree *
json_tree_element(const JsonTree *array, int i)
{
	return WRAP(json_array_get(UNWRAP(array), i));
}

const char *
json_tree_string(const JsonTree *object, const char *name)
{
	return json_tree_text(json_tree_member(object, name));
}

const char *
json_tree_text(const JsonTree *value)
{
	return json_string_value(UNWRAP(value));
}

bool
json_tree_integer(const JsonTree *object, const char *name, int64 *value)
{
	const json_t *member = json_object_get(UNWRAP(object), name);

	*value = json_integer_value(member);
	return json_is_integer(member);
}

double
json_tree_number(const JsonTree *object, const char *name)
{
	return json_number_value(json_object_get(UNWRAP(object), name));
}

bool
json_tree_is_true(const JsonTree *object, const char *name)
{
	return json_is_true(json_object_get(UNWRAP(object), name));
}
