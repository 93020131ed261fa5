/*-------------------------------------------------------------------------
 *
 * path.c
 *	  Which values of a record are wanted: a tree of keys.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/path.h"
#include "nodes/value.h"

/* With this many children or fewer, comparing them all is the fastest. */
#define FEW_CHILDREN 8

/* FNV-1a; keys are short and trusted enough. */
static uint32
hash_key(const char *key, uint32 len)
{
	uint32		hash = 2166136261u;

	for (uint32 i = 0; i < len; i++)
		hash = (hash ^ (uint8) key[i]) * 16777619u;
	return hash;
}

/* One token of a JSON Pointer, "~1" and "~0" undone; NULL if malformed. */
static char *
pointer_token(const char *text, size_t len)
{
	char	   *token = palloc(len + 1);
	size_t		out = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (text[i] != '~')
			token[out++] = text[i];
		else if (i + 1 < len && (text[i + 1] == '0' || text[i + 1] == '1'))
			token[out++] = text[++i] == '0' ? '~' : '/';
		else
			return NULL;
	}
	token[out] = '\0';
	return token;
}

List *
json_path_tokens(const char *field)
{
	List	   *tokens = NIL;

	if (*field != '/')
		return list_make1(pstrdup(field));

	while (*field == '/')
	{
		size_t		len = strcspn(field + 1, "/");
		char	   *token = pointer_token(field + 1, len);

		if (token == NULL)
			return NIL;
		tokens = lappend(tokens, token);
		field += 1 + len;
	}
	return tokens;
}

/* RFC 6901 section 4: digits without a leading zero. */
static int
array_index(const char *token)
{
	size_t		len = strspn(token, "0123456789");

	if (len == 0 || len > 9 || token[len] != '\0' ||
		(token[0] == '0' && len > 1))
		return -1;
	return atoi(token);
}

/* Groups the paths by their token number "depth" and makes a node of each. */
static void
add_children(JsonNode *node, List *paths, int depth, int *slots, int *nslots)
{
	List	  **below = palloc0(sizeof(List *) * list_length(paths));
	ListCell   *lc;

	node->children = palloc0(sizeof(JsonNode) * list_length(paths));
	foreach(lc, paths)
	{
		List	   *path = (List *) list_nth(lfirst(lc), 1);
		const char *token = list_nth(path, depth);
		int			i = 0;

		while (i < node->nchildren && strcmp(node->children[i].key, token) != 0)
			i++;
		if (i == node->nchildren)
		{
			JsonNode   *child = &node->children[node->nchildren++];

			child->key = token;
			child->key_len = strlen(token);
			child->index = array_index(token);
			child->slot = -1;
		}
		if (list_length(path) > depth + 1)
			below[i] = lappend(below[i], lfirst(lc));
		else
		{
			if (node->children[i].slot < 0)
				node->children[i].slot = (*nslots)++;
			slots[intVal(linitial(lfirst(lc)))] = node->children[i].slot;
		}
	}

	for (int i = 0; i < node->nchildren; i++)
		if (below[i] != NIL)
			add_children(&node->children[i], below[i], depth + 1, slots, nslots);
}

/* Lists the slots further down, so that a repeated key can forget them. */
static void
collect_below(JsonNode *node)
{
	int			n = 0;

	for (int i = 0; i < node->nchildren; i++)
	{
		collect_below(&node->children[i]);
		n += node->children[i].nbelow + 1;
	}
	node->below = palloc(sizeof(int) * Max(n, 1));
	for (int i = 0; i < node->nchildren; i++)
	{
		JsonNode   *child = &node->children[i];

		if (child->slot >= 0)
			node->below[node->nbelow++] = child->slot;
		for (int j = 0; j < child->nbelow; j++)
			node->below[node->nbelow++] = child->below[j];
	}
}

/* Hash table and shape of a node and of all below that have children. */
static void
finish_node(JsonNode *node)
{
	node->shape = palloc0(sizeof(JsonShape));
	if (node->nchildren > FEW_CHILDREN)
	{
		node->nbuckets = 16;
		while (node->nbuckets < 2 * node->nchildren)
			node->nbuckets *= 2;
		node->buckets = palloc0(sizeof(int16) * node->nbuckets);
	}
	for (int i = 0; i < node->nchildren; i++)
	{
		JsonNode   *child = &node->children[i];

		if (node->nbuckets > 0)
		{
			uint32		at = hash_key(child->key, child->key_len);

			while (node->buckets[at & (node->nbuckets - 1)] != 0)
				at++;
			node->buckets[at & (node->nbuckets - 1)] = i + 1;
		}
		if (child->nchildren > 0)
			finish_node(child);
	}
}

JsonNode *
json_path_tree(List *paths, int *slots, int *nslots)
{
	JsonNode   *root = palloc0(sizeof(JsonNode));
	List	   *numbered = NIL;
	ListCell   *lc;
	int			i = 0;

	root->slot = -1;
	root->index = -1;
	*nslots = 0;
	foreach(lc, paths)
		numbered = lappend(numbered, list_make2(makeInteger(i++), lfirst(lc)));
	if (numbered != NIL)
		add_children(root, numbered, 0, slots, nslots);
	collect_below(root);
	finish_node(root);
	return root;
}

JsonNode *
json_path_child(const JsonNode *node, const char *key, uint32 len)
{
	uint32		at;

	if (node->nbuckets == 0)
	{
		for (int i = 0; i < node->nchildren; i++)
		{
			JsonNode   *child = &node->children[i];

			if (child->key_len == len && memcmp(child->key, key, len) == 0)
				return child;
		}
		return NULL;
	}

	for (at = hash_key(key, len);; at++)
	{
		int			entry = node->buckets[at & (node->nbuckets - 1)];
		JsonNode   *child;

		if (entry == 0)
			return NULL;
		child = &node->children[entry - 1];
		if (child->key_len == len && memcmp(child->key, key, len) == 0)
			return child;
	}
}

JsonNode *
json_path_element(const JsonNode *node, int index)
{
	for (int i = 0; i < node->nchildren; i++)
		if (node->children[i].index == index)
			return &node->children[i];
	return NULL;
}
