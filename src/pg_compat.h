/*-------------------------------------------------------------------------
 *
 * pg_compat.h
 *	  The differences between PostgreSQL 14 to 18 that this code meets, so
 *	  that the rest reads as if there were one version.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_PG_COMPAT_H
#define PINTEREST_PG_COMPAT_H

#include "postgres.h"

/* VARDATA_ANY and friends left postgres.h in 16 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#endif							/* PINTEREST_PG_COMPAT_H */
