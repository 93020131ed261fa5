/*-------------------------------------------------------------------------
 *
 * store.h
 *	  A store holds objects: a bucket, or a directory.
 *
 * The S3 source reads through this interface and does not know which of the
 * two it has.  A store delivers the objects of a location one after the
 * other, each as a name and a stream of bytes; how far it lists and fetches
 * ahead is its own business, in fixed memory.
 *
 *	  location -> store (list, get) -> body bytes -> source -> reader
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_STORE_H
#define PINTEREST_STORE_H

#include "postgres.h"

#include "aws/credentials.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

#include "source/s3/location.h"
#include "source/wait.h"

/* One object, as the listing told it.  Lives until the next store_next. */
typedef struct StoreObject
{
	const char *uri;			/* the whole name, s3://… or file:///… */
	const char *key;			/* the name inside the store, not encoded */
	const char *etag;			/* version tag as sent, with its quotes; NULL
								 * where the store has none */
	int64		size;			/* bytes as stored, before decompression */
	TimestampTz last_modified;

	/*
	 * A part of it, or 0 and -1 for all of it.  The body of a part starts at
	 * the byte from, and will be read to about the byte to; it goes on to the
	 * end of the object all the same.
	 */
	int64		from;
	int64		to;

	/*
	 * Of a part: nobody knows whether the object is compressed.  If it is, parts
	 * that do not begin at 0 have no body.
	 */
	bool		unsure;

	const char *next;			/* see Store.in_order */
} StoreObject;

/* What a store did, for EXPLAIN ANALYZE.  Only ever grows. */
typedef struct StoreCounters
{
	int64		objects;		/* opened; of parts, the first counts */
	int64		filtered;		/* objects the filter did not want */
	int64		missing;		/* objects listed, but gone: see skip_missing */
	int64		bytes;			/* body bytes received, as stored */
	int64		list_requests;	/* requests (bucket) or directories read */
	int64		get_requests;
	int64		retries;		/* requests sent again */
} StoreCounters;

/* What it is doing, besides. */
typedef struct StoreStatus
{
	SourceWait	waiting;
	int64		known;			/* objects found so far that are wanted */
	bool		complete;		/* the listing has ended */
	int64		partial;		/* bytes of the current object, not yet among
								 * the counted ones */
	int			in_flight;		/* requests */
} StoreStatus;

/* What lies directly in a folder: names without the final "/", sorted. */
typedef struct StoreFolder
{
	List	   *folders;		/* char * */
	List	   *objects;		/* char *: of some of the objects */
} StoreFolder;

#define FOLDER_MAX_FOLDERS 10000
#define FOLDER_MAX_OBJECTS 100	/* of which the names are kept */

/*
 * How to reach a bucket.  Belongs to the caller, as do its strings, and outlives
 * the store.
 */
typedef struct S3Access
{
	const char *region;
	const char *endpoint;		/* http(s)://host[:port]; NULL means AWS */
	const char *ca_file;		/* as in HttpRequest */
	bool		path_style;		/* bucket in the path, not in the host name */
	const CredentialConfig *credentials;	/* how to find them */
	bool		private_addresses;	/* may the endpoint resolve to loopback or
									 * private addresses? */
	int			connections;	/* requests in flight at most */
	const char *found_region;	/* where the bucket was found to be; NULL as
								 * long as region is not known to be wrong */
} S3Access;

typedef struct Store Store;

typedef struct StoreOps
{
	/*
	 * Makes the next object the current one; NULL when the listing has ended.
	 * May block; every wait can be cancelled.  Objects come in no particular
	 * order.
	 */
	const StoreObject *(*next) (Store *store);

	/*
	 * Copies up to room bytes of the current object's body into buf, returns
	 * how many; 0 is the end of the body, which the store has then verified to
	 * be complete.  May block.
	 */
	size_t		(*read) (Store *store, char *buf, size_t room);

	/*
	 * Lists only: the next wanted object, NULL at the end.  A store is used for
	 * this or for next and read, not for both.  NULL function: it lists by
	 * turns.
	 */
	const StoreObject *(*list) (Store *store);

	/* Of the object that list gave: reads up to room bytes from its start. */
	size_t		(*peek) (Store *store, char *buf, size_t room);

	/* Starts over with a fresh listing. */
	void		(*rewind) (Store *store);

	/*
	 * What lies directly in the folder that the location is, which must end in
	 * "/".  Not for a store that has been asked for an object.  Raises
	 * ERRCODE_PROGRAM_LIMIT_EXCEEDED if that is too much.  May block.
	 */
	StoreFolder *(*list_folder) (Store *store);

	/* Releases what the memory context does not. Safe to call twice. */
	void		(*close) (Store *store);
} StoreOps;

