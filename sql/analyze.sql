-- ANALYZE: the number of rows, statistics of columns, and what the planner makes of it.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

-- The rows the planner expects
CREATE FUNCTION expected(query text) RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan->0->'Plan'->>'Plan Rows';
END
$$;
CREATE FUNCTION statistics(of text) RETURNS TABLE (rows real, has_pages boolean) LANGUAGE sql AS
    'SELECT reltuples, relpages > 0 FROM pg_class WHERE oid = of::regclass';

SELECT string_agg(format('{"i":%s,"parity":"%s","none":null}', n, CASE WHEN n % 4 = 0 THEN 'even' ELSE 'odd' END), E'\n') AS lines
    FROM generate_series(1, 500) n \gset
CALL folder.put('analyze/a.json', :'lines');
CALL folder.put('analyze/b.json', :'lines');
CALL folder.put('analyze/c.json', '');
CALL folder.make_table('analyzed', 'i int, parity text, "none" text, path text OPTIONS (metadata ''path'')', 'analyze/');

-- Before, the default; and what the table says
SELECT expected('SELECT * FROM analyzed');
ALTER FOREIGN TABLE analyzed OPTIONS (ADD estimated_rows '123456');
SELECT expected('SELECT * FROM analyzed');
SELECT * FROM folder.failure('ALTER FOREIGN TABLE analyzed OPTIONS (SET estimated_rows ''0'')');

ANALYZE analyzed;
SELECT * FROM statistics('analyzed');
SELECT expected('SELECT * FROM analyzed');
SELECT expected('SELECT * FROM analyzed WHERE parity = ''even''');
SELECT expected('SELECT * FROM analyzed WHERE i <= 50') BETWEEN 80 AND 120 AS about_100;
SELECT attname, null_frac, n_distinct, most_common_vals FROM pg_stats
    WHERE tablename = 'analyzed' AND attname IN ('none', 'parity') ORDER BY attname COLLATE "C";

-- Columns by name; a sample smaller than the table
SET default_statistics_target = 1;
ANALYZE analyzed (i);
SELECT * FROM statistics('analyzed');
SELECT array_length(histogram_bounds::text::int[], 1) FROM pg_stats WHERE tablename = 'analyzed' AND attname = 'i';
RESET default_statistics_target;

-- Compressed, and one object a record
CALL folder.shell('mkdir zipped && gzip < analyze/a.json > zipped/a.gz && gzip < analyze/b.json > zipped/b.gz');
CALL folder.make_table('zipped', 'i int', 'zipped/');
ANALYZE zipped;
SELECT * FROM statistics('zipped');
CALL folder.shell('mkdir single && for n in $(seq 4000); do echo "{\"i\":1}" > single/$n.json; done');
CALL folder.make_table('single', 'i int', 'single/');
ANALYZE single;
SELECT * FROM statistics('single');

-- Nothing there, and dropped columns
CALL folder.shell('mkdir empty');
CALL folder.make_table('empty', 'a int, b int', 'empty/');
SET client_min_messages = warning;
ANALYZE empty;
RESET client_min_messages;
SELECT * FROM statistics('empty');
SELECT expected('SELECT * FROM empty');
ALTER FOREIGN TABLE analyzed DROP COLUMN parity;
ANALYZE analyzed;
SELECT * FROM statistics('analyzed');

-- Bad records: as the table says
CALL folder.put('bad/a.json', E'{"i":1}\n{"i":\n{"i":3}\n');
CALL folder.make_table('bad', 'i int', 'bad/');
SELECT * FROM folder.failure('ANALYZE bad');
ALTER FOREIGN TABLE bad OPTIONS (ADD on_error 'ignore');
ANALYZE bad;
SELECT * FROM statistics('bad');

-- Children of a table, and two tables at once
CREATE TABLE parent (i int);
ALTER FOREIGN TABLE zipped INHERIT parent;
ALTER FOREIGN TABLE single INHERIT parent;
ANALYZE parent;
SELECT inherited, null_frac FROM pg_stats WHERE tablename = 'parent';
ALTER FOREIGN TABLE zipped NO INHERIT parent;
ALTER FOREIGN TABLE single NO INHERIT parent;
DROP TABLE parent;
ANALYZE zipped, single;

-- After an error, on
SELECT * FROM folder.failure('ANALYZE single, no_table');
ANALYZE single;

DROP FUNCTION expected, statistics;
CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
