/*-------------------------------------------------------------------------
 *
 * citus.c
 *	  What streams have to know of Citus, if it is there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "stream/catalog.h"
#include "stream/citus.h"
#include "utils/lsyscache.h"

char *
citus_distribution_column(Oid relid)
{
	CatalogValue table = {ObjectIdGetDatum(relid), OIDOID, false};

	if (!OidIsValid(get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE)))
		return NULL;
	catalog_execute("SELECT pg_catalog.column_to_column_name(logicalrelid, partkey)"
					" FROM pg_catalog.pg_dist_partition"
					" WHERE logicalrelid = $1 AND partkey IS NOT NULL", &table, 1);
	return SPI_processed == 0 ? NULL : SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}
