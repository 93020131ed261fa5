/*-------------------------------------------------------------------------
 *
 * record.h
 *	  The first half of the pipe: source -> record.
 *
 * Whether the bodies of a source hold any number of records or are one each
 * is known here, and nowhere behind.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_RECORD_H
#define PINTEREST_RECORD_H

#include "postgres.h"

#include "json/document.h"
#include "source/source.h"

/* Setting pinterest.max_record_size, in kB. */
extern int	pinterest_max_record_size;

typedef struct Records Records;

/*
 * The records of a source, in the current memory context, with the values that
 * root and nslots name (see path.h).  decodes: false if no value is wanted, and
 * messages need not be looked into.  The source belongs to the caller.
 */
extern Records *records_create(Source *source, List *table_options,
							   JsonNode *root, int nslots, bool decodes);

/*
 * The next record, good or bad, and where in its body it lies; NULL behind the
 * last.  Valid until the next call.  Blocks; every wait can be cancelled.
 */
extern const JsonRecord *records_next(Records *records, RecordPlace *place);

/* After so many bodies it is as if there were no more. */
extern void records_limit_bodies(Records *records, int64 limit);

/* Tells the source after so many records that they are enough. */
extern void records_limit(Records *records, int64 limit);

/*
 * Where it is, for messages: "object s3://…, line 3", palloc'd; NULL if it is
 * nowhere.  record is the one at hand, or NULL.
 */
extern char *records_place(const Records *records, const JsonRecord *record);

/* Is each body one record? */
extern bool records_are_messages(const Records *records);

/* Leaves out what has not been read of the current body. */
extern void records_skip_body(Records *records);

/* Bytes, as stored, that have been read: of the current body, and of all. */
extern int64 records_body_bytes(const Records *records);
extern int64 records_bytes(const Records *records);

#endif							/* PINTEREST_RECORD_H */
