-- EXPLAIN shows location and decoded fields, and with ANALYZE what was done; it
-- touches nothing of the source, and shows no secret.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

\pset format unaligned
\pset tuples_only on
CALL folder.put('explain/a.json', E'{"i":1,"t":"one"}\n{"i":2,"t":"two"}\n{"i":\n');
CALL folder.put('explain/b.json', E'{"i":3,"t":"three"}\n');
CALL folder.make_table('explained', $$i int, t text, deep int OPTIONS (field '/deep/0'), same int OPTIONS (field 'i'),
    line int OPTIONS (metadata 'line'), year int OPTIONS (hive_key 'year')$$, 'explain/*.json',
    $$on_error 'ignore', log_verbosity 'silent'$$);

-- Only what is used is decoded: in the target list, in WHERE, in a join
SELECT folder.plan('EXPLAIN (COSTS off) SELECT i FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off) SELECT deep FROM explained WHERE t <> '''' ORDER BY i');
SELECT folder.plan('EXPLAIN (COSTS off) SELECT * FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off) SELECT explained FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off) SELECT count(*) FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off) SELECT line, year FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off) SELECT i, same FROM explained');
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SELECT folder.plan('EXPLAIN (COSTS off) SELECT a.t FROM explained a JOIN explained b ON a.i = b.deep');

-- Formats
SELECT folder.plan('EXPLAIN (COSTS off, VERBOSE) SELECT i FROM explained WHERE t = ''one''');
SELECT folder.plan('EXPLAIN (COSTS off, FORMAT json) SELECT i, deep FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off, FORMAT yaml) SELECT i, deep FROM explained');
SELECT folder.plan('EXPLAIN (COSTS off, FORMAT xml) SELECT count(*) FROM explained') LIKE '%<Decoded-Fields>%';

-- ANALYZE: what was done; a scan that starts over adds up
CREATE FUNCTION folder.analyzed(query text) RETURNS SETOF text LANGUAGE sql AS
    'SELECT folder.plan(''EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) '' || query)';
SELECT folder.analyzed('SELECT i FROM explained');
SELECT folder.analyzed('SELECT i FROM explained LIMIT 0');
SELECT folder.analyzed('SELECT count(*) FROM generate_series(1, 2) n, LATERAL (SELECT i + n FROM explained OFFSET 0) l');
SELECT p #> '{0,Plan}' ->> 'Records' AS records, p #> '{0,Plan}' ->> 'Rejected' AS rejected, p #> '{0,Plan}' ->> 'Objects' AS objects
    FROM (SELECT string_agg(line, '')::json FROM
        folder.plan('EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM explained') AS f(line)) AS t(p);
-- counters are numbers
SELECT json_typeof(p #> '{0,Plan}' -> 'Records')
    FROM (SELECT string_agg(line, '')::json FROM
        folder.plan('EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM explained') AS f(line)) AS t(p);

-- Parameters, and plans for parameters nobody has given yet
PREPARE explained AS SELECT i FROM explained WHERE i = $1;
SET plan_cache_mode = force_generic_plan;
SELECT folder.plan('EXPLAIN (COSTS off) EXECUTE explained(1)');

-- Nothing is touched: no such folder, no such host, no keys
CREATE FOREIGN TABLE nowhere (i int) SERVER folder_server OPTIONS (location 'file:///no/such/folder/');
EXPLAIN (COSTS off) SELECT * FROM nowhere;
SELECT * FROM folder.failure('EXPLAIN ANALYZE SELECT * FROM nowhere');
CREATE SERVER explain_server FOREIGN DATA WRAPPER s3_json OPTIONS (endpoint 'http://no.such.host.invalid');
CREATE FOREIGN TABLE elsewhere (i int) SERVER explain_server OPTIONS (location 's3://bucket/prefix/*.json');
EXPLAIN (COSTS off) SELECT * FROM elsewhere;
CREATE USER MAPPING FOR CURRENT_USER SERVER explain_server
    OPTIONS (access_key_id 'AKID', secret_access_key 'hush-hush', session_token 'hush-hush');
SELECT count(*) > 10 AS lines, bool_or(line ~ 'hush|AKID') AS secrets
    FROM folder.plan('EXPLAIN (VERBOSE, FORMAT json) SELECT * FROM elsewhere') AS f(line);
-- costs: more columns cost more, and a LIMIT pays for itself
CREATE FUNCTION folder.cost(query text) RETURNS float8 LANGUAGE plpgsql AS
$$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
    RETURN plan #> '{0,Plan}' ->> 'Total Cost';
END
$$;
SELECT folder.cost('SELECT * FROM explained') > folder.cost('SELECT i FROM explained'),
    folder.cost('SELECT i FROM explained LIMIT 1') < folder.cost('SELECT i FROM explained') / 2;
\pset tuples_only off
\pset format aligned

SET client_min_messages = warning;
DROP SERVER explain_server CASCADE;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
