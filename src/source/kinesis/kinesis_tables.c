/*-------------------------------------------------------------------------
 *
 * kinesis_tables.c
 *	  What IMPORT FOREIGN SCHEMA finds: one table a stream.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "source/kinesis/kinesis.h"

static const char *const metadata[] = {
	"stream", "shard_id", "sequence_number", "sub_sequence_number", "partition_key",
	"arrival_timestamp", "data", "error", NULL
};

/* Pages of 100 */
#define MAX_PAGES 100

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static SourceTable *
table_of(char *stream)
{
	SourceTable *table = palloc0(sizeof(SourceTable));

	table->name = stream;
	table->options = list_make1(makeDefElem("stream", (Node *) makeString(pstrdup(stream)), -1));
	for (int i = 0; metadata[i] != NULL; i++)
		table->metadata = lappend(table->metadata, unconstify(char *, metadata[i]));
	return table;
}

List *
kinesis_stream_names(const KinesisAccess *access, AwsService *service, AwsCall *call)
{
	const char *host = access->config.host;
	KinesisRequest list;
	KinesisStreamPage *page = NULL;
	List	   *names = NIL;

	kinesis_request_init(&list);
	for (int pages = 0; page == NULL || (page->more && page->names != NIL); pages++)
	{
		if (pages == MAX_PAGES)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the service lists more than %d pages of streams", MAX_PAGES)));
		kinesis_list_streams(&list, page == NULL ? NULL : llast(page->names),
							 page == NULL ? NULL : page->next_token, host);
		page = kinesis_stream_page(kinesis_ask(service, call, &list), host);
		names = list_concat(names, page->names);
	}
	list_sort(names, compare_names);
	return names;
}

/*
 * The streams of the account and region whose names begin with the remote
 * schema; all of them for "*".
 */
List *
kinesis_tables(const SourceRequest *request, const char *schema)
{
	KinesisAccess *access = kinesis_access(request);
	const char *prefix = strcmp(schema, "*") == 0 ? "" : schema;
	AwsService *service;
	List	   *tables = NIL;
	List	   *names;
	ListCell   *lc;

	kinesis_take_credentials(request, access);
	service = kinesis_service(access);
	names = kinesis_stream_names(access, service, kinesis_call(service));
	foreach(lc, names)
		if (strncmp(lfirst(lc), prefix, strlen(prefix)) == 0)
			tables = lappend(tables, table_of(lfirst(lc)));
	if (tables == NIL)
		ereport(NOTICE,
				(errmsg("no stream belongs to remote schema \"%s\"", schema),
				 errhint("The remote schema is what the names of streams begin with, or \"*\" for all streams.")));
	return tables;
}
