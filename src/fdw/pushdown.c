/*-------------------------------------------------------------------------
 *
 * pushdown.c
 *	  What WHERE says of whole splits, and of ranges of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "column.h"
#include "executor/executor.h"
#include "fdw/pushdown.h"
#include "fdw/ranges.h"
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

typedef struct Pushdown
{
	ReaderFilter filter;
	ExprState  *clauses;		/* on whole splits */
	List	   *ranges;			/* of RangeClause */
	ExprContext *context;
	TupleTableSlot *slot;		/* the columns the clauses look at */
	List	   *known;			/* of KnownValues */
} Pushdown;

/* With more values than these, listing everything is no worse. */
#define MAX_KNOWN_VALUES 256

/*
 * May a clause be evaluated early, and for splits that hold no record?  It has
 * no side effects worth the name, and reveals nothing that a security barrier
 * is to hide.
 */
static bool
may_be_early(RelOptInfo *rel, RestrictInfo *info)
{
	if (info->pseudoconstant || contain_volatile_functions((Node *) info->clause) ||
		contain_subplans((Node *) info->clause))
		return false;
	return info->security_level <= rel->baserestrict_min_security || info->leakproof;
}

List *
pushdown_clauses(RelOptInfo *rel, List *columns, List *clauses)
{
	List	   *pushed = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, lc);
		Node	   *clause = (Node *) info->clause;

		if (may_be_early(rel, info) &&
			(clause_is_of_split(clause, rel->relid, columns) ||
			 range_clause_of(clause, rel->relid, columns) != NULL))
			pushed = lappend(pushed, info);
	}
	return pushed;
}

/* Of ReaderFilter: evaluates the clauses on the columns that were filled in. */
static bool
split_is_wanted(void *arg)
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

/* Of ReaderFilter: the same columns are still filled in. */
static List *
ranges_of_split(void *arg, const SourceMetadata *metadata)
{
	Pushdown   *pushdown = arg;
	List	   *values = ranges_all();
	ListCell   *lc;

	foreach(lc, pushdown->ranges)
		values = ranges_intersect(metadata->type, values,
								 range_clause_values(lfirst(lc), metadata,
													 pushdown->context));
	return values;
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

/* Keeps a clause in the way it is asked. */
static void
add_clause(Pushdown *pushdown, Node *clause, Index relid, List *columns,
		   PlanState *parent, List **of_split)
{
	RangeClause *range;
	KnownValues *known;

	if (!clause_is_of_split(clause, relid, columns))
	{
		range = range_clause_of(clause, relid, columns);
		range_clause_init(range, parent);
		pushdown->ranges = lappend(pushdown->ranges, range);
		return;
	}
	*of_split = lappend(*of_split, clause);
	known = known_values_of(clause, relid, parent);
	if (known != NULL)
		pushdown->known = lappend(pushdown->known, known);
}

/* Those of the columns that are of the split and that the clauses look at. */
static List *
used_columns(List *columns, List *clauses, Index relid)
{
	List	   *used = NIL;
	Bitmapset  *attrs = NULL;
	ListCell   *lc;

	pull_varattnos((Node *) clauses, relid, &attrs);
	foreach(lc, columns)
	{
		Column	   *column = lfirst(lc);

		if (column_of_split(column) &&
			bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, attrs))
			used = lappend(used, column);
	}
	return used;
}

void
pushdown_begin(ForeignScanState *node, Reader *reader, List *clauses)
{
	Pushdown   *pushdown = palloc0(sizeof(Pushdown));
	Relation	relation = node->ss.ss_currentRelation;
	Index		relid = ((Scan *) node->ss.ps.plan)->scanrelid;
	List	   *columns = columns_of(relation, reader_ops(reader), all_attnums(relation));
	TupleTableSlot *slot;
	List	   *of_split = NIL;
	ListCell   *lc;

	foreach(lc, clauses)
		add_clause(pushdown, lfirst(lc), relid, columns, &node->ss.ps, &of_split);
	pushdown->clauses = ExecInitQual(of_split, &node->ss.ps);
	pushdown->context = CreateExprContext(node->ss.ps.state);
	slot = MakeSingleTupleTableSlot(CreateTupleDescCopy(RelationGetDescr(relation)),
									&TTSOpsVirtual);
	memset(slot->tts_isnull, true, slot->tts_tupleDescriptor->natts);
	pushdown->slot = slot;
	pushdown->filter.columns = used_columns(columns, clauses, relid);
	pushdown->filter.values = slot->tts_values;
	pushdown->filter.nulls = slot->tts_isnull;
	pushdown->filter.wants = split_is_wanted;
	pushdown->filter.ranges = ranges_of_split;
	pushdown->filter.has_ranges = pushdown->ranges != NIL;
	pushdown->filter.known = values_are_known;
	pushdown->filter.arg = pushdown;
	reader_filter(reader, &pushdown->filter);
}
