/*-------------------------------------------------------------------------
 *
 * state.c
 *	  Whether streams are to have workers, and what has become of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "stream/catalog.h"
#include "stream/state.h"

static const char *const words[] = {"ready", "running", "retrying", "failed"};

StreamState
state_read(const char *name, StateLock lock)
{
	static const char *const queries[] = {
		"SELECT state FROM pinterest._stream_worker WHERE stream = $1",
		"SELECT state FROM pinterest._stream_worker WHERE stream = $1 FOR SHARE",
		"SELECT state FROM pinterest._stream_worker WHERE stream = $1 FOR UPDATE"
	};
	CatalogValue value = catalog_text(name);
	const char *word;

	catalog_execute(queries[lock], &value, 1);
	if (SPI_processed == 0)
		return STREAM_READY;
	word = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	for (int i = 0; i < lengthof(words); i++)
		if (strcmp(words[i], word) == 0)
			return i;
	elog(ERROR, "stream \"%s\" is in an unknown state \"%s\"", name, word);
}

void
state_set(const char *name, StreamState state)
{
	CatalogValue values[] = {catalog_text(name), catalog_text(words[state])};

	catalog_execute("UPDATE pinterest._stream_worker SET state = $2 WHERE stream = $1",
					values, lengthof(values));
}

bool
state_note_error(const char *name, Oid owner, StreamState state, const ErrorData *error)
{
	char	   *text = error->detail == NULL ? error->message :
	psprintf("%s\nDETAIL:  %s", error->message, error->detail);
	CatalogValue values[] = {
		catalog_text(name), catalog_text(GetUserNameFromId(owner, true)),
		catalog_text(words[state]), catalog_int8(state == STREAM_RETRYING ? 1 : 0),
		catalog_text(text)
	};

	catalog_execute("UPDATE pinterest._stream_worker AS w"
					" SET state = $3, retries = retries + $4, last_error = $5, last_error_time = clock_timestamp()"
					" FROM pinterest._stream AS s"
					" WHERE w.stream = $1 AND s.name = $1 AND s.owner = $2 AND w.state IN ('running', 'retrying')",
					values, lengthof(values));
	return SPI_processed > 0;
}
