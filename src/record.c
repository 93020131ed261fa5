/*-------------------------------------------------------------------------
 *
 * record.c
 *	  The first half of the pipe: source -> record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "json/frame.h"
#include "miscadmin.h"
#include "option.h"
#include "record.h"

int			pinterest_max_record_size = 64 * 1024;

struct Records
{
	const SourceOps *ops;
	Source	   *source;
	bool		decodes;
	JsonDocument *document;		/* where bodies are messages */
	JsonFrame  *frame;			/* and where they are not */

	int64		bodies_left;	/* see records_limit_bodies */
	int64		records_left;	/* see records_limit */
	bool		in_body;
	int64		ordinal;		/* of the record at hand in its body */
	int64		bytes;			/* as stored, of the bodies before */
};

Records *
records_create(Source *source, List *table_options, JsonNode *root, int nslots,
			   bool decodes)
{
	Records    *records = palloc0(sizeof(Records));
	Size		max_record = (Size) pinterest_max_record_size * 1024;
	FrameFormat format = FRAME_AUTO;

	records->ops = source->ops;
	records->source = source;
	records->decodes = decodes;
	records->bodies_left = PG_INT64_MAX;
	records->records_left = PG_INT64_MAX;
	if (records_are_messages(records))
	{
		records->document = json_document_create(root, nslots, max_record);
		return records;
	}
	if (option_given(table_options, "format"))
		format = option_enum(table_options, "format");
	records->frame = json_frame_create(root, nslots, format, max_record);
	return records;
}

bool
records_are_messages(const Records *records)
{
	return records->ops->message != NULL;
}

void
records_limit_bodies(Records *records, int64 limit)
{
	records->bodies_left = limit;
}

void
records_limit(Records *records, int64 limit)
{
	records->records_left = limit;
}

char *
records_place(const Records *records, const JsonRecord *record)
{
	char	   *body = records->ops->place(records->source);
	char	   *place;

	if (body == NULL || record == NULL || records_are_messages(records))
		return body;
	place = psprintf("%s, line %lld", body, (long long) record->line);
	pfree(body);
	return place;
}

int64
records_body_bytes(const Records *records)
{
	return records->in_body ? records->ops->consumed(records->source) : 0;
}

int64
records_bytes(const Records *records)
{
	return records->bytes + records_body_bytes(records);
}

void
records_skip_body(Records *records)
{
	records->bytes += records_body_bytes(records);
	records->in_body = false;
}

/* Moves to the next body; false behind the last. */
static bool
next_body(Records *records)
{
	CHECK_FOR_INTERRUPTS();
	records_skip_body(records);
	if (records->records_left <= 0)
		records->source->enough = true;
	if (records->bodies_left == 0 || !records->ops->next(records->source))
		return false;
	records->bodies_left--;
	records->in_body = true;
	records->ordinal = -1;
	return true;
}

static size_t
read_body(void *arg, char *buf, size_t room)
{
	Records    *records = arg;

	return records->ops->read(records->source, buf, room);
}

/* The next record of bodies that may hold several. */
static const JsonRecord *
next_framed(Records *records)
{
	for (;;)
	{
		const JsonRecord *record;

		CHECK_FOR_INTERRUPTS();
		if (records->in_body)
		{
			record = json_frame_next(records->frame);
			if (record != NULL)
				return record;
		}
		if (!next_body(records))
			return NULL;
		json_frame_begin(records->frame, read_body, records);
	}
}

/* The next body, which is a record. */
static const JsonRecord *
next_message(Records *records)
{
	const char *data;
	size_t		len;
	char	   *spare = NULL;

	if (!next_body(records))
		return NULL;
	data = records->ops->message(records->source, &len, &spare);
	if (data == NULL || !records->decodes)
		return json_document_pass(records->document, data, len);
	return json_document_read(records->document, data, len, spare);
}

const JsonRecord *
records_next(Records *records, RecordPlace *place)
{
	const JsonRecord *record = records->document != NULL ?
	next_message(records) : next_framed(records);

	if (record == NULL)
		return NULL;
	records->records_left--;
	place->ordinal = ++records->ordinal;
	place->line = record->line;
	return record;
}
