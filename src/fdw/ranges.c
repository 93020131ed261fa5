/*-------------------------------------------------------------------------
 *
 * ranges.c
 *	  What WHERE says of ordered metadata: offsets, times, sequence numbers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "column.h"
#include "commands/defrem.h"
#include "executor/executor.h"
#include "fdw/ranges.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

typedef enum RangeClauseKind
{
	CLAUSE_AND,
	CLAUSE_OR,
	CLAUSE_SPLIT,				/* looks at nothing but columns of the split */
	CLAUSE_COMPARE,				/* column OPERATOR value, or ANY or ALL values */
	CLAUSE_OTHER				/* confines nothing */
} RangeClauseKind;

struct RangeClause
{
	RangeClauseKind kind;
	List	   *arms;			/* CLAUSE_AND, CLAUSE_OR: of RangeClause */
	Node	   *expression;		/* CLAUSE_SPLIT: it; CLAUSE_COMPARE: the value */
	ExprState  *state;			/* of the expression */

	/* CLAUSE_COMPARE */
	const SourceMetadata *metadata;
	StrategyNumber strategy;
	Oid			type;			/* of the value, or of its elements */
	bool		is_array;
	bool		any;			/* of the elements, rather than all */
};

static const Column *
find_column(List *columns, AttrNumber attnum)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		const Column *column = lfirst(lc);

		if (column->attnum == attnum)
			return column;
	}
	return NULL;
}

/*
 * Does the column show an ordered item in such a way that comparing one is
 * comparing the other?
 */
static bool
shows_ordered_item(const Column *column)
{
	if (column == NULL || column->kind != COLUMN_METADATA || !column->metadata->ordered)
		return false;
	if (column->metadata->type == INT8OID)
		return column->typid == INT8OID || column->typid == INT4OID ||
			column->typid == INT2OID;
	return column->typid == column->metadata->type && column->typmod < 0;
}

/* May a value of this type stand where the item's type is? */
static bool
is_convertible(Oid from, Oid to)
{
	switch (to)
	{
		case INT8OID:
			return from == INT8OID || from == INT4OID || from == INT2OID;
		case TIMESTAMPTZOID:
			return from == TIMESTAMPTZOID || from == TIMESTAMPOID || from == DATEOID;
		default:
			return from == to;
	}
}

/* The value in the item's type, as the operators between the types take it. */
static Datum
convert_value(Datum value, Oid from, Oid to)
{
	int			overflow;

	switch (from)
	{
		case INT2OID:
			return Int64GetDatum(DatumGetInt16(value));
		case INT4OID:
			return Int64GetDatum(DatumGetInt32(value));
		case DATEOID:
			return TimestampTzGetDatum(date2timestamptz_opt_overflow(DatumGetDateADT(value),
																	 &overflow));
		case TIMESTAMPOID:
			return TimestampTzGetDatum(timestamp2timestamptz_opt_overflow(DatumGetTimestamp(value),
																		  &overflow));
		default:
			return value;
	}
}

static StrategyNumber
strategy_of(Oid operator, Oid type)
{
	Oid			family = get_opclass_family(GetDefaultOpClass(type, BTREE_AM_OID));

	return OidIsValid(operator) ? get_op_opfamily_strategy(operator, family) : InvalidStrategy;
}

static bool
is_column_of(Node *node, Index relid)
{
	return IsA(node, Var) && ((Var *) node)->varno == relid;
}

/* A comparison of a column with something that is known before the scan. */
static RangeClause *
take_comparison(Oid operator, List *args, bool is_array, bool any, Index relid,
				List *columns)
{
	RangeClause *clause;
	Node	   *variable = linitial(args);
	Node	   *value = lsecond(args);
	const Column *column;
	Bitmapset  *used = NULL;

	if (!is_column_of(variable, relid) && !is_array)
	{
		variable = lsecond(args);
		value = linitial(args);
		operator = get_commutator(operator);
	}
	if (!is_column_of(variable, relid))
		return NULL;
	pull_varattnos(value, relid, &used);
	if (used != NULL)
		return NULL;
	column = find_column(columns, ((Var *) variable)->varattno);
	if (!shows_ordered_item(column))
		return NULL;

	clause = palloc0(sizeof(RangeClause));
	clause->kind = CLAUSE_COMPARE;
	clause->metadata = column->metadata;
	clause->strategy = strategy_of(operator, column->metadata->type);
	clause->type = is_array ? get_base_element_type(exprType(value)) : exprType(value);
	clause->expression = value;
	clause->is_array = is_array;
	clause->any = any;
	if (clause->strategy == InvalidStrategy ||
		!is_convertible(clause->type, column->metadata->type))
		return NULL;
	return clause;
}

bool
clause_is_of_split(Node *clause, Index relid, List *columns)
{
	Bitmapset  *used = NULL;
	int			member = -1;

	pull_varattnos(clause, relid, &used);
	while ((member = bms_next_member(used, member)) >= 0)
	{
		const Column *column = find_column(columns, member + FirstLowInvalidHeapAttributeNumber);

		if (column == NULL || !column_of_split(column))
			return false;
	}
	return used != NULL;
}

