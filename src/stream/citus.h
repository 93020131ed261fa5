/*-------------------------------------------------------------------------
 *
 * citus.h
 *	  What streams have to know of Citus, if it is there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_CITUS_H
#define PINTEREST_CITUS_H

#include "postgres.h"

/*
 * Within SPI.  The column by whose value Citus knows to which node a row of this
 * table goes; NULL if the table is not one of those.
 */
extern char *citus_distribution_column(Oid relid);

#endif							/* PINTEREST_CITUS_H */
