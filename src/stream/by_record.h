/*-------------------------------------------------------------------------
 *
 * by_record.h
 *	  Do the rows of a stream's query come from one record each?
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_BY_RECORD_H
#define PINTEREST_BY_RECORD_H

#include "postgres.h"

#include "stream/stream.h"

typedef enum ByRecord
{
	BY_RECORD_NO,
	BY_RECORD_SORTED,			/* yes, but in another order, which matters */
	BY_RECORD_YES
} ByRecord;

/*
 * Does the query give the same rows when it sees the records of the source a few at
 * a time, in their order?
 */
extern ByRecord query_goes_by_record(const Stream *stream, Oid source);

#endif							/* PINTEREST_BY_RECORD_H */
