/*-------------------------------------------------------------------------
 *
 * sigv4_canonical.c
 *	  Requests in the one form in which AWS Signature Version 4 signs them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "aws/sigv4_canonical.h"
#include "net/url.h"

/*
 * RFC 3986, 5.2.4, and "//" to "/": what every service but S3 wants before
 * the path is encoded for the second time.  The result starts with "/".
 */
static char *
normalise_path(const char *path)
{
	char	   *result = palloc(strlen(path) + 2);
	size_t		len = 0;
	bool		folder = true;

	while (*path != '\0')
	{
		size_t		n;

		path += strspn(path, "/");
		n = strcspn(path, "/");
		folder = n == 0 || path[n] == '/' ||
			(n == 1 && path[0] == '.') || (n == 2 && strncmp(path, "..", 2) == 0);
		if (n == 2 && strncmp(path, "..", 2) == 0)
		{
			while (len > 0 && result[--len] != '/')
				;
		}
		else if (n > 0 && !(n == 1 && path[0] == '.'))
		{
			result[len++] = '/';
			memcpy(result + len, path, n);
			len += n;
		}
		path += n;
	}
	if (folder)
		result[len++] = '/';
	result[len] = '\0';
	return result;
}

static void
append_path(StringInfo out, const char *path, bool s3)
{
	char	   *normal;

	if (s3)
	{
		appendStringInfoString(out, path);
		return;
	}
	normal = normalise_path(path);
	url_encode(out, normal, true);
	pfree(normal);
}

static int
compare_headers(const void *a, const void *b)
{
	return strcmp(((const SigV4Header *) a)->name, ((const SigV4Header *) b)->name);
}

void
sigv4_sort_headers(SigV4Request *request)
{
	qsort(request->headers, request->nheaders, sizeof(SigV4Header), compare_headers);
}

/* Trimmed, and inner runs of blanks made one. */
static void
append_value(StringInfo out, const char *value)
{
	bool		blank = false;

	for (value += strspn(value, " \t"); *value != '\0'; value++)
	{
		if (*value == ' ' || *value == '\t')
		{
			blank = true;
			continue;
		}
		if (blank)
			appendStringInfoCharMacro(out, ' ');
		blank = false;
		appendStringInfoCharMacro(out, *value);
	}
}

/* "name:value\n" each; values of a repeated header joined with commas. */
static void
append_headers(StringInfo out, const SigV4Request *request)
{
	int			i;

	for (i = 0; i < request->nheaders; i++)
	{
		const SigV4Header *header = &request->headers[i];

		if (i > 0 && strcmp(header->name, header[-1].name) == 0)
			appendStringInfoCharMacro(out, ',');
		else
		{
			if (i > 0)
				appendStringInfoCharMacro(out, '\n');
			appendStringInfoString(out, header->name);
			appendStringInfoCharMacro(out, ':');
		}
		append_value(out, header->value);
	}
	appendStringInfoCharMacro(out, '\n');
}

void
sigv4_signed_names(StringInfo out, const SigV4Request *request)
{
	int			i;

	for (i = 0; i < request->nheaders; i++)
	{
		const SigV4Header *header = &request->headers[i];

		if (i > 0 && strcmp(header->name, header[-1].name) == 0)
			continue;
		if (i > 0)
			appendStringInfoCharMacro(out, ';');
		appendStringInfoString(out, header->name);
	}
}

void
sigv4_canonical_request(StringInfo out, const SigV4Request *request, bool s3)
{
	resetStringInfo(out);
	appendStringInfoString(out, request->method);
	appendStringInfoCharMacro(out, '\n');
	append_path(out, request->path, s3);
	appendStringInfoCharMacro(out, '\n');
	appendStringInfoString(out, request->query);
	appendStringInfoCharMacro(out, '\n');
	append_headers(out, request);
	appendStringInfoCharMacro(out, '\n');
	sigv4_signed_names(out, request);
	appendStringInfoCharMacro(out, '\n');
	appendStringInfoString(out, request->payload_hash);
}

typedef struct QueryItem
{
	char	   *name;
	char	   *value;
} QueryItem;

static int
compare_items(const void *a, const void *b)
{
	const QueryItem *left = a;
	const QueryItem *right = b;
	int			order = strcmp(left->name, right->name);

	return order != 0 ? order : strcmp(left->value, right->value);
}

static char *
encoded(const char *text)
{
	StringInfoData out;

	initStringInfo(&out);
	url_encode(&out, text, false);
	return out.data;
}

void
sigv4_query(StringInfo out, const char *const *pairs, int npairs)
{
	QueryItem  *items = palloc(sizeof(QueryItem) * Max(npairs, 1));
	int			n = 0;
	int			i;

	for (i = 0; i < npairs; i++)
	{
		if (pairs[i * 2 + 1] == NULL)
			continue;
		items[n].name = encoded(pairs[i * 2]);
		items[n++].value = encoded(pairs[i * 2 + 1]);
	}
	qsort(items, n, sizeof(QueryItem), compare_items);
	for (i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, '&');
		appendStringInfo(out, "%s=%s", items[i].name, items[i].value);
		pfree(items[i].name);
		pfree(items[i].value);
	}
	pfree(items);
}
