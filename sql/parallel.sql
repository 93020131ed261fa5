-- Parallel scans: the processes share the objects, and parts of large files of
-- lines, so that each record is read exactly once.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

-- Many small objects, and files with lines of every length around 1 kB
DO $$
DECLARE
    content text;
BEGIN
    FOR file IN 0..39 LOOP
        CALL folder.put(format('small/part=%s/f%s.json', file % 4, file), format(E'{"i":%s}\n{"i":%s}\n', file, 1000 + file));
    END LOOP;
    FOR file IN 0..3 LOOP
        content := '';
        FOR line IN 0..299 LOOP
            content := content || format(E'{"i":%s,"pad":"%s"}\n', 10000 * file + line, repeat('x', (line * 37 + file) % 1100));
        END LOOP;
        -- one with its last line unfinished, one with DOS line ends, one with a line larger than all parts
        content := CASE file WHEN 1 THEN rtrim(content, E'\n') WHEN 2 THEN replace(content, E'\n', E'\r\n')
            WHEN 3 THEN content || format('{"i":-1,"pad":"%s"}', repeat('y', 20000)) ELSE content END;
        CALL folder.put(format('lines/f%s.json', file), content);
    END LOOP;
END
$$;
CALL folder.make_table('small', $$i int, path text OPTIONS (metadata 'path'), part text OPTIONS (hive_key 'part')$$, 'small/');
CALL folder.make_table('cut', $$i int, pad text, path text OPTIONS (metadata 'path'), line int OPTIONS (metadata 'line')$$,
    'lines/', $$format 'lines', compression 'none'$$);

SET max_parallel_workers_per_gather = 0;
CREATE TABLE plain_small AS SELECT * FROM small;
CREATE TABLE plain_cut AS SELECT * FROM cut;
SELECT count(*), sum(i), count(DISTINCT path) FROM small;
SELECT count(*), sum(i), sum(length(pad)), count(DISTINCT path) FROM cut;

SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET pinterest.part_size = 1;
SELECT folder.plan('EXPLAIN (COSTS off) SELECT count(*), sum(i) FROM small');
SELECT count(*), sum(i), count(DISTINCT path) FROM small;
SELECT count(*), sum(i), sum(length(pad)), count(DISTINCT path) FROM cut;
-- what counts from the start of an object is not counted in parts
SELECT count(*), sum(line) = (SELECT sum(line) FROM plain_cut) AS same_lines FROM cut;

-- Every size of parts gives each line once
CREATE FUNCTION folder.parts(size int) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM set_config('pinterest.part_size', size::text, true);
    RETURN NOT EXISTS (SELECT i, pad, path FROM cut EXCEPT ALL SELECT i, pad, path FROM plain_cut)
        AND (SELECT count(*) FROM cut) = (SELECT count(*) FROM plain_cut);
END
$$;
SELECT bool_and(folder.parts(size)) FROM generate_series(1, 60) AS size;

-- So too where the first bytes say that an object is not compressed, and whole where they say that it is
ALTER FOREIGN TABLE cut OPTIONS (DROP compression);
CALL folder.shell('gzip < lines/f0.json > lines/f4.json.gz');
INSERT INTO plain_cut SELECT i, pad, path || 'x', line FROM plain_cut WHERE path LIKE '%/f0.json';
UPDATE plain_cut SET path = replace(path, 'f0.jsonx', 'f4.json.gz');
SELECT bool_and(folder.parts(size)) FROM generate_series(1, 20) AS size;
CALL folder.put('lines/f5.json', repeat(E'{"i":1}\n', 1000) || E'nothing\n');
SELECT * FROM folder.failure('SELECT sum(i) FROM cut') WHERE failure LIKE 'CONTEXT%';
CALL folder.shell('rm lines/f4.json.gz lines/f5.json');

-- Conditions, LIMIT, sorting, joins, rescans, parameters
SELECT count(*), sum(i) FROM small WHERE part IN ('1', '2') AND i >= 1000;
SELECT count(*) FROM (SELECT i FROM small LIMIT 7) AS few;
SELECT i FROM small ORDER BY i DESC LIMIT 3;
SELECT part, count(*), sum(i) FROM small GROUP BY part ORDER BY part;
SELECT count(*) FROM small a JOIN small b USING (i);
SELECT count(*) FROM small WHERE part = (SELECT max(part) FROM plain_small);
SELECT n, (SELECT count(*) FROM small WHERE i < n) FROM generate_series(0, 30, 10) AS n;
SELECT n, s.count FROM generate_series(1, 3) AS n, LATERAL (SELECT count(*) FROM small WHERE i % 3 < n) AS s;
BEGIN;
DECLARE c CURSOR FOR SELECT i FROM small ORDER BY i;
FETCH 2 FROM c;
CLOSE c;
COMMIT;
SET parallel_leader_participation = off;
SELECT count(*), sum(i) FROM small;
RESET parallel_leader_participation;

-- Bad records: counted over all processes
CALL folder.put('small/part=0/bad.json', E'{"i":\n{"i":"x"}\n{"i":7777}\n');
CALL folder.put('small/part=1/bad.json', E'nothing\n');
SELECT * FROM folder.failure('SELECT sum(i) FROM small WHERE part = ''1''');
ALTER FOREIGN TABLE small OPTIONS (ADD on_error 'ignore');
SELECT count(*), sum(i) FROM small;
SELECT line FROM folder.plan('EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off, BUFFERS off) SELECT sum(i) FROM small') AS f(line)
    WHERE line ~ '(Records|Rejected|Objects):';
ALTER FOREIGN TABLE small OPTIONS (ADD reject_limit '2');
SELECT regexp_replace(f, '^(DETAIL|CONTEXT).*', '\1') AS failure FROM folder.failure('SELECT sum(i) FROM small') AS f;
ALTER FOREIGN TABLE small OPTIONS (SET reject_limit '3');
SELECT count(*), sum(i) FROM small;

-- A type of the user's own is not read in parallel when its errors are caught (before 17)
CREATE DOMAIN folder.positive AS int CHECK (value >= 0);
CALL folder.make_table('domains', 'i folder.positive', 'small/', $$on_error 'ignore', log_verbosity 'silent'$$);
SELECT count(*), sum(i) FROM domains;

DROP TABLE plain_small, plain_cut;
CALL folder.remove();
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
