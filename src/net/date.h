/*-------------------------------------------------------------------------
 *
 * date.h
 *	  Times as web services write them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_DATE_H
#define PINTEREST_DATE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/*
 * "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, IMF-fixdate, the only form a
 * server may send) to seconds since 1970.  False if it is anything else.
 */
extern bool http_date_parse(const char *text, int64 *seconds);

/*
 * "2024-01-31T17:50:30[.fraction](Z|+hh:mm|-hh:mm)" (RFC 3339, what S3 lists).
 * Digits beyond the microsecond are dropped.  False if it is anything else.
 */
extern bool iso_date_parse(const char *text, TimestampTz *result);

#endif							/* PINTEREST_DATE_H */
