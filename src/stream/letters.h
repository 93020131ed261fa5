/*-------------------------------------------------------------------------
 *
 * letters.h
 *	  Records that are kept with all that is known of them, dead letters above all:
 *	  records that a stream could not use.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_LETTERS_H
#define PINTEREST_LETTERS_H

#include "postgres.h"

#include "reader.h"
#include "stream/letter_source.h"
#include "stream/stream.h"

/* Those of one run, until they are saved; they take memory up to work_mem. */
typedef struct Letters Letters;

/* In the current memory context. */
extern Letters *letters_create(void);

/*
 * ReaderBatch.reject, with Letters for its argument.  message is NULL for a record
 * that nothing is wrong with.
 */
extern void letters_reject(void *arg, Source *source, const JsonRecord *record,
						   const RecordPlace *place, const char *message);

/* Forgets them. */
extern void letters_clear(Letters *letters);

/*
 * Reads them in the order they came, when all of them have.  Reading begins at the
 * mark, which is where the first one is, until it is moved to where reading has come.
 */
extern void letters_begin(Letters *letters);
extern bool letters_next(Letters *letters, Letter *letter);
extern void letters_mark(Letters *letters);

/* Reading begins with the first one again. */
extern void letters_rewind(Letters *letters);

/* Adds them to pinterest._dead_letter, within SPI. */
extern void letters_save(Letters *letters, const Stream *stream);

/* Lets go of what they take on disk. */
extern void letters_end(Letters *letters);

#endif							/* PINTEREST_LETTERS_H */