static RangeClause *
make_clause(RangeClauseKind kind, Node *expression)
{
	RangeClause *clause = palloc0(sizeof(RangeClause));

	clause->kind = kind;
	clause->expression = expression;
	return clause;
}

static RangeClause *
take_apart(Node *node, Index relid, List *columns)
{
	RangeClause *clause = NULL;

	check_stack_depth();
	if (clause_is_of_split(node, relid, columns))
		return make_clause(CLAUSE_SPLIT, node);
	if (is_andclause(node) || is_orclause(node))
	{
		ListCell   *lc;

		clause = make_clause(is_andclause(node) ? CLAUSE_AND : CLAUSE_OR, NULL);
		foreach(lc, ((BoolExpr *) node)->args)
			clause->arms = lappend(clause->arms, take_apart(lfirst(lc), relid, columns));
	}
	else if (IsA(node, OpExpr) && list_length(((OpExpr *) node)->args) == 2)
		clause = take_comparison(((OpExpr *) node)->opno, ((OpExpr *) node)->args,
								 false, false, relid, columns);
	else if (IsA(node, ScalarArrayOpExpr))
		clause = take_comparison(((ScalarArrayOpExpr *) node)->opno,
								 ((ScalarArrayOpExpr *) node)->args, true,
								 ((ScalarArrayOpExpr *) node)->useOr, relid, columns);
	return clause != NULL ? clause : make_clause(CLAUSE_OTHER, NULL);
}

/* Can it be false for what a split is asked about? */
static bool
confines(const RangeClause *clause)
{
	bool		all = true;
	bool		any = false;
	ListCell   *lc;

	foreach(lc, clause->arms)
	{
		bool		arm = confines(lfirst(lc));

		all = all && arm;
		any = any || arm;
	}
	switch (clause->kind)
	{
		case CLAUSE_AND:
			return any;
		case CLAUSE_OR:
			return all;
		case CLAUSE_OTHER:
			return false;
		default:
			return true;
	}
}

RangeClause *
range_clause_of(Node *clause, Index relid, List *columns)
{
	RangeClause *taken = take_apart(clause, relid, columns);

	return confines(taken) ? taken : NULL;
}

void
range_clause_init(RangeClause *clause, PlanState *parent)
{
	ListCell   *lc;

	foreach(lc, clause->arms)
		range_clause_init(lfirst(lc), parent);
	if (clause->expression != NULL)
		clause->state = ExecInitExpr((Expr *) clause->expression, parent);
}

/*
 * Values
 */

/* The union, or else the intersection, of the sets from first to before end. */
static List *
combine(Oid type, bool unite, List *const *sets, int first, int end)
{
	int			middle = first + (end - first) / 2;
	List	   *a;
	List	   *b;

	if (end - first == 1)
		return sets[first];
	a = combine(type, unite, sets, first, middle);
	b = combine(type, unite, sets, middle, end);
	return unite ? ranges_union(type, a, b) : ranges_intersect(type, a, b);
}

static List *
values_of_array(const RangeClause *clause, Datum array)
{
	Oid			type = clause->metadata->type;
	int16		len;
	bool		byval;
	char		align;
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	List	  **sets;

	get_typlenbyvalalign(clause->type, &len, &byval, &align);
	deconstruct_array(DatumGetArrayTypeP(array), clause->type, len, byval, align,
					  &elements, &nulls, &n);
	if (n == 0)
		return clause->any ? NIL : ranges_all();
	sets = palloc(sizeof(List *) * n);
	for (int i = 0; i < n; i++)
		sets[i] = nulls[i] ? NIL :
			ranges_compare(type, clause->strategy,
						  convert_value(elements[i], clause->type, type));
	return combine(type, clause->any, sets, 0, n);
}

static List *
values_of_comparison(RangeClause *clause, ExprContext *context)
{
	bool		isnull;
	Datum		value = ExecEvalExpr(clause->state, context, &isnull);

	if (isnull)
		return NIL;				/* it is true of nothing */
	if (clause->is_array)
		return values_of_array(clause, value);
	return ranges_compare(clause->metadata->type, clause->strategy,
						 convert_value(value, clause->type, clause->metadata->type));
}

static List *
values_of_arms(RangeClause *clause, const SourceMetadata *metadata, ExprContext *context)
{
	int			n = list_length(clause->arms);
	List	  **sets = palloc(sizeof(List *) * n);

	for (int i = 0; i < n; i++)
		sets[i] = range_clause_values(list_nth(clause->arms, i), metadata, context);
	return combine(metadata->type, clause->kind == CLAUSE_OR, sets, 0, n);
}

List *
range_clause_values(RangeClause *clause, const SourceMetadata *metadata,
					ExprContext *context)
{
	bool		isnull;
	Datum		result;

	switch (clause->kind)
	{
		case CLAUSE_AND:
		case CLAUSE_OR:
			return values_of_arms(clause, metadata, context);
		case CLAUSE_SPLIT:
			result = ExecEvalExpr(clause->state, context, &isnull);
			return !isnull && DatumGetBool(result) ? ranges_all() : NIL;
		case CLAUSE_COMPARE:
			if (clause->metadata == metadata)
				return values_of_comparison(clause, context);
			return ranges_all();
		default:
			return ranges_all();
	}
}
