/*-------------------------------------------------------------------------
 *
 * location.c
 *	  Locations: taking them apart, and matching keys against them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "pg_compat.h"
#include "source/s3/glob.h"
#include "source/s3/location.h"
#include "source/s3/sink.h"

#define S3_SCHEME "s3://"
#define FILE_SCHEME "file://"

/* S3 user guide, "General purpose bucket naming rules". */
#define MIN_BUCKET_NAME 3
#define MAX_BUCKET_NAME 63

/* What Hive writes for NULL. */
#define HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

/* Does it hold keys, as in s3a://KEY:SECRET@bucket/? */
static bool
holds_keys(const char *uri)
{
	const char *authority = strstr(uri, "://");

	return authority != NULL &&
		memchr(authority + 3, '@', strcspn(authority + 3, "/")) != NULL;
}

pg_noreturn static void
invalid_location(const char *uri, const char *detail, const char *hint)
{
	if (holds_keys(uri))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid location"),
				 errdetail("It holds \"@\" before the first \"/\"."),
				 errhint("Keys are options of the user mapping.")));
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("invalid location \"%s\"", uri),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
	pg_unreachable();
}

static bool
starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_bucket_letter(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c);
}

/* ----------------
 * Taking apart
 * ----------------
 */

static void
check_bucket_name(const char *uri, const char *bucket)
{
	size_t		len = strlen(bucket);
	static const char *const rule =
	"Bucket names have 3 to 63 lower-case letters, digits, \"-\" and \".\", begin and end with a letter or digit, and never hold \"..\".";

	if (len == 0)
		invalid_location(uri, "The bucket is missing.",
						 "Write s3://bucket/ or s3://bucket/folder/.");
	if (strchr(bucket, '*') != NULL)
		invalid_location(uri, "The bucket's name holds a wildcard.",
						 "Wildcards may stand behind the bucket's name only.");
	if (len < MIN_BUCKET_NAME || len > MAX_BUCKET_NAME ||
		!is_bucket_letter(bucket[0]) || !is_bucket_letter(bucket[len - 1]) ||
		strstr(bucket, "..") != NULL)
		invalid_location(uri, "The bucket's name is not valid.", rule);
	for (const char *p = bucket; *p; p++)
	{
		if (!is_bucket_letter(*p) && *p != '-' && *p != '.')
			invalid_location(uri, "The bucket's name is not valid.", rule);
	}
}

/* Sets bucket and pattern from what follows s3:// */
static void
parse_s3(Location *location, const char *rest)
{
	const char *slash = rest + strcspn(rest, "/");
	char	   *bucket = pnstrdup(rest, slash - rest);

	check_bucket_name(location->uri, bucket);
	location->scheme = LOCATION_S3;
	location->bucket = bucket;
	location->pattern = pstrdup(*slash == '/' ? slash + 1 : slash);
}

/*
 * Sets pattern from what follows file://
 *
 * "." and ".." are refused: ".." because a role that may read a folder could
 * be handed a longer reach than the location shows, "." because a walk never
 * meets it, so that a pattern with it would silently match nothing.
 */
static void
parse_file(Location *location, const char *rest)
{
	const char *element = rest;

	if (*rest != '/')
		invalid_location(location->uri,
						 "After file:// there must be an absolute path on the database server.",
						 "Write three slashes: file:///folder/.");
	while (*element == '/')
	{
		size_t		len = strcspn(++element, "/");

		if ((len == 1 && element[0] == '.') ||
			(len == 2 && element[0] == '.' && element[1] == '.'))
			invalid_location(location->uri,
							 "The path holds an element \".\" or \"..\".",
							 "Write the path without such elements.");
		element += len;
	}
	location->scheme = LOCATION_FILE;
	location->pattern = pstrdup(rest);
}

/* Makes glob, literal_len, prefix and folder_or_object of the pattern. */
static void
compile_pattern(Location *location)
{
	const char *pattern = location->pattern;
	size_t		len = strlen(pattern);
	bool		below = len == 0 || pattern[len - 1] == '/';

	location->glob = glob_compile(pattern, below);
	location->literal_len = strcspn(pattern, "*");
	location->folder_or_object = !below && location->literal_len == len;
	len = location->literal_len;
	if (location->scheme == LOCATION_FILE)
	{
		/* a path: there always is a slash, the first byte */
		while (pattern[len - 1] != '/')
			len--;
	}
	location->prefix = pnstrdup(pattern, len);
}

Location *
location_parse(const char *uri, ObjectLayout layout)
{
	Location   *location = palloc0(sizeof(Location));

	location->uri = pstrdup(uri);
	location->layout = layout;

	for (const char *p = uri; *p; p++)
	{
		if ((unsigned char) *p < ' ' || *p == '\177')
			invalid_location(uri, "It holds a control character.",
							 "Use a wildcard in the place of such characters.");
	}
	if (strlen(uri) > GLOB_MAX_PATTERN)
		invalid_location(pnstrdup(uri, pg_mbcliplen(uri, GLOB_MAX_PATTERN, 64)),
						 "This is but the start of it: it is too long.",
						 psprintf("A location may have up to %d bytes.", GLOB_MAX_PATTERN));

	if (starts_with(uri, S3_SCHEME))
		parse_s3(location, uri + strlen(S3_SCHEME));
	else if (starts_with(uri, FILE_SCHEME))
		parse_file(location, uri + strlen(FILE_SCHEME));
	else
		invalid_location(uri, "It begins with neither s3:// nor file://.",
						 "Write s3://bucket/folder/ or file:///folder/.");
	compile_pattern(location);
	return location;
}

