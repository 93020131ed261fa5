-- Scans: everything the executor may do with one, and several in one query or
-- session, at the end, in the middle, and after an error.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CALL folder.put('scan/a.json', E'{"i":1,"t":"one"}\n{"i":2,"t":"two"}\n{"i":3,"t":"three"}\n{"i":4}\n{}\n');
CALL folder.make_table('scan', 'i int, t text', 'scan/');

-- Shapes
SELECT count(*) FROM scan;
SELECT scan FROM scan;
SELECT s.*, s IS NULL AS nothing, tableoid::regclass FROM scan s WHERE i > 1 OR i IS NULL;
SELECT FROM scan;
SELECT i FROM scan LIMIT 2;
SELECT i FROM scan LIMIT 0;
SELECT i FROM scan OFFSET 3;
SELECT t FROM scan ORDER BY t COLLATE "C" DESC NULLS LAST LIMIT 2;
SELECT i FROM scan ORDER BY i FETCH FIRST 1 ROW WITH TIES;
SELECT 1 FROM scan WHERE false;
SELECT to_jsonb(s) FROM scan s FOR UPDATE;

-- Rescans
SET enable_material = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT a.i, b.i FROM scan a JOIN scan b ON b.i = a.i + 1;
SELECT n, l.* FROM generate_series(0, 3) n, LATERAL (SELECT i, t FROM scan WHERE i > n ORDER BY i LIMIT 1) l;
SELECT n, (SELECT count(*) FROM scan WHERE i = n) FROM generate_series(1, 5) n;
SELECT n, EXISTS (SELECT FROM scan WHERE i > n) FROM generate_series(3, 4) n;
SELECT n FROM generate_series(1, 5) n WHERE n NOT IN (SELECT i FROM scan WHERE i IS NOT NULL);
-- a change of the folder between two rescans, or two scans, is seen
CREATE FUNCTION scan_add(n int) RETURNS int LANGUAGE plpgsql VOLATILE AS
$$
BEGIN
    CALL folder.put(format('scan/%s.json', n), format('{"i":%s}', n));
    RETURN n;
END
$$;
SELECT scan_add(n), (SELECT max(i) FROM scan WHERE n > 0) FROM generate_series(10, 12) n;
CALL folder.shell('rm scan/1?.json');
RESET enable_material;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- Together
SELECT i FROM scan UNION ALL SELECT -i FROM scan ORDER BY i;
WITH twice AS MATERIALIZED (SELECT i FROM scan) SELECT * FROM twice a JOIN twice b USING (i);
WITH RECURSIVE up(i) AS (SELECT 1 UNION ALL SELECT s.i FROM up, scan s WHERE s.i = up.i + 1) SELECT * FROM up;
SELECT count(*) FROM scan a, scan b, scan c;
SELECT i, (SELECT t FROM scan WHERE i = s.i) FROM scan s;

-- Prepared statements, custom and generic
PREPARE by_i(int) AS SELECT i, t FROM scan WHERE i = $1;
EXECUTE by_i(1);
EXECUTE by_i(2);
SET plan_cache_mode = force_generic_plan;
EXECUTE by_i(3);
EXECUTE by_i(NULL);
-- an option changes in between
CALL folder.put('scan2/a.json', '{"i":3,"t":"another folder"}');
DO $$
BEGIN
    EXECUTE format('ALTER FOREIGN TABLE scan OPTIONS (SET location %L)', 'file://' || folder.path() || '/scan2/');
END
$$;
EXECUTE by_i(3);
DO $$
BEGIN
    EXECUTE format('ALTER FOREIGN TABLE scan OPTIONS (SET location %L)', 'file://' || folder.path() || '/scan/');
END
$$;
EXECUTE by_i(3);
RESET plan_cache_mode;

