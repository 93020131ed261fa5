/*-------------------------------------------------------------------------
 *
 * kinesis_queue.c
 *	  Records on their way into a stream: which may be sent now.
 *
 * Keys are told apart by a hash: two that share one wait for each other, which
 * does no harm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "source/kinesis/kinesis_queue.h"
#include "utils/memutils.h"

/* A key of which a record is ready or taken. */
typedef struct Key
{
	uint64		hash;
	dlist_head	waiting;		/* QueuedRecord.node: those behind it */
} Key;

KinesisQueue *
kinesis_queue_create(void)
{
	KinesisQueue *queue = palloc0(sizeof(KinesisQueue));
	HASHCTL		control = {0};

	queue->context = CurrentMemoryContext;
	control.keysize = sizeof(uint64);
	control.entrysize = sizeof(Key);
	control.hcxt = CurrentMemoryContext;
	queue->keys = hash_create("pinterest partition keys", 1024, &control,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&queue->ready);
	return queue;
}

static QueuedRecord *
copy_record(KinesisQueue *queue, const KinesisPut *put)
{
	size_t		key_len = strlen(put->partition_key) + 1;
	size_t		hash_len = put->hash_key == NULL ? 0 : strlen(put->hash_key) + 1;
	size_t		size = sizeof(QueuedRecord) + put->len + 1 + key_len + hash_len;
	QueuedRecord *record = MemoryContextAlloc(queue->context, size);
	char	   *rest = (char *) (record + 1);

	memset(record, 0, sizeof(QueuedRecord));
	record->size = size;
	record->weight = put->len + key_len - 1;
	record->put.len = put->len;
	record->put.data = memcpy(rest, put->data, put->len);
	rest[put->len] = '\0';
	rest += put->len + 1;
	record->put.partition_key = memcpy(rest, put->partition_key, key_len);
	if (hash_len > 0)
		record->put.hash_key = memcpy(rest + key_len, put->hash_key, hash_len);
	return record;
}

static void
make_ready(KinesisQueue *queue, QueuedRecord *record)
{
	dlist_push_tail(&queue->ready, &record->node);
	queue->nready++;
	queue->ready_bytes += record->weight;
}

/* Goes to the end of its key's line; ready if that is its head as well. */
static void
line_up(KinesisQueue *queue, QueuedRecord *record)
{
	const char *text = record->put.partition_key;
	Key		   *key;
	bool		found;

	record->ordered = true;
	record->key = hash_bytes_extended((const unsigned char *) text, (int) strlen(text), 0);
	key = hash_search(queue->keys, &record->key, HASH_ENTER, &found);
	if (found)
	{
		dlist_push_tail(&key->waiting, &record->node);
		queue->nwaiting++;
		return;
	}
	dlist_init(&key->waiting);
	make_ready(queue, record);
}

void
kinesis_queue_add(KinesisQueue *queue, const KinesisPut *put, int64 row, bool ordered)
{
	QueuedRecord *record = copy_record(queue, put);

	record->row = row;
	queue->size += record->size;
	if (ordered)
		line_up(queue, record);
	else
		make_ready(queue, record);
}

const QueuedRecord *
kinesis_queue_next(const KinesisQueue *queue)
{
	return dlist_head_element(QueuedRecord, node, unconstify(dlist_head *, &queue->ready));
}

QueuedRecord *
kinesis_queue_take(KinesisQueue *queue)
{
	QueuedRecord *record = dlist_container(QueuedRecord, node,
										   dlist_pop_head_node(&queue->ready));

	queue->nready--;
	queue->ready_bytes -= record->weight;
	return record;
}

void
kinesis_queue_give_back(KinesisQueue *queue, QueuedRecord *record)
{
	dlist_push_head(&queue->ready, &record->node);
	queue->nready++;
	queue->ready_bytes += record->weight;
}

void
kinesis_queue_delivered(KinesisQueue *queue, QueuedRecord *record)
{
	Key		   *key;

	queue->size -= record->size;
	if (record->ordered)
	{
		key = hash_search(queue->keys, &record->key, HASH_FIND, NULL);
		if (dlist_is_empty(&key->waiting))
			hash_search(queue->keys, &record->key, HASH_REMOVE, NULL);
		else
		{
			queue->nwaiting--;
			make_ready(queue, dlist_container(QueuedRecord, node,
											  dlist_pop_head_node(&key->waiting)));
		}
	}
	pfree(record);
}
