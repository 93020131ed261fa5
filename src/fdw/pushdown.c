/*-------------------------------------------------------------------------
 *
 * pushdown.c
 *	  What WHERE says of whole bodies, evaluated before they are fetched.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "column.h"
#include "executor/executor.h"
#include "fdw/pushdown.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* A clause that says which values a column can have: column = value. */
typedef struct KnownValues
{
	AttrNumber	attnum;
	ExprState  *value;
	Oid			type;			/* of the value, or of its elements */
	bool		is_array;		/* column = ANY (value) */
} KnownValues;

struct Pushdown
{
	ReaderFilter filter;
	ExprState  *clauses;
	ExprContext *context;
	TupleTableSlot *slot;		/* the columns the clauses look at */
	List	   *known;			/* of KnownValues */
};

/* With more values than these, listing everything is no worse. */
#define MAX_KNOWN_VALUES 256

Bitmapset *
pushdown_columns(Relation relation, const SourceOps *ops)
{
	Bitmapset  *columns = NULL;
	ListCell   *lc;

	foreach(lc, columns_of(relation, ops, all_attnums(relation)))
	{
		Column	   *column = lfirst(lc);

		if (column_of_body(column))
			columns = bms_add_member(columns,
									 column->attnum - FirstLowInvalidHeapAttributeNumber);
	}
	return columns;
}

/*
 * A clause that may be evaluated early, and for bodies that hold no record: it
 * has no side effects worth the name, and reveals nothing that a security
 * barrier is to hide.
 */
static bool
can_push_down(RelOptInfo *rel, Bitmapset *body_columns, RestrictInfo *info)
{
	Bitmapset  *used = NULL;

	if (info->pseudoconstant || contain_volatile_functions((Node *) info->clause) ||
		contain_subplans((Node *) info->clause))
		return false;
	if (info->security_level > rel->baserestrict_min_security && !info->leakproof)
		return false;
	pull_varattnos((Node *) info->clause, rel->relid, &used);
	return used != NULL && bms_is_subset(used, body_columns);
}

List *
pushdown_clauses(RelOptInfo *rel, Bitmapset *body_columns, List *clauses)
{
	List	   *pushed = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);

		if (can_push_down(rel, body_columns, info))
			pushed = lappend(pushed, info);
	}
	return pushed;
}

/* Of ReaderFilter: evaluates the clauses on the columns that were filled in. */
static bool
body_is_wanted(void *arg)
{
	Pushdown   *pushdown = arg;
	bool		wanted;

	ExecClearTuple(pushdown->slot);
	ExecStoreVirtualTuple(pushdown->slot);
	pushdown->context->ecxt_scantuple = pushdown->slot;
	wanted = ExecQual(pushdown->clauses, pushdown->context);
	ResetExprContext(pushdown->context);
	return wanted;
}

/*
 * Is this operator equality to the letter, as texts of the values show it?
 */
static bool
is_equality(Oid operator, Oid collation)
{
	switch (get_opcode(operator))
	{
		case F_INT4EQ:
		case F_INT48EQ:
		case F_INT84EQ:
		case F_INT8EQ:
			return true;
		case F_TEXTEQ:
			return !OidIsValid(collation) || get_collation_isdeterministic(collation);
		default:
			return false;
	}
}

