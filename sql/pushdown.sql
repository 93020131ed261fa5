-- Clauses on what is known of a whole object decide which objects are read, and
-- never change a result: a plain copy of the rows answers alike.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

DO $$
DECLARE
    content text;
BEGIN
    FOR part IN 0..2 LOOP
        FOR start IN 0..3 LOOP
            content := '';
            FOR i IN 0..start % 3 LOOP
                content := content || format(E'{"n":%s}\n', part * 100 + start * 3 + i);
            END LOOP;
            CALL folder.put(format('topics/t/partition=%s/kind=%s/t+%s+%s.json',
                part, substr('abc', 1 + start % 3, 1), part, lpad((start * 3)::text, 10, '0')), content);
        END LOOP;
    END LOOP;
    CALL folder.put('topics/t/partition=x/t+9+0000000000.json', '{"n":900}');
END
$$;
CALL folder.make_table('pushed', $$n int, path text OPTIONS (metadata 'path'), size bigint OPTIONS (metadata 'size'),
    changed timestamptz OPTIONS (metadata 'last_modified'), topic text OPTIONS (metadata 'topic'),
    part int OPTIONS (metadata 'partition'), "offset" bigint OPTIONS (metadata 'offset'),
    part_text text OPTIONS (hive_key 'partition'), kind text OPTIONS (hive_key 'kind'),
    line int OPTIONS (metadata 'line')$$, 'topics/', $$layout 'sink'$$);
CREATE TABLE plain AS SELECT * FROM pushed;
SELECT count(*), count(DISTINCT path) FROM plain;

-- What is pushed down, and how many objects are left
CREATE FUNCTION folder.pushed(condition text, OUT pushed text, OUT objects text, OUT filtered text, OUT same boolean)
    LANGUAGE plpgsql AS
