/*-------------------------------------------------------------------------
 *
 * letter_source.h
 *	  Records that were kept, in place of the source that they are of.
 *
 * To the reader it is a source like any other: the bytes of each record are a body,
 * and what the real source knew of it is read from where letters.c wrote it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_LETTER_SOURCE_H
#define PINTEREST_LETTER_SOURCE_H

#include "postgres.h"

#include "source/source.h"
#include "utils/jsonb.h"

typedef struct Letter
{
	int64		id;				/* of a dead letter, or 0 */
	const char *split;
	const char *position;
	const char *metadata;		/* a JSON object */
	const bytea *bytes;			/* or NULL */
} Letter;

typedef struct LetterSource
{
	/*
	 * Fills in the next record, in the current memory context, which lasts until
	 * then; false behind the last.  Set by who has it, with its argument.
	 */
	bool		(*next) (void *arg, Letter *letter);
	void	   *arg;

	/* Everything else is letter_source.c's. */
	Source		base;
	SourceOps	ops;
	MemoryContext context;
	bool		has_letter;
	Letter		letter;
	Jsonb	   *metadata;		/* NULL until it is wanted */
} LetterSource;

/* The source, in the current memory context, which outlives it. */
extern Source *letter_source_open(LetterSource *source, const SourceOps *ops);

#endif							/* PINTEREST_LETTER_SOURCE_H */