/* Takes "column = value" or "column = ANY (array)" apart, if it is that. */
static KnownValues *
known_values_of(Node *clause, Index relid, PlanState *parent)
{
	KnownValues *known = palloc0(sizeof(KnownValues));
	List	   *args;
	Node	   *column;
	Node	   *value;

	if (IsA(clause, OpExpr) &&
		is_equality(((OpExpr *) clause)->opno, ((OpExpr *) clause)->inputcollid))
		args = ((OpExpr *) clause)->args;
	else if (IsA(clause, ScalarArrayOpExpr) && ((ScalarArrayOpExpr *) clause)->useOr &&
			 is_equality(((ScalarArrayOpExpr *) clause)->opno,
						 ((ScalarArrayOpExpr *) clause)->inputcollid))
	{
		args = ((ScalarArrayOpExpr *) clause)->args;
		known->is_array = true;
	}
	else
		return NULL;

	column = linitial(args);
	value = lsecond(args);
	if (!IsA(column, Var) && !known->is_array)
	{
		column = lsecond(args);
		value = linitial(args);
	}
	if (!IsA(column, Var) || ((Var *) column)->varno != relid ||
		contain_var_clause(value))
		return NULL;
	known->attnum = ((Var *) column)->varattno;
	known->type = known->is_array ? get_base_element_type(exprType(value)) : exprType(value);
	known->value = ExecInitExpr((Expr *) value, parent);
	return known;
}

/* Adds the text of a value, once. */
static List *
add_text(List *texts, Datum value, Oid type)
{
	Oid			output;
	bool		varlena;
	char	   *text;
	ListCell   *lc;

	getTypeOutputInfo(type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	foreach(lc, texts)
		if (strcmp(lfirst(lc), text) == 0)
			return texts;
	return lappend(texts, text);
}

static List *
texts_of_array(Datum array, Oid type)
{
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	List	   *texts = NIL;

	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(array), type, len, byval, align,
					  &elements, &nulls, &n);
	for (int i = 0; i < n && list_length(texts) <= MAX_KNOWN_VALUES; i++)
		if (!nulls[i])
			texts = add_text(texts, elements[i], type);
	return texts;
}

/* Of ReaderFilter. */
static bool
values_are_known(void *arg, const Column *column, List **values)
{
	Pushdown   *pushdown = arg;
	ListCell   *lc;

	foreach(lc, pushdown->known)
	{
		KnownValues *known = lfirst(lc);
		Datum		value;
		bool		isnull;

		if (known->attnum != column->attnum)
			continue;

		/* the value is copied as text before the context is reset again */
		ResetExprContext(pushdown->context);
		value = ExecEvalExprSwitchContext(known->value, pushdown->context, &isnull);
		if (isnull)
			*values = NIL;		/* and the clause is true of nothing */
		else if (known->is_array)
			*values = texts_of_array(value, known->type);
		else
			*values = add_text(NIL, value, known->type);
		return list_length(*values) <= MAX_KNOWN_VALUES;
	}
	return false;
}

void
pushdown_begin(ForeignScanState *node, Reader *reader, List *clauses)
{
	Pushdown   *pushdown = palloc0(sizeof(Pushdown));
	Relation	relation = node->ss.ss_currentRelation;
	Index		relid = ((Scan *) node->ss.ps.plan)->scanrelid;
	TupleTableSlot *slot;
	Bitmapset  *used = NULL;
	List	   *attnums = NIL;
	int			member = -1;
	ListCell   *lc;

	pushdown->clauses = ExecInitQual(clauses, &node->ss.ps);
	pushdown->context = CreateExprContext(node->ss.ps.state);
	slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)),
									&TTSOpsVirtual);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	pushdown->slot = slot;
	foreach(lc, clauses)
	{
		KnownValues *known = known_values_of(lfirst(lc), relid, &node->ss.ps);

		if (known != NULL)
			pushdown->known = lappend(pushdown->known, known);
	}

	pull_varattnos((Node *) clauses, relid, &used);
	while ((member = bms_next_member(used, member)) >= 0)
		attnums = lappend_int(attnums, member + FirstLowInvalidHeapAttributeNumber);
	pushdown->filter.columns = columns_of(relation, reader_ops(reader), attnums);
	pushdown->filter.values = slot->tts_values;
	pushdown->filter.nulls = slot->tts_isnull;
	pushdown->filter.wants = body_is_wanted;
	pushdown->filter.known = values_are_known;
	pushdown->filter.arg = pushdown;
	reader_filter(reader, &pushdown->filter);
}
