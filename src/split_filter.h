/*-------------------------------------------------------------------------
 *
 * split_filter.h
 *	  Which splits are wanted: the executor's filter in the source's words.
 *
 * The source asks about metadata items and path elements, the executor's side
 * knows columns and clauses.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SPLIT_FILTER_H
#define PINTEREST_SPLIT_FILTER_H

#include "postgres.h"

#include "reader.h"
#include "source/source.h"

/*
 * Has the source ask the filter from its next body on.  Lives in the current
 * memory context; source and filter belong to the caller and outlive it.
 */
extern void split_filter_install(Source *source, const ReaderFilter *filter);

#endif							/* PINTEREST_SPLIT_FILTER_H */
