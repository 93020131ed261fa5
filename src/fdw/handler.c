/*-------------------------------------------------------------------------
 *
 * handler.c
 *	  The table of callbacks of the foreign data wrappers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fdw/fdw.h"
#include "fdw/parallel.h"
#include "fmgr.h"

/* One for all wrappers: what differs between them is behind source.h. */
static FdwRoutine *
make_routine(void)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = plan_rel_size;
	routine->GetForeignPaths = plan_paths;
	routine->GetForeignPlan = plan_scan;

	routine->BeginForeignScan = scan_begin;
	routine->IterateForeignScan = scan_iterate;
	routine->ReScanForeignScan = scan_rewind;
	routine->EndForeignScan = scan_end;

	routine->IsForeignScanParallelSafe = parallel_is_safe;
	routine->EstimateDSMForeignScan = parallel_estimate;
	routine->InitializeDSMForeignScan = parallel_initialize;
	routine->ReInitializeDSMForeignScan = parallel_reinitialize;
	routine->InitializeWorkerForeignScan = parallel_initialize_worker;
	routine->ShutdownForeignScan = parallel_shutdown;

	routine->ExplainForeignScan = explain_scan;

	routine->IsForeignRelUpdatable = modify_updatable;
	routine->BeginForeignModify = modify_begin;
	routine->EndForeignModify = modify_end;
	routine->BeginForeignInsert = modify_begin_insert;
	routine->EndForeignInsert = modify_end_insert;
	routine->ExecForeignInsert = modify_insert;
	routine->ExplainForeignModify = modify_explain;

	routine->AnalyzeForeignTable = analyze_table;

	routine->ImportForeignSchema = import_schema;

	return routine;
}

PG_FUNCTION_INFO_V1(pinterest_s3_json_handler);
PG_FUNCTION_INFO_V1(pinterest_kafka_json_handler);
PG_FUNCTION_INFO_V1(pinterest_kinesis_json_handler);

Datum
pinterest_s3_json_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(make_routine());
}

Datum
pinterest_kafka_json_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(make_routine());
}

Datum
pinterest_kinesis_json_handler(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(make_routine());
}
