/*-------------------------------------------------------------------------
 *
 * by_record.c
 *	  Do the rows of a stream's query come from one record each?
 *
 * The source stands in the FROM clause of the query, or of subqueries, views and
 * common table expressions there.  Nothing on the way to it may bring records
 * together (aggregates, DISTINCT, window functions), count them (LIMIT), or ask
 * whether there is any (an outer join of something else with the source).  With key
 * columns, nothing may sort them either: the last row of a key counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "pg_compat.h"
#include "stream/by_record.h"
#include "stream/identity.h"
#include "tcop/tcopprot.h"

typedef struct Search
{
	Oid			source;
	bool		sorting_matters;
} Search;

static bool goes_by_record(const Search *search, Query *query);

/* Does it keep the number, order and meaning of records? */
static bool
keeps_records(const Search *search, const Query *query)
{
	return !query->hasAggs && !query->hasWindowFuncs && query->groupClause == NIL &&
		query->groupingSets == NIL && query->havingQual == NULL &&
		query->distinctClause == NIL && query->setOperations == NULL &&
		query->limitCount == NULL && query->limitOffset == NULL &&
		!(search->sorting_matters && query->sortClause != NIL);
}

/* The expression of that name; NULL if it belongs to a query further out. */
static Query *
find_common_table(const Query *query, const RangeTblEntry *entry)
{
	ListCell   *lc;

	foreach(lc, query->cteList)
	{
		CommonTableExpr *expression = lfirst_node(CommonTableExpr, lc);

		if (entry->ctelevelsup == 0 && strcmp(expression->ctename, entry->ctename) == 0)
			return expression->cterecursive ? NULL : castNode(Query, expression->ctequery);
	}
	return NULL;
}

/* Does this item of a FROM clause lead to the source, in such a way? */
static bool
leads_to_source(const Search *search, Query *query, Node *item)
{
	RangeTblEntry *entry;
	JoinExpr   *join;
	Query	   *table;

	if (IsA(item, JoinExpr))
	{
		join = (JoinExpr *) item;
		return (join->jointype != JOIN_RIGHT && join->jointype != JOIN_FULL &&
				leads_to_source(search, query, join->larg)) ||
			((join->jointype == JOIN_RIGHT || join->jointype == JOIN_INNER) &&
			 leads_to_source(search, query, join->rarg));
	}
	entry = rt_fetch(castNode(RangeTblRef, item)->rtindex, query->rtable);
	switch (entry->rtekind)
	{
		case RTE_RELATION:
			return entry->relid == search->source;
		case RTE_SUBQUERY:
			return goes_by_record(search, entry->subquery);
		case RTE_CTE:
			table = find_common_table(query, entry);
			return table != NULL && goes_by_record(search, table);
		default:
			return false;
	}
}

static bool
goes_by_record(const Search *search, Query *query)
{
	ListCell   *lc;

	if (!keeps_records(search, query))
		return false;
	foreach(lc, query->jointree->fromlist)
		if (leads_to_source(search, query, lfirst(lc)))
			return true;
	return false;
}

bool
query_goes_by_record(const Stream *stream, Oid source)
{
	Search		search = {source, stream->key_columns != NIL};
	Identity	identity;
	List	   *parsed;
	List	   *queries;

	if (stream->query == NULL)
		return true;
	identity_assume(&identity, stream->ownerid);
	parsed = pg_parse_query(stream->query);
	/* with the views in it */
	queries = rewrite_fixedparams(linitial_node(RawStmt, parsed), stream->query);
	identity_restore(&identity);
	return goes_by_record(&search, linitial_node(Query, queries));
}
