/*-------------------------------------------------------------------------
 *
 * explain.c
 *	  What EXPLAIN shows of a foreign scan, without touching the network.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_foreign_table.h"
#include "column.h"
#include "fdw/fdw.h"
#include "fdw/parallel.h"
#include "foreign/foreign.h"
#include "nodes/makefuncs.h"
#include "option.h"
#include "utils/ruleutils.h"
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#else
#include "commands/explain.h"
#endif

static bool
list_holds(List *texts, const char *text)
{
	ListCell   *lc;

	foreach(lc, texts)
		if (strcmp(lfirst(lc), text) == 0)
			return true;
	return false;
}

/* The JSON keys and pointers that are decoded, each once. */
static List *
decoded_fields(Relation rel, const SourceOps *ops, List *attnums)
{
	List	   *fields = NIL;
	ListCell   *lc;

	foreach(lc, columns_of(rel, ops, attnums))
	{
		Column	   *column = lfirst(lc);

		if (column->kind == COLUMN_FIELD && !list_holds(fields, column->field))
			fields = lappend(fields, unconstify(char *, column->field));
	}
	return fields;
}

/* "rest_proxy" as the label "Rest Proxy". */
static char *
label_of(const char *option)
{
	char	   *label = pstrdup(option);

	for (char *c = label; *c != '\0'; c++)
		if (c == label || c[-1] == ' ')
			*c = pg_toupper((unsigned char) *c);
		else if (*c == '_')
			*c = ' ';
	return label;
}

void
explain_subject(const SourceOps *ops, List *table_options, ExplainState *es)
{
	option_validate(ops->wrapper, ForeignTableRelationId, table_options);
	ExplainPropertyText(label_of(ops->subject), option_text(table_options, ops->subject), es);
}

void
explain_front(const SourceOps *ops, List *server_options, ExplainState *es)
{
	if (ops->front != NULL && option_given(server_options, ops->front))
		ExplainPropertyText(label_of(ops->front), option_text(server_options, ops->front), es);
}

/* Who reads, where the table or its server says so. */
static void
explain_consumer(const SourceOps *ops, const ForeignTable *table, ExplainState *es)
{
	List	   *options = table->options;

	if (ops->consumer == NULL)
		return;
	if (!option_given(options, ops->consumer))
		options = GetForeignServer(table->serverid)->options;
	if (option_given(options, ops->consumer))
		ExplainPropertyText(label_of(ops->consumer), option_text(options, ops->consumer), es);
}

/* The clauses that decide which bodies are fetched. */
static void
explain_pushdown(ForeignScan *plan, ExplainState *es)
{
	List	   *context;

	if (plan->fdw_exprs == NIL)
		return;
	context = set_deparse_context_plan(es->deparse_cxt, (Plan *) plan, NIL);
	ExplainPropertyText("Pushed Down",
						deparse_expression((Node *) make_ands_explicit(plan->fdw_exprs), context,
										   es->verbose, false),
						es);
}

static void
explain_counters(FdwScan *scan, ExplainState *es)
{
	ReaderCounters counters;

	reader_counters(scan->reader, &counters);
	parallel_counters(scan, &counters);
	ExplainPropertyInteger("Records", NULL, counters.records, es);
	ExplainPropertyInteger("Rejected", NULL, counters.rejected, es);
	for (int i = 0; i < counters.nsource; i++)
		ExplainPropertyInteger(counters.source[i].label, NULL,
							   counters.source[i].value, es);
}

void
explain_scan(ForeignScanState *node, ExplainState *es)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	FdwScan    *state = node->fdw_state;
	Relation	rel = node->ss.ss_currentRelation;
	ForeignTable *table = GetForeignTable(RelationGetRelid(rel));
	const SourceOps *ops = source_of_server(table->serverid);
	List	   *fields = decoded_fields(rel, ops, list_nth(plan->fdw_private, PLAN_ATTNUMS));

	explain_subject(ops, table->options, es);
	explain_consumer(ops, table, es);
	explain_pushdown(plan, es);
	if (fields != NIL || es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyList("Decoded Fields", fields, es);
	if (es->analyze && state->reader != NULL)
		explain_counters(state, es);
}
