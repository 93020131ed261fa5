/*-------------------------------------------------------------------------
 *
 * s3.h
 *	  The settings of the S3 source; the rest is behind source.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_H
#define PINTEREST_S3_H

/* Requests in flight at most, in one backend. */
extern int	pinterest_s3_connections;

/* Large files of lines are read in parts of this size by parallel scans. */
extern int	pinterest_part_size;

#endif							/* PINTEREST_S3_H */
