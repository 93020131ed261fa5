/*-------------------------------------------------------------------------
 *
 * shared_list.c
 *	  The list of bodies that the processes of a parallel scan share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <limits.h>

#include "fdw/shared_list.h"
#include "miscadmin.h"
#include "pg_compat.h"
#include "storage/buffile.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* How long a process without work waits for another one's turn (ms). */
#define PATIENCE 500

struct ListMember
{
	SharedList *list;
	int			slice;			/* the one it takes from */
	SourceSupply supply;
	MemoryContext context;
	bool		complete;		/* list->complete, once seen */

	/* the page that is read; files NULL: none */
	ListPage	page;
	BufFile    *bodies;
	BufFile    *index;

	/* the page that is written; files NULL: nothing has been added */
	ListPage	new_page;
	BufFile    *new_bodies;
	BufFile    *new_index;
};

/* Where a packed body is. */
typedef struct IndexEntry
{
	int			segment;		/* as BufFileTell says it */
	off_t		offset;
	int			len;
} IndexEntry;

/*
 * Files
 */

#define FILE_NAME_LEN 64

static char *
file_name(char *name, const SharedList *list, const char *what, const ListPage *page)
{
	snprintf(name, FILE_NAME_LEN, "%s.%d.%d.%d", what, list->pass, page->number, page->pid);
	return name;
}

static void
read_exactly(BufFile *file, void *to, size_t len)
{
	if (BufFileRead(file, to, len) != len)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read the list of a parallel scan")));
}