/*
 * Where objects come from that have been listed already, in a parallel scan:
 * SourceSupply, with objects for packed bodies.  A directory uses but take.
 */
typedef struct StoreSupply
{
	/* Copies the next one into the current memory context. */
	bool		(*take) (void *arg, StoreObject *object);
	bool		(*complete) (void *arg);
	int			(*limit) (void *arg);
	bool		(*begin_turn) (void *arg, bool idle, StringInfo place);
	void		(*add) (void *arg, const StoreObject *object);
	bool		(*end_turn) (void *arg, StringInfo place);
	void		(*wait) (void *arg);
	void	   *arg;
} StoreSupply;

/* Is a listed object wanted?  Asked before it is fetched. */
typedef bool (*StoreFilter) (void *arg, const StoreObject *object);

/* Where a listing goes on. */
typedef enum StoreLeap
{
	LEAP_ON,					/* behind the key */
	LEAP_TO,					/* behind a later one */
	LEAP_END					/* nowhere in this folder */
} StoreLeap;

struct Store
{
	const StoreOps *ops;
	StoreCounters counters;
	StoreStatus status;
	void		(*on_wait) (void *arg); /* as in Source; may be NULL */
	void	   *on_wait_arg;
	bool		skip_missing;	/* set by the owner: an object that has gone since
								 * it was listed is left out, and no error */
	StoreFilter filter;			/* set by the owner before the first next; NULL:
								 * all that match the location are wanted */
	void	   *filter_arg;

	const StoreSupply *supply;	/* set by the owner before the first next, or
								 * NULL: objects come from there */

	/*
	 * Set by the owner likewise.  in_order: the filter is asked about the
	 * objects of a folder in the order of their keys, and told for each the key
	 * of the next one that matches the location; NULL for the last one, and from
	 * a store that knows no order.  Costs a directory the memory for its names.
	 *
	 * With it the owner may say where listing a bucket goes on in a folder,
	 * behind the key that it has come to.  After LEAP_TO it is asked whether that
	 * was too far, with the first key that came (NULL: none): then the listing
	 * goes back, and the owner has not been asked about anything beyond.  Not
	 * asked where a listing is more than one folder.
	 */
	bool		in_order;
	StoreLeap	(*leap) (void *arg, const char *key, char **after);
	bool		(*leapt_too_far) (void *arg, const char *first);

	/*
	 * Set by the owner before the first next, and before the first after a
	 * rewind: where alone there can be wanted objects, as keys, or as starts of
	 * keys that end in "/" (char *), each once.  NIL with narrowed: nowhere.
	 */
	bool		narrowed;
	List	   *prefixes;
};

static inline bool
store_wants(Store *store, const StoreObject *object)
{
	return store->filter == NULL || store->filter(store->filter_arg, object);
}

/*
 * For stores: adds the name of a folder, or of an object.  A name that cannot
 * stand in a location is left out, with a warning if it is a folder's.
 */
extern void store_add_folder(const Location *location, StoreFolder *folder,
							 const char *name);
extern void store_add_object(StoreFolder *folder, const char *name);

/* For stores: finishes a folder. */
extern void store_sort_folder(StoreFolder *folder);

/*
 * Both allocate in the current memory context, and register a reset callback
 * on it that frees handles and files: a store needs no close after an error.
 * Neither touches the network or the disk before the first next.
 */
extern Store *file_store_open(const Location *location);
extern Store *bucket_store_open(const Location *location, S3Access *access);

#endif							/* PINTEREST_STORE_H */