char *
location_uri_of(const Location *location, const char *key)
{
	if (location->scheme == LOCATION_S3)
		return psprintf(S3_SCHEME "%s/%s", location->bucket, key);
	return psprintf(FILE_SCHEME "%s", key);
}

/* ----------------
 * Matching
 * ----------------
 */

static const char *
next_element(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash ? slash + 1 : NULL;
}

/* Does an element that begins at start, or behind, begin with "." or "_"? */
static bool
has_hidden_element(const char *key, const char *start)
{
	const char *element = start;

	if (start > key && start[-1] != '/')
		element = next_element(start);
	for (; element; element = next_element(element))
	{
		if (*element == '.' || *element == '_')
			return true;
	}
	return false;
}

bool
location_matches(const Location *location, const char *key)
{
	size_t		literal_len = location->literal_len;
	size_t		len = strlen(key);
	const char *rest = key + literal_len;
	SinkName	name;

	if (len == 0 || key[len - 1] == '/' || len < literal_len ||
		memcmp(key, location->glob, literal_len) != 0)
		return false;
	if (location->folder_or_object)
	{
		if (*rest != '\0' && *rest != '/')
			return false;
	}
	else if (!glob_matches(location->glob + literal_len, rest, false))
		return false;
	return !has_hidden_element(key, rest) &&
		(location->layout == LAYOUT_PLAIN || sink_name_parse(key, &name));
}

bool
location_enters(const Location *location, const char *directory)
{
	size_t		literal_len = location->literal_len;
	size_t		len = strlen(directory);
	const char *rest = directory + literal_len;

	if (len < literal_len)
		return memcmp(directory, location->glob, len) == 0;
	if (memcmp(directory, location->glob, literal_len) != 0 ||
		has_hidden_element(directory, rest))
		return false;
	if (location->folder_or_object)
		return *rest == '/';
	return glob_matches(location->glob + literal_len, rest, true);
}

/* ----------------
 * What names say
 * ----------------
 */

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Hive leaves a "%" that no two hex digits follow as it is; so do we, and
 * with %00, which text cannot hold.
 */
static char *
percent_decode(const char *text, size_t len)
{
	char	   *decoded = palloc(len + 1);
	char	   *out = decoded;
	const char *end = text + len;

	while (text < end)
	{
		int			high = *text == '%' && end - text > 2 ? hex_value(text[1]) : -1;
		int			low = high >= 0 ? hex_value(text[2]) : -1;

		if (low >= 0 && (high | low) != 0)
		{
			*out++ = (char) (high << 4 | low);
			text += 3;
		}
		else
			*out++ = *text++;
	}
	*out = '\0';
	return decoded;
}

char *
hive_value(const char *key, const char *name)
{
	const char *slash;

	/* the last element is the object, not a folder */
	for (; (slash = strchr(key, '/')) != NULL; key = slash + 1)
	{
		const char *equals = memchr(key, '=', slash - key);
		char	   *value;

		if (equals == NULL ||
			strcmp(percent_decode(key, equals - key), name) != 0)
			continue;
		value = percent_decode(equals + 1, slash - equals - 1);
		return strcmp(value, HIVE_NULL) == 0 ? NULL : value;
	}
	return NULL;
}

/* Is text the same percent-encoded, by whatever rules? */
static bool
is_unreserved(const char *text)
{
	return *text != '\0' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")] == '\0';
}

const char *
location_folder_key(const Location *location)
{
	const char *wildcard = location->pattern + location->literal_len;
	const char *start = wildcard;
	const char *key;

	while (start > location->pattern && start[-1] != '/')
		start--;
	if (wildcard - start < 2 || wildcard[-1] != '=' ||
		wildcard[0] != '*' || wildcard[1] != '/')
		return NULL;
	key = pnstrdup(start, wildcard - 1 - start);

	/* of several folders with one name, the first gives the value */
	if (hive_value(pnstrdup(location->pattern, start - location->pattern), key) != NULL)
		return NULL;
	return key;
}

bool
location_narrow(const Location *location, List *values, List **prefixes)
{
	const char *key = location_folder_key(location);
	ListCell   *lc;

	Assert(key != NULL);
	*prefixes = NIL;
	foreach(lc, values)
	{
		if (!is_unreserved(key) || !is_unreserved(lfirst(lc)))
			return false;
		*prefixes = lappend(*prefixes, psprintf("%.*s%s/", (int) location->literal_len,
												location->pattern, (char *) lfirst(lc)));
	}
	return true;
}

const char *
location_key_of(const Location *location, const char *uri)
{
	size_t		bucket_len;

	if (location->scheme == LOCATION_FILE)
		return starts_with(uri, FILE_SCHEME) ? uri + strlen(FILE_SCHEME) : NULL;
	if (!starts_with(uri, S3_SCHEME))
		return NULL;
	uri += strlen(S3_SCHEME);
	bucket_len = strlen(location->bucket);
	if (strncmp(uri, location->bucket, bucket_len) != 0 || uri[bucket_len] != '/')
		return NULL;
	return uri + bucket_len + 1;
}