static void
seek(BufFile *file, int segment, off_t offset)
{
	if (BufFileSeek(file, segment, offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in the list of a parallel scan")));
}

static void
close_file(BufFile **file)
{
	if (*file != NULL)
		BufFileClose(*file);
	*file = NULL;
}

/* Turns to a page to be read. */
static void
open_page(ListMember *member, const ListPage *page)
{
	SharedList *list = member->list;
	char		name[FILE_NAME_LEN];
	MemoryContext old;

	if (member->bodies != NULL && member->page.number == page->number)
		return;
	close_file(&member->bodies);
	close_file(&member->index);
	member->page = *page;
	old = MemoryContextSwitchTo(member->context);
	member->bodies = open_shared_file(&list->files, file_name(name, list, "bodies", page));
	member->index = open_shared_file(&list->files, file_name(name, list, "index", page));
	MemoryContextSwitchTo(old);
}

static void
read_body(ListMember *member, uint64 number, StringInfo body)
{
	IndexEntry	entry;

	seek(member->index, 0, number * sizeof(IndexEntry));
	read_exactly(member->index, &entry, sizeof(entry));
	seek(member->bodies, entry.segment, entry.offset);
	resetStringInfo(body);
	enlargeStringInfo(body, entry.len);
	read_exactly(member->bodies, body->data, entry.len);
	body->len = entry.len;
}

static void
write_body(ListMember *member, StringInfo body)
{
	SharedList *list = member->list;
	const ListPage *page = &member->new_page;
	IndexEntry	entry = {0};

	if (member->new_bodies == NULL)
	{
		char		name[FILE_NAME_LEN];
		MemoryContext old = MemoryContextSwitchTo(member->context);

		member->new_bodies = create_shared_file(&list->files, file_name(name, list, "bodies", page));
		member->new_index = create_shared_file(&list->files, file_name(name, list, "index", page));
		MemoryContextSwitchTo(old);
	}
	BufFileTell(member->new_bodies, &entry.segment, &entry.offset);
	entry.len = body->len;
	BufFileWrite(member->new_bodies, body->data, body->len);
	BufFileWrite(member->new_index, &entry, sizeof(entry));
}

/*
 * Taking: functions of SourceSupply
 */

/* How many slices are there? */
static int
count_slices(const SharedList *list)
{
	return Min(list->processes, LIST_SLICES);
}

/* With the mutex held: the first page becomes another one. */
static void
cut_first_page(SharedList *list)
{
	int			n = count_slices(list);

	list->left = list->npages == 0 ? 0 : list->pages[list->first].nbodies;
	for (int i = 0; i < n; i++)
	{
		list->slices[i].first = list->left * i / n;
		list->slices[i].end = list->left * (i + 1) / n;
	}
}

/* With the mutex held: half of the longest other slice becomes this one. */
static void
take_half(SharedList *list, ListSlice *mine)
{
	ListSlice  *longest = &list->slices[0];

	for (int i = 1; i < count_slices(list); i++)
		if (list->slices[i].end - list->slices[i].first > longest->end - longest->first)
			longest = &list->slices[i];
	mine->end = longest->end;
	mine->first = longest->first + (longest->end - longest->first) / 2;
	longest->end = mine->first;
}

static bool
take_body(void *arg, StringInfo body)
{
	ListMember *member = arg;
	SharedList *list = member->list;
	ListPage	page;
	uint64		number = 0;
	bool		found;

	SpinLockAcquire(&list->mutex);
	found = list->npages > 0;
	if (found)
	{
		ListSlice  *slice = &list->slices[member->slice];

		page = list->pages[list->first];
		if (slice->first == slice->end)
			take_half(list, slice);
		number = slice->first++;
		list->waiting--;
		if (--list->left == 0)
		{
			list->first = (list->first + 1) % LIST_PAGES;
			list->npages--;
			cut_first_page(list);
		}
	}
	SpinLockRelease(&list->mutex);
	if (!found)
		return false;
	open_page(member, &page);
	read_body(member, number, body);
	return true;
}

static bool
is_complete(void *arg)
{
	ListMember *member = arg;
	SharedList *list = member->list;
	bool		complete;

	SpinLockAcquire(&list->mutex);
	member->complete = list->complete;
	complete = list->complete && list->npages == 0;
	SpinLockRelease(&list->mutex);
	return complete;
}

/*
 * As many as one likes while there is more to list; then half of a fair share
 * of what is left, so that all end at about the same time.
 */
static int
body_limit(void *arg)
{
	ListMember *member = arg;
	SharedList *list = member->list;
	uint64		waiting;
	bool		complete;

	SpinLockAcquire(&list->mutex);
	complete = list->complete;
	waiting = list->waiting;
	SpinLockRelease(&list->mutex);
	return complete ? (int) Min(waiting / (2 * list->processes) + 1, INT_MAX) : INT_MAX;
}

/*
 * Listing: functions of SourceSupply
 */

/* Takes the turn if it is to be had; *last is the page before. */
static bool
take_turn(ListMember *member, bool idle, ListPage *last)
{
	SharedList *list = member->list;
	TimestampTz now = GetCurrentTimestamp();
	bool		taken;

	SpinLockAcquire(&list->mutex);
	member->complete = list->complete;
	taken = !list->complete && list->npages < LIST_PAGES && list->waiting < LIST_LOW_WATER &&
		(!list->has_turn ||
		 (idle && now - list->turn_began >= PATIENCE * INT64CONST(1000)));
	if (taken)
	{
		list->has_turn = true;
		list->turn_began = now;
		member->new_page.number = list->turn;
		*last = list->last;
	}
	SpinLockRelease(&list->mutex);
	return taken;
}

static bool
begin_turn(void *arg, bool idle, StringInfo place)
{
	ListMember *member = arg;
	ListPage	last;

	if (member->complete || !take_turn(member, idle, &last))
		return false;
	close_file(&member->new_bodies);
	close_file(&member->new_index);
	member->new_page.pid = MyProcPid;
	member->new_page.nbodies = 0;
	resetStringInfo(place);
	if (member->new_page.number > 0)
	{
		open_page(member, &last);
		read_body(member, last.nbodies, place);
	}
	return true;
}

static void
add_body(void *arg, StringInfo body)
{
	ListMember *member = arg;

	write_body(member, body);
	member->new_page.nbodies++;
}

/* The page becomes part of the list, unless another process has been faster. */
static bool
publish_page(ListMember *member, bool complete)
{
	SharedList *list = member->list;
	const ListPage *page = &member->new_page;
	bool		counts;

	SpinLockAcquire(&list->mutex);
	counts = list->turn == page->number && !list->complete;
	if (counts)
	{
		if (page->nbodies > 0)
		{
			list->pages[(list->first + list->npages++) % LIST_PAGES] = *page;
			if (list->npages == 1)
				cut_first_page(list);
		}
		list->waiting += page->nbodies;
		list->last = *page;
		list->turn++;
		list->has_turn = false;
		list->complete = complete;
	}
	SpinLockRelease(&list->mutex);
	return counts;
}

static bool
end_turn(void *arg, StringInfo place)
{
	ListMember *member = arg;

	if (place != NULL)
		write_body(member, place);
	close_file(&member->new_bodies);
	close_file(&member->new_index);
	if (!publish_page(member, place == NULL))
		return false;
	ConditionVariableBroadcast(&member->list->grown);
	return true;
}

static bool
has_news(SharedList *list)
{
	bool		news;

	SpinLockAcquire(&list->mutex);
	news = list->npages > 0 || list->complete || !list->has_turn;
	SpinLockRelease(&list->mutex);
	return news;
}

static void
wait_for_page(void *arg)
{
	ListMember *member = arg;
	SharedList *list = member->list;
	static uint32 event = 0;

	if (event == 0)
		event = wait_event_named("PinterestList");
	ConditionVariablePrepareToSleep(&list->grown);
	while (!has_news(list) &&
		   !ConditionVariableTimedSleep(&list->grown, PATIENCE, event))
		;
	ConditionVariableCancelSleep();
}

/*
 * Members
 */

static void
reset(SharedList *list)
{
	list->first = 0;
	list->npages = 0;
	list->left = 0;
	list->waiting = 0;
	list->turn = 0;
	list->has_turn = false;
	list->complete = false;
}

void
shared_list_init(SharedList *list, dsm_segment *segment, int processes)
{
	memset(list, 0, sizeof(SharedList));
	SharedFileSetInit(&list->files, segment);
	list->segment = dsm_segment_handle(segment);
	list->processes = processes;
	ConditionVariableInit(&list->grown);
	SpinLockInit(&list->mutex);
	reset(list);
}

void
shared_list_restart(SharedList *list, ListMember *member)
{
	shared_list_leave(member);
	SharedFileSetDeleteAll(&list->files);
	list->pass++;
	member->complete = false;
	reset(list);
}

ListMember *
shared_list_join(SharedList *list, int number)
{
	ListMember *member = palloc0(sizeof(ListMember));

	/* the last process to leave deletes what any of them has written */
	if (number > 0)
		SharedFileSetAttach(&list->files, dsm_find_mapping(list->segment));
	member->list = list;
	member->slice = number % count_slices(list);
	member->context = CurrentMemoryContext;
	member->supply.take = take_body;
	member->supply.complete = is_complete;
	member->supply.limit = body_limit;
	member->supply.begin_turn = begin_turn;
	member->supply.add = add_body;
	member->supply.end_turn = end_turn;
	member->supply.wait = wait_for_page;
	member->supply.arg = member;
	return member;
}

const SourceSupply *
shared_list_supply(ListMember *member)
{
	return &member->supply;
}

void
shared_list_leave(ListMember *member)
{
	close_file(&member->bodies);
	close_file(&member->index);
	close_file(&member->new_bodies);
	close_file(&member->new_index);
}
