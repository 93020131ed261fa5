/*-------------------------------------------------------------------------
 *
 * shared_list.h
 *	  The list of bodies that the processes of a parallel scan share.
 *
 * The list grows by pages.  Either one process writes it all, as one page,
 * before the others begin; or the processes list a page each by turns, some
 * ahead of what is taken, so that fetching goes on while there is more to
 * list.  A turn begins where the page before has ended, at a place that only
 * the source understands.
 *
 * Nobody depends on another process: the executor may stop any of them at any
 * time, while the others wait for it at a barrier.  Who has nothing else to do
 * waits a moment for the page that another one has begun, then lists it too;
 * the first to be done counts.
 *
 * Of each page, every process takes a slice of neighbours from front to back,
 * since what lies side by side may be cheaper to read by one; when it is done
 * with its own, it takes half of the longest that another has left.
 *
 * Bodies lie in temporary files, so that memory does not grow with their
 * number; taking one is a spinlock and two reads.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PINTEREST_SHARED_LIST_H
#define PINTEREST_SHARED_LIST_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "source/source.h"
#include "storage/condition_variable.h"
#include "storage/dsm.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"

/* A turn is taken while fewer bodies than these wait to be taken. */
#define LIST_LOW_WATER 1000
#define LIST_PAGES 4

/* With more processes than these, some share a slice. */
#define LIST_SLICES 16

/* Two files: the packed bodies, and an index of where each begins. */
typedef struct ListPage
{
	int			number;
	int			pid;			/* who has written it; names the files too */
	uint64		nbodies;		/* the place behind the page comes after them */
} ListPage;

/* Bodies first <= b < end of a page. */
typedef struct ListSlice
{
	uint64		first;
	uint64		end;
} ListSlice;

/* In dynamic shared memory. */
typedef struct SharedList
{
	SharedFileSet files;
	dsm_handle	segment;
	int			processes;		/* planned, with the leader */
	int			pass;			/* names the files: scans start over */
	ConditionVariable grown;	/* or complete */
	slock_t		mutex;			/* of all that follows */
	ListPage	pages[LIST_PAGES];	/* a ring of those with bodies to take */
	int			first;
	int			npages;
	ListSlice	slices[LIST_SLICES];	/* of the first page, not taken */
	uint64		left;			/* bodies of the first page, not taken */
	uint64		waiting;		/* bodies of all of them, not taken */
	ListPage	last;			/* the page listed last */
	int			turn;			/* number of the page to be listed next */
	bool		has_turn;		/* does a process have it? */
	TimestampTz turn_began;
	bool		complete;		/* nothing is left to be listed */
} SharedList;

/* A process's part in it. */
typedef struct ListMember ListMember;

/* In the leader, before the others join; segment is where the list lies. */
extern void shared_list_init(SharedList *list, dsm_segment *segment, int processes);

/* In the leader, alone: begins a new, empty list. */
extern void shared_list_restart(SharedList *list, ListMember *member);

/*
 * In each process; lives in the current memory context.  The leader is number 0
 * of the processes.
 */
extern ListMember *shared_list_join(SharedList *list, int number);

/* What gives the list to a source; lives as long as the member. */
extern const SourceSupply *shared_list_supply(ListMember *member);

/* Closes files; may be called twice. */
extern void shared_list_leave(ListMember *member);

#endif							/* PINTEREST_SHARED_LIST_H */
