/*-------------------------------------------------------------------------
 *
 * location.h
 *	  Where an s3_json table's objects lie: s3://bucket/pattern or
 *	  file:///pattern.
 *
 * A location is taken literally: no percent-decoding, so what the metadata
 * column "path" shows can be used as a location.  Two wildcards: "*" stands
 * for any run of bytes inside one path element, "**" for any run of bytes.
 *
 * A location that ends in "/" means everything below it.  One without
 * wildcards and without the final "/" means that one object, or everything
 * below the folder of that name.
 *
 * What lies below the literal start of a location is data only if no element
 * of its path begins with "." or "_": such names are given to work in
 * progress and to markers.  The literal start itself may hold such elements.
 *
 * Keys are bytes.  Nothing here looks at their encoding: who makes text of a
 * key checks that first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_LOCATION_H
#define PINTEREST_LOCATION_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef enum LocationScheme
{
	LOCATION_FILE,
	LOCATION_S3
} LocationScheme;

typedef enum ObjectLayout
{
	LAYOUT_PLAIN,				/* any object is a body of records */
	LAYOUT_SINK					/* only TOPIC+PARTITION+OFFSET.json[.gz|.zst] */
} ObjectLayout;

typedef struct Location
{
	const char *uri;			/* as the user wrote it */
	LocationScheme scheme;
	ObjectLayout layout;
	const char *bucket;			/* NULL for files */
	const char *pattern;		/* key pattern; an absolute path for files */
	const char *prefix;			/* longest start of every matching key that
								 * holds no wildcard: what LIST is asked for;
								 * for files cut back to the last "/" */
	bool		folder_or_object;	/* no wildcard and no final "/" */

	/* location.c's own */
	const char *glob;			/* pattern, each wildcard as a single byte */
	size_t		literal_len;	/* bytes of glob before the first wildcard */
} Location;

/*
 * Takes a location apart; allocates in the current memory context.  Raises
 * ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE with a hint when it is malformed.
 */
extern Location *location_parse(const char *uri, ObjectLayout layout);

/*
 * Does this key (bucket) or absolute path (file) belong to the location?
 * False too for what is never data: folder markers (a final "/"), elements
 * that start with "." or "_", and with LAYOUT_SINK every name the sink would
 * not have given to records.
 */
extern bool location_matches(const Location *location, const char *key);

/*
 * Could anything below this directory match?  Prunes the walk.  The directory
 * is an absolute path that ends in "/".
 */
extern bool location_enters(const Location *location, const char *directory);

/*
 * NAME if the first element with a wildcard is a folder NAME=* that decides the
 * value of NAME; else NULL.
 */
extern const char *location_folder_key(const Location *location);

/*
 * Where to look when that folder has one of these values (a List of char *):
 * a List of prefixes, each ending in "/".  False if a value could be written
 * in more than one way.
 */
extern bool location_narrow(const Location *location, List *values, List **prefixes);

/* The key in a URI; NULL if it is not one of the location's bucket or scheme. */
extern const char *location_key_of(const Location *location, const char *uri);

/* The whole URI of a key; palloc'd in the current memory context. */
extern char *location_uri_of(const Location *location, const char *key);

/*
 * The value of the folder NAME=VALUE in key, percent-decoded as Hive writes
 * it; NULL when there is none, or when it is Hive's name for NULL.  palloc'd.
 * Decoding may give any bytes but NUL: check their encoding.
 */
extern char *hive_value(const char *key, const char *name);

#endif							/* PINTEREST_LOCATION_H */
