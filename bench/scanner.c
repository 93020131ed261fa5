/*
 * scanner.c: the time of the JSON scanner alone.
 *
 *	  scanner FILE [KEY…]
 *
 * Reads FILE (one record a line) into memory, then goes through it five times
 * with json_scan_object, taking the values of the given keys (none: the whole
 * record is only checked).  Prints the best and the median time.
 *
 * It is linked with scan.c, token.c and error.c of src/json, and nothing of the server.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json/path.h"
#include "json/scan.h"

/* the C library's, not the replacements of the server's port library */
#undef printf
#undef fprintf
#undef qsort

#define ROUNDS 5

/*
 * Stand-ins for path.c, which needs the server.  They are hardly called: from
 * the second record on, the scanner knows the order of the keys.
 */
JsonNode *
json_path_child(const JsonNode *node, const char *key, uint32 len)
{
	for (int i = 0; i < node->nchildren; i++)
	{
		JsonNode   *child = &node->children[i];

		if (child->key_len == len && memcmp(child->key, key, len) == 0)
			return child;
	}
	return NULL;
}

JsonNode *
json_path_element(const JsonNode *node, int index)
{
	(void) node;
	(void) index;
	return NULL;
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
	fprintf(stderr, "scanner: %s\n", what);
	exit(1);
}

static char *
read_file(const char *path, size_t *len)
{
	FILE	   *file = fopen(path, "r");
	char	   *data;

	if (!file)
		die("could not open the file");
	fseek(file, 0, SEEK_END);
	*len = ftell(file);
	rewind(file);
	data = calloc(1, *len + JSON_PADDING);
	if (!data || fread(data, 1, *len, file) != *len)
		die("could not read the file");
	fclose(file);
	return data;
}

static JsonNode *
make_root(char **keys, int nkeys)
{
	JsonNode   *root = calloc(1, sizeof(JsonNode));

	root->index = root->slot = -1;
	root->nchildren = root->nbelow = nkeys;
	root->children = calloc(nkeys + 1, sizeof(JsonNode));
	root->below = calloc(nkeys + 1, sizeof(int));
	root->shape = calloc(1, sizeof(JsonShape));
	for (int i = 0; i < nkeys; i++)
	{
		root->children[i].key = keys[i];
		root->children[i].key_len = strlen(keys[i]);
		root->children[i].index = -1;
		root->children[i].slot = i;
		root->below[i] = i;
	}
	return root;
}

/* One way through the data; adds up what it found, so that it must find it. */
static size_t
scan_all(JsonScan *scan, const char *data, size_t *bytes)
{
	const char *next = data;
	size_t		records = 0;

	*bytes = 0;
	while ((next = json_scan_space(scan, next)) < scan->end)
	{
		json_scan_reset(scan);
		if (json_scan_object(scan, &next) != JSON_OK)
			die(json_error_detail(scan->error));
		for (int i = 0; i < scan->nvalues; i++)
			*bytes += scan->values[i].kind == JSON_MISSING ? 0 : scan->values[i].len;
		records++;
	}
	return records;
}

static int
compare(const void *a, const void *b)
{
	double		x = *(const double *) a,
				y = *(const double *) b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	JsonScan	scan = {0};
	double		times[ROUNDS];
	size_t		len,
				bytes = 0,
				records = 0;
	char	   *data;

	if (argc < 2)
		die("usage: scanner FILE [KEY...]");
	data = read_file(argv[1], &len);
	scan.root = make_root(argv + 2, argc - 2);
	scan.nvalues = argc - 2;
	scan.values = calloc(argc, sizeof(JsonValue));
	scan.arena = aligned_alloc(64, TYPEALIGN(64, JSON_ARENA_SIZE(1024 * 1024)));
	scan.end = data + len;
	scan.final = true;

	for (int round = 0; round < ROUNDS; round++)
	{
		double		start = now();

		records = scan_all(&scan, data, &bytes);
		times[round] = now() - start;
	}
	qsort(times, ROUNDS, sizeof(double), compare);
	printf("%d keys: best %.3f s, median %.3f s, %.0f MB/s, %.2f M records/s"
		   " (%zu records, %zu bytes of values)\n",
		   argc - 2, times[0], times[ROUNDS / 2], len / times[ROUNDS / 2] / 1e6,
		   records / times[ROUNDS / 2] / 1e6, records, bytes);
	return 0;
}
