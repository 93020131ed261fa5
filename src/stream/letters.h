/*-------------------------------------------------------------------------
 *
 * letters.h
 *	  Dead letters: records that a stream could not use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_LETTERS_H
#define PINTEREST_LETTERS_H

#include "postgres.h"

#include "reader.h"
#include "stream/stream.h"

/* Those of one run, until they are saved; they take memory up to work_mem. */
typedef struct Letters Letters;

/* In the current memory context. */
extern Letters *letters_create(void);

/* ReaderBatch.reject, with Letters for its argument */
extern void letters_reject(void *arg, Source *source, const JsonRecord *record,
						   const RecordPlace *place, const char *message);

/* Adds them to pinterest._dead_letter, within SPI. */
extern void letters_save(Letters *letters, const Stream *stream);

#endif							/* PINTEREST_LETTERS_H */