-- Cursors
BEGIN;
DECLARE plain CURSOR FOR SELECT i FROM scan;
DECLARE scrolled SCROLL CURSOR FOR SELECT i FROM scan;
DECLARE held CURSOR WITH HOLD FOR SELECT i FROM scan;
FETCH 2 FROM plain;
FETCH 3 FROM scrolled;
FETCH BACKWARD 1 FROM scrolled;
FETCH ABSOLUTE 1 FROM scrolled;
FETCH 1 FROM held;
FETCH 1 FROM plain;
MOVE ALL FROM plain;
FETCH 1 FROM plain;
-- no change of a table that is being read
ALTER FOREIGN TABLE scan ALTER COLUMN t TYPE varchar;
ROLLBACK;
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT i FROM scan;
FETCH 1 FROM held;
DECLARE left_open CURSOR FOR SELECT i FROM scan;
FETCH 1 FROM left_open;
COMMIT;
FETCH 2 FROM held;
CLOSE held;

-- An error in the middle, and on
SELECT 10 / (i - 3) FROM scan;
SELECT count(*) FROM scan;
CALL folder.put('broken/a.json', E'{"i":1}\n{"i":2}\n{"i":\n');
CALL folder.make_table('broken', 'i int', 'broken/');
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM broken;
FETCH 2 FROM c;
SAVEPOINT s;
SELECT * FROM folder.failure('SELECT * FROM broken');
\set VERBOSITY terse
FETCH 1 FROM c;
\set VERBOSITY default
ROLLBACK TO s;
FETCH 1 FROM c;
ROLLBACK;
SELECT count(*) FROM scan;
DO $$
BEGIN
    FOR n IN 1..200 LOOP    -- leaves no file open
        BEGIN
            PERFORM * FROM broken;
        EXCEPTION WHEN invalid_text_representation THEN
            NULL;
        END;
    END LOOP;
END
$$;

-- plpgsql
DO $$
DECLARE
    a record;
    b record;
    pairs text[];
BEGIN
    FOR a IN SELECT i FROM scan WHERE i IS NOT NULL LOOP
        FOR b IN SELECT i FROM scan WHERE i < a.i LOOP
            pairs := pairs || format('%s%s', a.i, b.i);
            EXIT WHEN b.i = 2;
        END LOOP;
    END LOOP;
    RAISE NOTICE '%', pairs;
END
$$;

-- Into tables
CREATE TABLE scan_copy AS SELECT * FROM scan;
INSERT INTO scan_copy SELECT i + 10, t FROM scan WHERE i IS NOT NULL;
SELECT * FROM scan_copy ORDER BY i;
UPDATE scan_copy c SET t = s.t || '!' FROM scan s WHERE c.i = s.i + 10;
DELETE FROM scan_copy c USING scan s WHERE c.i = s.i;
SELECT * FROM scan_copy ORDER BY i;
COPY (SELECT i FROM scan) TO STDOUT;
CREATE MATERIALIZED VIEW scan_view AS SELECT i FROM scan;
REFRESH MATERIALIZED VIEW scan_view;
SELECT sum(i) FROM scan_view;

-- A partition, an inheritance child
CREATE TABLE scan_parts (i int, t text) PARTITION BY RANGE (i);
CREATE TABLE scan_local PARTITION OF scan_parts FOR VALUES FROM (100) TO (200);
INSERT INTO scan_parts VALUES (100, 'local');
ALTER TABLE scan_parts ATTACH PARTITION scan FOR VALUES FROM (0) TO (100);
SELECT tableoid::regclass, * FROM scan_parts ORDER BY i;
SELECT count(*) FROM scan_parts WHERE i > 50;
ALTER TABLE scan_parts DETACH PARTITION scan;
CREATE TABLE scan_parent (t text);
ALTER FOREIGN TABLE scan INHERIT scan_parent;
SELECT tableoid::regclass, t FROM scan_parent;
ALTER FOREIGN TABLE scan NO INHERIT scan_parent;

-- What it cannot do
UPDATE scan SET i = 1;
DELETE FROM scan;
TRUNCATE scan;

DROP MATERIALIZED VIEW scan_view;
DROP TABLE scan_copy, scan_parts, scan_parent;
DROP FUNCTION scan_add;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
