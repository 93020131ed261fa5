/*-------------------------------------------------------------------------
 *
 * s3_source.h
 *	  The source of s3_json, for the files that it consists of: s3.c reads,
 *	  s3_listing.c decides what, s3_parallel.c shares it between processes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_SOURCE_H
#define PINTEREST_S3_SOURCE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "source/s3/decompress.h"
#include "source/s3/sink.h"
#include "source/source.h"
#include "source/s3/store.h"

/* What metadata_value gives out. */
enum
{
	ITEM_PATH,
	ITEM_SIZE,
	ITEM_LAST_MODIFIED,
	ITEM_ETAG,
	ITEM_LINE,
	ITEM_TOPIC,
	ITEM_PARTITION,
	ITEM_OFFSET,
	ITEM_HIVE					/* no item: a hive_key column */
};

typedef struct S3Source
{
	Source		base;
	Store	   *store;
	Decompressor *decompressor;
	const StoreObject *object;	/* the current one, NULL before the first */
	int64		consumed;		/* bytes of it, before decompression */
	SinkName	sink;			/* of the current one, if named so */
	bool		is_sink_object;
	bool		silent;			/* no notice about missing objects */
	const SourceFilter *filter; /* NULL: everything is wanted */
	const Location *location;

	/* s3_position.c's own */
	struct S3Positions *positions;	/* NULL unless a scan goes on */

	/* s3_listing.c's own */
	MemoryContext listing_context;	/* of what narrows the listing */
	bool		listing;		/* has it begun? */
	bool		in_folders;		/* does the location say where objects lie? */
	bool		told_misplaced;
	SinkFolders folders;
	int64		misplaced;		/* objects left out because they do not fit */

	/* s3_offsets.c's own */
	MemoryContext offset_context;	/* of ranges */
	int64		widest;			/* distance seen between neighbours */
	int64		leap_for;		/* the offset that leaps look for */
	int64		leapt_to;		/* by the last one */
	int64		leap_limit;		/* what is looked for begins before this one */
	bool		by_offset;		/* are not all offsets of objects wanted? */

	/* s3_parallel.c's own */
	const SourceSupply *supply;	/* NULL unless the scan is parallel */
	StoreSupply store_supply;
	Compression compression;
	StringInfoData packed;
	StoreObject cut;			/* one that is listed part by part; key NULL:
								 * none */
	int64		at;				/* position in the object of the next byte */
	bool		parts;			/* may objects be cut? */
	bool		lines;			/* does a line feed end a record wherever it
								 * stands? */
	bool		in_part;		/* has the first line of the part begun? */
	bool		part_done;
} S3Source;

/* Makes an object the one that metadata_value and hive_value tell of. */
extern void s3_set_object(S3Source *s3, const StoreObject *object);

/* A DecompressInput: bytes of the current object as they are stored. */
extern size_t s3_read_stored(void *arg, char *buf, size_t room);

/* For a source that has its store and location. */
extern void s3_listing_init(S3Source *s3);

/* Has each listed object be looked at before it is read. */
extern void s3_filter_objects(S3Source *s3);

/* SourceOps.set_filter. */
extern void s3_set_filter(Source *source, const SourceFilter *filter);

/*
 * Before the listing begins: looks only where what is known says that there
 * can be something.  The filter decides on each object all the same.
 */
extern void s3_listing_begin(S3Source *s3);

/*
 * What the ranges of offsets that are wanted save.  Before the listing begins;
 * and: can the current object, which has been asked for, hold wanted offsets?
 */
extern void s3_offsets_begin(S3Source *s3);
extern bool s3_offsets_wanted(S3Source *s3);

/* Behind the last object: tells of those that were left out. */
extern void s3_listing_end(S3Source *s3);

/* SourceOps.positions */
extern const SourcePositions s3_positions;

/*
 * Of a scan that goes on: is the current object, which has been listed, new?  And:
 * it is read now.
 */
extern bool s3_object_is_new(S3Source *s3);
extern void s3_note_object(S3Source *s3);

/* SourceOps.list and SourceOps.set_supply. */
extern bool s3_list(Source *source, bool parts, StringInfo body);
extern void s3_set_supply(Source *source, const SourceSupply *supply, bool parts);

/*
 * Is the current object but a part of one?  Then it is read with these, its
 * decompressor having been reset.
 */
extern bool s3_in_part(const S3Source *s3);
extern void s3_begin_part(S3Source *s3);
extern size_t s3_read_part(S3Source *s3, char *buf, size_t room);

/* Where the current part begins. */
extern int64 s3_part_from(const S3Source *s3);

#endif							/* PINTEREST_S3_SOURCE_H */
