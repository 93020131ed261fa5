/*-------------------------------------------------------------------------
 *
 * server.c
 *	  The few functions of the server that what is fuzzed calls, over malloc, so
 *	  that the sanitizers see every byte that is read or written out of bounds.
 *
 * Trees of paths are made once and never freed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
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

void *
repalloc_huge(void *pointer, Size size)
{
	void	   *result = size > MAX_ALLOCATION ? NULL : realloc(pointer, size);

	if (result == NULL)
		abort();
	return result;
}

char *
pnstrdup(const char *in, Size len)
{
	char	   *result = palloc(len + 1);

	result[len] = '\0';
	return memcpy(result, in, len);
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

/* A digest, though not MD5: nothing of it can be guessed at, so any will do. */
struct pg_cryptohash_ctx
{
	uint32		sum;
};

pg_cryptohash_ctx *
pg_cryptohash_create(pg_cryptohash_type type)
{
	return palloc0(sizeof(pg_cryptohash_ctx));
}

int
pg_cryptohash_init(pg_cryptohash_ctx *ctx)
{
	return 0;
}

int
pg_cryptohash_update(pg_cryptohash_ctx *ctx, const uint8 *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ctx->sum = ctx->sum * 31 + data[i];
	return 0;
}

int
pg_cryptohash_final(pg_cryptohash_ctx *ctx, uint8 *dest, size_t len)
{
	memset(dest, 0, len);
	memcpy(dest, &ctx->sum, sizeof(ctx->sum));
	return 0;
}

void
pg_cryptohash_free(pg_cryptohash_ctx *ctx)
{
	free(ctx);
}

/* No error is to be raised. */
bool
errstart(int elevel, const char *domain)
{
	abort();
}

bool
errstart_cold(int elevel, const char *domain)
{
	abort();
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *fmt,...)
{
	return 0;
}

int
errdetail(const char *fmt,...)
{
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
}
