/*-------------------------------------------------------------------------
 *
 * by_record.c
 *	  Do the rows of a stream's query come from one record each?
 *
 * The source stands in the FROM clause of the query, or of subqueries, views and
 * common table expressions there.  Nothing on the way to it may bring records
 * together (aggregates, DISTINCT, window functions), count them (LIMIT), or ask
 * whether there is any (an outer join of something else with the source).  If it sorts
 * them, that matters with key columns: the last row of a key counts.
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
	bool		sorts;			/* what was found on the way */
} Search;

static bool goes_by_record(Search *search, Query *query);

/* Does it keep the number and meaning of records? */
static bool
keeps_records(const Query *query)
{
	return !query->hasAggs && !query->hasWindowFuncs && query->groupClause == NIL &&
		query->groupingSets == NIL && query->havingQual == NULL &&
		query->distinctClause == NIL && query->setOperations == NULL &&
		query->limitCount == NULL && query->limitOffset == NULL;
}

/*
 * The expression of that name; NULL if it belongs to a query further out, or stands
 * there more than once: it may be joined with itself.
 */
static Query *
find_common_table(const Query *query, const RangeTblEntry *entry)
{
	ListCell   *lc;

	foreach(lc, query->cteList)
	{
		CommonTableExpr *expression = lfirst_node(CommonTableExpr, lc);

		if (entry->ctelevelsup == 0 && strcmp(expression->ctename, entry->ctename) == 0)
			return expression->cterecursive || expression->cterefcount > 1 ? NULL :
				castNode(Query, expression->ctequery);
	}
	return NULL;
}

/* Does this item of a FROM clause lead to the source, in such a way? */
static bool
leads_to_source(Search *search, Query *query, Node *item)
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
goes_by_record(Search *search, Query *query)
{
	ListCell   *lc;

	if (!keeps_records(query))
		return false;
	foreach(lc, query->jointree->fromlist)
	{
		if (leads_to_source(search, query, lfirst(lc)))
		{
			search->sorts |= query->sortClause != NIL;
			return true;
		}
	}
	return false;
}

ByRecord
query_goes_by_record(const Stream *stream, Oid source)
{
	Search		search = {source, false};
	Identity	identity;
	List	   *parsed;
	List	   *queries;

	if (stream->query == NULL)
		return BY_RECORD_YES;
	identity_assume(&identity, stream->ownerid);
	parsed = pg_parse_query(stream->query);
	/* with the views in it */
	queries = rewrite_fixedparams(linitial_node(RawStmt, parsed), stream->query);
	identity_restore(&identity);
	if (!goes_by_record(&search, linitial_node(Query, queries)))
		return BY_RECORD_NO;
	return search.sorts && stream->key_columns != NIL ? BY_RECORD_SORTED : BY_RECORD_YES;
}
