/*-------------------------------------------------------------------------
 *
 * letters.c
 *	  Records that are kept with all that is known of them, dead letters above all:
 *	  records that a stream could not use.
 *
 * These come while the query runs as the stream's owner, and are written when it
 * has ended, by the owner of the tables.  In between they lie in a tuplestore.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "stream/catalog.h"
#include "stream/letters.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

enum
{
	LETTER_SPLIT,
	LETTER_POSITION,
	LETTER_METADATA,
	LETTER_BYTES,
	LETTER_ERROR,
	LETTER_COLUMNS
};

struct Letters
{
	TupleDesc	desc;
	Tuplestorestate *store;		/* with a second read pointer for the mark */
	TupleTableSlot *slot;		/* the one at hand */
	MemoryContext context;		/* which that is in */
};

#define READING 0
#define MARK 1

Letters *
letters_create(void)
{
	Letters    *letters = palloc(sizeof(Letters));

	letters->desc = CreateTemplateTupleDesc(LETTER_COLUMNS);
	for (int i = 0; i < LETTER_COLUMNS; i++)
		TupleDescInitEntry(letters->desc, i + 1, NULL,
						   i == LETTER_BYTES ? BYTEAOID : TEXTOID, -1, 0);
	letters->store = tuplestore_begin_heap(false, false, work_mem);
	(void) tuplestore_alloc_read_pointer(letters->store, EXEC_FLAG_REWIND);
	letters->slot = MakeSingleTupleTableSlot(letters->desc, &TTSOpsMinimalTuple);
	letters->context = CurrentMemoryContext;
	return letters;
}

void
letters_clear(Letters *letters)
{
	tuplestore_clear(letters->store);
}

/*
 * All that the source knows of a record besides: {"name": "value", ...}, whatever
 * the setting of DateStyle then and when it is read.
 */
static char *
write_metadata(Source *source, const RecordPlace *place)
{
	StringInfoData json;
	int			nest_level = NewGUCNestLevel();

	(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (const SourceMetadata *item = source->ops->metadata; item->name != NULL; item++)
	{
		Oid			function;
		bool		varlena;
		bool		isnull;
		Datum		value;

		if (item->item < 0)
			continue;
		value = source->ops->metadata_value(source, item->item, place, &isnull);
		if (isnull)
			continue;
		getTypeOutputInfo(item->type, &function, &varlena);
		if (json.len > 1)
			appendStringInfoString(&json, ", ");
		escape_json(&json, item->name);
		appendStringInfoString(&json, ": ");
		escape_json(&json, OidOutputFunctionCall(function, value));
	}
	appendStringInfoChar(&json, '}');
	AtEOXact_GUC(false, nest_level);
	return json.data;
}

void
letters_reject(void *arg, Source *source, const JsonRecord *record,
			   const RecordPlace *place, const char *message)
{
	Letters    *letters = arg;
	SourcePosition position;
	Datum		values[LETTER_COLUMNS];
	bool		nulls[LETTER_COLUMNS] = {false};

	source->ops->positions->locate(source, place, &position);
	values[LETTER_SPLIT] = CStringGetTextDatum(position.split);
	values[LETTER_POSITION] = CStringGetTextDatum(position.position);
	values[LETTER_METADATA] = CStringGetTextDatum(write_metadata(source, place));
	nulls[LETTER_BYTES] = record->data == NULL;
	values[LETTER_BYTES] = record->data == NULL ? (Datum) 0 :
		PointerGetDatum(cstring_to_text_with_len(record->data, record->len));
	nulls[LETTER_ERROR] = message == NULL;
	values[LETTER_ERROR] = message == NULL ? (Datum) 0 : CStringGetTextDatum(message);
	tuplestore_putvalues(letters->store, letters->desc, values, nulls);
}

void
letters_begin(Letters *letters)
{
	tuplestore_copy_read_pointer(letters->store, MARK, READING);
}

void
letters_mark(Letters *letters)
{
	tuplestore_copy_read_pointer(letters->store, READING, MARK);
}

void
letters_rewind(Letters *letters)
{
	tuplestore_rescan(letters->store);
}

bool
letters_next(Letters *letters, Letter *letter)
{
	const TupleTableSlot *slot = letters->slot;
	MemoryContext old = MemoryContextSwitchTo(letters->context);
	bool		found = tuplestore_gettupleslot(letters->store, true, false, letters->slot);

	MemoryContextSwitchTo(old);
	if (!found)
		return false;
	slot_getallattrs(letters->slot);
	letter->id = 0;
	letter->split = TextDatumGetCString(slot->tts_values[LETTER_SPLIT]);
	letter->position = TextDatumGetCString(slot->tts_values[LETTER_POSITION]);
	letter->metadata = TextDatumGetCString(slot->tts_values[LETTER_METADATA]);
	letter->bytes = slot->tts_isnull[LETTER_BYTES] ? NULL :
		DatumGetByteaPP(slot->tts_values[LETTER_BYTES]);
	return true;
}

static void
save_letter(const Stream *stream, TupleTableSlot *slot)
{
	CatalogValue values[LETTER_COLUMNS + 1];

	slot_getallattrs(slot);
	values[0] = catalog_text(stream->name);
	for (int i = 0; i < LETTER_COLUMNS; i++)
		values[i + 1] = (CatalogValue) {
		slot->tts_values[i], TupleDescAttr(slot->tts_tupleDescriptor, i)->atttypid,
			slot->tts_isnull[i]
	};
	catalog_execute("INSERT INTO pinterest._dead_letter (stream, split, position, metadata, bytes, error)"
					" VALUES ($1, $2, $3, $4::jsonb, $5, $6)", values, lengthof(values));
}

void
letters_save(Letters *letters, const Stream *stream)
{
	while (tuplestore_gettupleslot(letters->store, true, false, letters->slot))
		save_letter(stream, letters->slot);
}

void
letters_end(Letters *letters)
{
	ExecDropSingleTupleTableSlot(letters->slot);
	tuplestore_end(letters->store);
}
