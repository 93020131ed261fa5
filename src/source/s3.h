/*-------------------------------------------------------------------------
 *
 * s3.h
 *	  The setting of the S3 source; the rest is behind source.h.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_S3_H
#define PINTEREST_S3_H

/* Requests in flight at most, in one backend. */
extern int	pinterest_s3_connections;

#endif							/* PINTEREST_S3_H */