$$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM pushed WHERE ' || condition INTO plan;
    pushed := folder.mask(plan #> '{0,Plan}' ->> 'Pushed Down');
    objects := plan #> '{0,Plan}' ->> 'Objects';
    filtered := plan #> '{0,Plan}' ->> 'Objects Filtered';
    EXECUTE format('WITH one AS (SELECT * FROM pushed WHERE %1$s), two AS (SELECT * FROM plain WHERE %1$s)
        SELECT NOT EXISTS (TABLE one EXCEPT ALL TABLE two) AND NOT EXISTS (TABLE two EXCEPT ALL TABLE one)', condition)
        INTO same;
END
$$;
SELECT condition, p.* FROM unnest(ARRAY[
    'true', 'part = 1', 'part IN (0, 2) AND kind = ''a''', 'part = 1 OR kind = ''b''', 'part BETWEEN 1 AND 5',
    'part_text = ''x''', 'part_text <> ''x''', 'kind IS NULL', 'size < 10', 'size % 10 = 0', 'path LIKE ''%+1+%6.json''',
    'changed > now() - interval ''1 day''', 'changed < ''2000-01-01''', 'topic = ''t'' AND n > 200',
    'NOT (part = 1)', 'part + 1 = 2', 'length(path) > 5 AND line = 2',
    'part = 1 AND part = 2', 'n = 101', '"offset" = 4', 'part = n - 100', 'part IS NOT NULL AND random() < 2']) AS condition,
    LATERAL folder.pushed(condition) AS p;

-- Parameters, joins, sub-queries: evaluated anew for each rescan
SET plan_cache_mode = force_generic_plan;
PREPARE by_part(int) AS SELECT count(*) FROM pushed WHERE part = $1;
EXECUTE by_part(0);
EXECUTE by_part(2);
EXECUTE by_part(7);
EXECUTE by_part(NULL);
CREATE TABLE wanted AS SELECT * FROM (VALUES (1, 'a'), (2, 'c'), (5, 'a'), (NULL, 'b')) v(part, kind);
ANALYZE wanted;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
-- the two sides of an equality change places from release to release
SELECT regexp_replace(line, '(Filter|Pushed Down): .* AND .*', '\1: part and kind') AS plan FROM
    folder.plan('EXPLAIN (COSTS off) SELECT * FROM wanted JOIN pushed USING (part, kind)') AS f(line);
SELECT w.part, w.kind, n FROM wanted w JOIN pushed p ON p.part = w.part AND p.kind = w.kind ORDER BY n;
SELECT w.part, w.kind, n FROM wanted w JOIN plain p ON p.part = w.part AND p.kind = w.kind ORDER BY n;
SELECT w.part, (SELECT sum(n) FROM pushed p WHERE p.part = w.part) FROM wanted w ORDER BY 1;
SELECT w.part, w.kind, n FROM wanted w LEFT JOIN pushed p ON p.part = w.part AND p.kind = w.kind AND p.line = 1 ORDER BY 1, 2, 3;

-- What is known of the path, or of the folder that the location has a wildcard
-- for, narrows the listing itself
CALL folder.make_table('listed', $$n int, path text OPTIONS (metadata 'path'), part text OPTIONS (hive_key 'partition')$$,
    'topics/t/partition=*/');
CREATE FUNCTION folder.listed(condition text, OUT objects text, OUT filtered text, OUT folders text, OUT rows text)
    LANGUAGE plpgsql AS
$$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) SELECT * FROM listed WHERE ' || condition INTO plan;
    objects := plan #> '{0,Plan}' ->> 'Objects';
    filtered := plan #> '{0,Plan}' ->> 'Objects Filtered';
    folders := plan #> '{0,Plan}' ->> 'List Requests';
    EXECUTE 'SELECT string_agg(n::text, '' '' ORDER BY n) FROM listed WHERE ' || condition INTO rows;
END
$$;
CREATE TABLE paths AS SELECT n, path FROM listed;
SELECT condition, l.* FROM unnest(ARRAY[
    'true', 'part = ''1''', '''1'' = part', 'part = ANY (''{0,2,2,none,NULL}'')', 'part IN (''0'', ''x'') AND path LIKE ''%9.json''',
    'part = ''1'' AND part = ''2''', 'part = ''1'' OR part = ''2''', 'part = NULL::text', 'part = ''../t/partition=1''',
    'part = (SELECT ''2''::text)', 'path = (SELECT path FROM paths WHERE n = 101)',
    'path = ANY (ARRAY(SELECT path FROM paths WHERE n IN (0, 104, 900)))', 'path = ''file:///etc/passwd''',
    'path = ''s3://bucket/key''', 'path = (SELECT replace(path, ''topics/'', ''topics//'') FROM paths WHERE n = 3)',
    'path = (SELECT replace(path, ''t/part'', ''t/../t/part'') FROM paths WHERE n = 3)',
    'path = (SELECT replace(path, ''n=0/'', ''n=0/./'') FROM paths WHERE n = 3)', 'path = (SELECT rtrim(path, ''.json'') FROM paths LIMIT 1)', 'n = 3 AND part = ''0''',
    'part = ANY (ARRAY(SELECT i::text FROM generate_series(1, 1000) i))']) AS condition, LATERAL folder.listed(condition) AS l;
SELECT p.n, (SELECT count(*) FROM listed l WHERE l.path = p.path) FROM paths p ORDER BY 1 LIMIT 3;

-- So do topics and partitions, when the location says in which folders they are
DO $$
BEGIN
    FOR part IN 0..11 LOOP
        CALL folder.put(format('sink/a.%s/partition=%s/a.%1$s+%2$s+0000000000.json', part % 3, part), format('{"n":%s}', part));
    END LOOP;
    -- no sink put these there
    CALL folder.put('sink/a.1/partition=1/a.1+7+0000000000.json', '{"n":91}');
    CALL folder.put('sink/a.1/partition=x/a.1+7+0000000000.json', '{"n":92}');
    CALL folder.put('sink/a.1/partition=07/a.1+7+0000000000.json', '{"n":93}');
    CALL folder.put('sink/a.2/partition=2/a.1+2+0000000000.json', '{"n":94}');
END
$$;
SET client_min_messages = warning;
DROP FOREIGN TABLE listed;
CALL folder.make_table('listed', $$n int, topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition'),
    wide bigint OPTIONS (metadata 'partition')$$, 'sink/*/partition=*/', $$layout 'sink'$$);
SELECT condition, l.* FROM unnest(ARRAY[
    'true', 'topic = ''a.1''', 'topic = ''a.1'' AND part = 7', 'topic = ''a.1'' AND part = 7::bigint', 'topic IN (''a.1'', ''a.0'') AND part IN (7, 3, 2)',
    'part = 7', 'topic = ''a.1'' AND part < 5', 'topic = ''a.1'' AND wide = 7', 'topic = ''a.1'' AND part = -1',
    'topic = ''a.1'' AND part = 99999999999', 'topic = ''a.1/partition=7''', 'topic = ''../a.1''', 'topic = ''''', 'topic = ''none''',
    'topic = ANY (ARRAY(SELECT ''a.'' || i FROM generate_series(1, 200) i)) AND part = ANY (ARRAY(SELECT generate_series(1, 2)))',
    'topic = (SELECT NULL::text)', 'part = (SELECT NULL::int)', 'topic = ''a.2'' AND part = 2']) AS condition, LATERAL folder.listed(condition) AS l;
SELECT w.part, w.kind, (SELECT string_agg(n::text, ' ') FROM listed l WHERE l.topic = 'a.' || w.part AND l.part = w.part) FROM wanted w ORDER BY 1;
DROP FOREIGN TABLE listed;
CALL folder.make_table('listed', $$n int, topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition')$$,
    'sink/a.1/partition=*/', $$layout 'sink'$$);
SELECT condition, l.* FROM unnest(ARRAY[
    'true', 'part = 7', 'part IN (1, 4)', 'topic = ''a.1''', 'topic = ''b''', 'part = 7 AND topic = ''b''', 'part = 2']) AS condition, LATERAL folder.listed(condition) AS l;
-- any folder will do where the location does not say
DROP FOREIGN TABLE listed;
CALL folder.make_table('listed', $$n int, topic text OPTIONS (metadata 'topic'), part int OPTIONS (metadata 'partition')$$,
    'sink/a.1/', $$layout 'sink'$$);
SELECT * FROM folder.listed('part = 7');
RESET client_min_messages;

-- A value that does not fit the column's type is for the row to complain of
CALL folder.make_table('misfit', $$n int, part int OPTIONS (hive_key 'partition'), error text OPTIONS (metadata 'error')$$,
    'topics/', $$layout 'sink', on_error 'set_null'$$);
SELECT count(*) FROM misfit WHERE part = 0;
SELECT * FROM misfit WHERE part IS NULL;
ALTER FOREIGN TABLE misfit OPTIONS (SET on_error 'stop');
SELECT * FROM folder.failure('SELECT count(*) FROM misfit WHERE part = 0');

-- No clause passes a security barrier ahead of the barrier's own
CREATE FUNCTION folder.tell(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0001 AS
    'BEGIN RAISE NOTICE ''saw %'', split_part($1, ''/'', -2); RETURN true; END';
CREATE VIEW guarded WITH (security_barrier) AS SELECT n, path FROM pushed WHERE part = 9;
SELECT n FROM guarded WHERE folder.tell(path);

-- A location of which nothing is wanted is no location without objects
SELECT * FROM pushed WHERE part = 77;

-- Of two folders with one name the first gives the value, whatever is listed
CALL folder.put('twice/kind=a/kind=b/1.json', '{"n":1}');
CALL folder.make_table('twice', $$n int, kind text OPTIONS (hive_key 'kind')$$, 'twice/kind=a/kind=*/');
SELECT * FROM twice WHERE kind = 'a';

DEALLOCATE by_part;
DROP VIEW guarded;
DROP TABLE plain, wanted, paths;
CALL folder.remove();
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
