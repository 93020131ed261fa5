/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  What a source, or a store below it, waits for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_WAIT_H
#define PINTEREST_WAIT_H

typedef enum SourceWait
{
	SOURCE_BUSY,				/* for nothing */
	SOURCE_LIST,				/* to hear what there is */
	SOURCE_GET,					/* for a body */
	SOURCE_BACKOFF,				/* to send a failed request again */
	SOURCE_PACE					/* to be allowed more by the service's limits */
} SourceWait;

#endif							/* PINTEREST_WAIT_H */
