/*-------------------------------------------------------------------------
 *
 * server.c
 *	  The few functions of the server that src/json calls, over malloc, so that
 *	  the sanitizers see every byte that is read or written out of bounds.
 *
 * Trees of paths are made once and never freed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "utils/memutils.h"

MemoryContext CurrentMemoryContext = NULL;

/* Stays small: a buffer that grows without limit is to be found, too. */
#define MAX_ALLOCATION ((Size) 64 * 1024 * 1024)

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	void	   *result;

	if (size > MAX_ALLOCATION)
		abort();
	result = malloc(size);
	if (result == NULL)
		abort();
	memset(result, 0xAB, size);
	return result;
}

void *
palloc(Size size)
{
	return MemoryContextAllocHuge(NULL, size);
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void
pfree(void *pointer)
{
	free(pointer);
}

char *
pstrdup(const char *in)
{
	return strcpy(palloc(strlen(in) + 1), in);
}

static List *
new_list(ListCell first)
{
	List	   *list = palloc0(sizeof(List));

	list->type = T_List;
	list->length = 1;
	list->max_length = 64;
	list->elements = palloc0(sizeof(ListCell) * list->max_length);
	list->elements[0] = first;
	return list;
}

List *
lappend(List *list, void *datum)
{
	ListCell	cell = {.ptr_value = datum};

	if (list == NIL)
		return new_list(cell);
	if (list->length == list->max_length)
		abort();
	list->elements[list->length++] = cell;
	return list;
}

List *
list_make1_impl(NodeTag tag, ListCell datum1)
{
	return new_list(datum1);
}

List *
list_make2_impl(NodeTag tag, ListCell datum1, ListCell datum2)
{
	return lappend(new_list(datum1), datum2.ptr_value);
}

Integer *
makeInteger(int i)
{
	Integer    *integer = palloc0(sizeof(Integer));

	integer->type = T_Integer;
	integer->ival = i;
	return integer;
}
