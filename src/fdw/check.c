/*-------------------------------------------------------------------------
 *
 * check.c
 *	  pinterest.check_server(): tries a foreign server, step by step.
 *
 * Begins with the options and ends with the first record, through the reader
 * as a query would; what lies between is the source's.  Everything is done in
 * the first call, the rows are given out one by one.
 *
 * Where no location is given, that of a foreign table is taken that the
 * caller may read.  Its owner may be anybody who may use the server, and the
 * input functions and domains of its columns may call functions of the owner;
 * so they run as the owner, restricted as ANALYZE has them, while the keys are
 * the caller's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "column.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "json/path.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "option.h"
#include "pg_compat.h"
#include "reader.h"
#include "record.h"
#include "source/check.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

typedef struct ServerCheck
{
	const SourceOps *ops;
	const char *location;		/* what the caller gave, or NULL */
	Oid			table;			/* found where nothing was given */
	SourceRequest request;
} ServerCheck;

/* The oldest foreign table of the server that the user may read. */
static Oid
find_table(Oid serverid)
{
	Relation	catalog = table_open(ForeignTableRelationId, AccessShareLock);
	Oid			found = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_foreign_table_ftserver, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(serverid));
	scan = systable_beginscan(catalog, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			relid = ((Form_pg_foreign_table) GETSTRUCT(tuple))->ftrelid;

		if ((!OidIsValid(found) || relid < found) &&
			pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
			found = relid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

/* CheckWork: options of the server and of what is read. */
static char *
check_options(void *arg)
{
	ServerCheck *check = arg;
	SourceRequest *request = &check->request;
	const SourceOps *ops = check->ops;

	/* not ops->validate: it asks whether the caller might set them */
	option_validate(ops->wrapper, ForeignServerRelationId, request->server_options);
	if (check->location != NULL)
	{
		/* asks for the rights that CREATE FOREIGN TABLE asks for */
		request->table_options =
			list_make1(makeDefElem(pstrdup(ops->subject),
								   (Node *) makeString(pstrdup(check->location)), -1));
		option_validate(ops->wrapper, ForeignTableRelationId, request->table_options);
		ops->validate(ForeignTableRelationId, request->table_options);
		return NULL;
	}
	check->table = find_table(request->serverid);
	if (!OidIsValid(check->table))
		return psprintf("No %s was given, and the server has no foreign table that you may read.", ops->subject);
	request->table_options = GetForeignTable(check->table)->options;
	option_validate(ops->wrapper, ForeignTableRelationId, request->table_options);
	return psprintf("The %s is that of foreign table \"%s\".", ops->subject,
					get_rel_name(check->table));
}

/* Without a table: is it JSON at all? */
static char *
scan_first_record(ServerCheck *check)
{
	const SourceOps *ops = check->ops;
	int			nslots;
	JsonNode   *root = json_path_tree(NIL, NULL, &nslots);
	Source	   *source = ops->open(&check->request);
	Records    *records = records_create(source, check->request.table_options,
										 root, nslots, true);
	RecordPlace place;
	const JsonRecord *record = records_next(records, &place);
	char	   *detail;

	if (record == NULL)
		detail = pstrdup("There is no record.");
	else if (record->error == JSON_ERROR_NONE)
		detail = psprintf("A record of %zu bytes in %s.", record->len,
						  records_place(records, record));
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid JSON record in %s", records_place(records, record)),
				 errdetail("%s", json_error_detail(record->error))));
	ops->close(source);
	return detail;
}

/* With one: as a query that wants all columns. */
static char *
read_first_record(ServerCheck *check)
{
	Relation	rel = table_open(check->table, AccessShareLock);
	int			natts = RelationGetDescr(rel)->natts;
	Datum	   *values = palloc0(natts * sizeof(Datum));
	bool	   *nulls = palloc0(natts * sizeof(bool));
	Oid			save_userid;
	int			save_context;
	Reader	   *reader;
	bool		found;

	GetUserIdAndSecContext(&save_userid, &save_context);
	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   save_context | SECURITY_RESTRICTED_OPERATION);
	reader = reader_open(rel, check->request.userid, all_attnums(rel), NULL);
	found = reader_next(reader, values, nulls);
	reader_close(reader);
	SetUserIdAndSecContext(save_userid, save_context);
	table_close(rel, AccessShareLock);
	return psprintf(found ? "A record became a row of foreign table \"%s\"." :
					"There is no record for foreign table \"%s\".",
					get_rel_name(check->table));
}

/* CheckWork: one record needs no requests ahead. */
static char *
first_record(void *arg)
{
	ServerCheck *check = arg;
	int			nesting = NewGUCNestLevel();
	char	   *detail;

	(void) set_config_option("pinterest.s3_connections", "1", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	detail = OidIsValid(check->table) ? read_first_record(check) : scan_first_record(check);
	AtEOXact_GUC(true, nesting);
	return detail;
}

static List *
check_server(const char *name, const char *location)
{
	ServerCheck *server = palloc0(sizeof(ServerCheck));
	Check	   *check = check_create();
	bool		ready;

	server->location = location;
	server->ops = source_of_usable_server(name, &server->request);
	ready = check_run(check, "options", true, check_options, server,
					  "See pinterest.options() for what may be set.");
	ready = server->ops->check(check, ready, &server->request);
	check_run(check, "first record", ready, first_record, server,
			  "To read past bad records, set option \"on_error\" of the table to \"ignore\" or \"set_null\".");
	return check->steps;
}

/*
 * The rows
 */

static HeapTuple
step_row(const CheckStep *step, TupleDesc desc)
{
	static const char *const outcomes[] = {"ok", "failed", "skipped"};
	Datum		values[5] = {0};
	bool		nulls[5] = {false};

	values[0] = CStringGetTextDatum(step->name);
	values[1] = CStringGetTextDatum(outcomes[step->outcome]);
	nulls[2] = step->milliseconds < 0;
	if (!nulls[2])
		values[2] = Float8GetDatum(rint(step->milliseconds * 1000) / 1000);
	nulls[3] = step->detail == NULL;
	if (!nulls[3])
		values[3] = CStringGetTextDatum(step->detail);
	nulls[4] = step->hint == NULL;
	if (!nulls[4])
		values[4] = CStringGetTextDatum(step->hint);
	return heap_form_tuple(desc, values, nulls);
}

/*
 * Everything that is opened lives in the context of the calls, which goes with
 * the query, and in one of its own below that goes before.
 */
static List *
all_steps(FunctionCallInfo fcinfo)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(context, "pinterest check",
											   ALLOCSET_DEFAULT_SIZES);
	List	   *steps = NIL;
	ListCell   *lc;
	List	   *made;

	MemoryContextSwitchTo(work);
	made = check_server(text_to_cstring(PG_GETARG_TEXT_PP(0)),
						PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	MemoryContextSwitchTo(context);
	foreach(lc, made)
	{
		CheckStep  *step = palloc(sizeof(CheckStep));

		*step = *(CheckStep *) lfirst(lc);
		step->detail = step->detail == NULL ? NULL : pstrdup(step->detail);
		step->hint = step->hint == NULL ? NULL : pstrdup(step->hint);
		steps = lappend(steps, step);
	}
	MemoryContextDelete(work);
	return steps;
}

PG_FUNCTION_INFO_V1(pinterest_check_server);

Datum
pinterest_check_server(PG_FUNCTION_ARGS)
{
	FuncCallContext *context;
	List	   *steps;
	HeapTuple	row;

	if (SRF_IS_FIRSTCALL())
	{
		MemoryContext old;
		TupleDesc	desc;

		if (PG_ARGISNULL(0))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("server must not be null")));
		context = SRF_FIRSTCALL_INIT();
		old = MemoryContextSwitchTo(context->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		context->tuple_desc = BlessTupleDesc(desc);
		context->user_fctx = all_steps(fcinfo);
		MemoryContextSwitchTo(old);
	}
	context = SRF_PERCALL_SETUP();
	steps = context->user_fctx;
	if (context->call_cntr >= (uint64) list_length(steps))
		SRF_RETURN_DONE(context);
	row = step_row(list_nth(steps, (int) context->call_cntr), context->tuple_desc);
	SRF_RETURN_NEXT(context, HeapTupleGetDatum(row));
}
