-- Bad records: stop, skip or a row of NULLs; how many, how loud; and what it
-- takes that errors can be caught wherever the scan runs.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CALL folder.put('bad/1.json', E'{"i":1,"e":2}\n{"i":\n{"i":"x","e":4}\n{"i":4,"e":3}\n{"i":5,"e":6}\n');
CREATE DOMAIN bad_even AS int CHECK (VALUE % 2 = 0);
CALL folder.make_table('bad', $$i int, e bad_even, line int OPTIONS (metadata 'line'),
    error text OPTIONS (metadata 'error'), value text OPTIONS (metadata 'value')$$, 'bad/');

-- stop is the default; a record that is no JSON is bad for every query, a value
-- only for those that use it
SELECT * FROM folder.failure('SELECT i, e FROM bad');
SELECT * FROM folder.failure('SELECT count(*) FROM bad');
SELECT i FROM bad LIMIT 1;

-- ignore
ALTER FOREIGN TABLE bad OPTIONS (ADD on_error 'ignore');
SELECT i, e, line, error FROM bad;
SELECT i, line FROM bad;
SELECT e, line FROM bad;
SELECT count(*) FROM bad;
SELECT line FROM bad LIMIT 1;

-- set_null
ALTER FOREIGN TABLE bad OPTIONS (SET on_error 'set_null');
SELECT * FROM bad;
SELECT i, e FROM bad WHERE error IS NULL;
SELECT error, value FROM bad WHERE error IS NOT NULL;
-- the bytes, whatever they are
CALL folder.put('bytes/1.json', '{"i":"\377\000\012'::bytea);
CALL folder.make_table('bytes', $$i int, text text OPTIONS (metadata 'value'), bytes bytea OPTIONS (metadata 'value')$$,
    'bytes/', $$on_error 'set_null', log_verbosity 'silent'$$);
SELECT i, bytes FROM bytes;
SELECT i, length(text) FROM bytes;
-- also where the type only stands for bytes
CREATE DOMAIN bad_bytes AS bytea;
CALL folder.put('bytes/1.json', '{"i":"\\n"}');
ALTER FOREIGN TABLE bytes ALTER COLUMN bytes TYPE bad_bytes;
SELECT text, convert_from(bytes, 'UTF8') AS bytes FROM bytes;

-- reject_limit counts a scan's bad records, of both kinds; a scan that starts
-- over counts anew
ALTER FOREIGN TABLE bad OPTIONS (ADD reject_limit '3');
SELECT count(i), count(e) FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET reject_limit '2');
SELECT * FROM folder.failure('SELECT i, e FROM bad');
SELECT count(i) FROM bad;
SELECT s, (SELECT count(i) FROM bad WHERE line <> s) FROM generate_series(1, 3) s;
ALTER FOREIGN TABLE bad OPTIONS (SET on_error 'ignore');
SELECT * FROM folder.failure('SELECT i, e FROM bad');
SELECT i, e FROM bad LIMIT 1;
ALTER FOREIGN TABLE bad OPTIONS (DROP reject_limit);

-- log_verbosity
ALTER FOREIGN TABLE bad OPTIONS (ADD log_verbosity 'verbose');
SELECT i, e FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET log_verbosity 'silent');
SELECT i, e FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET log_verbosity 'default');
-- a query that reads the table twice says so twice
SELECT count(*) FROM bad a JOIN bad b USING (line);

-- Inside a function, a caught error, a cursor, a savepoint
CREATE FUNCTION bad_sum() RETURNS bigint LANGUAGE plpgsql AS
$$
DECLARE
    total bigint := 0;
    row record;
BEGIN
    FOR row IN SELECT i, e FROM bad LOOP
        total := total + row.i;
    END LOOP;
    RETURN total;
EXCEPTION WHEN OTHERS THEN
    RETURN -1;
END
$$;
SELECT bad_sum();
ALTER FOREIGN TABLE bad OPTIONS (SET on_error 'stop');
SELECT bad_sum();
ALTER FOREIGN TABLE bad OPTIONS (SET on_error 'ignore');
BEGIN;
DECLARE c CURSOR FOR SELECT i, e FROM bad;
SAVEPOINT one;
FETCH c;
ROLLBACK TO one;
FETCH c;
SAVEPOINT two;
SELECT i FROM bad WHERE 1 / (line - 1) > 0;
ROLLBACK TO two;
FETCH c;
CLOSE c;
COMMIT;
-- A transaction that only ignored bad values can commit, and what it wrote is
-- its own
CREATE TABLE bad_kept (i int);
BEGIN;
INSERT INTO bad_kept SELECT i FROM bad WHERE e > 0;
SELECT DISTINCT txid_current() % 4294967296 = xmin::text::bigint AS same FROM bad_kept;
COMMIT;
SELECT * FROM bad_kept;

-- Many bad values need no more memory than few
CALL folder.put('many/1.json', repeat(E'{"e":3}\n', 10000));
CALL folder.make_table('many', 'e bad_even', 'many/', $$on_error 'ignore', log_verbosity 'silent'$$);
BEGIN;
DECLARE c CURSOR FOR SELECT e FROM many;
FETCH c;
SELECT max(used_bytes) < 500000 AS little FROM pg_backend_memory_contexts WHERE name ~ 'TopTransaction|^pinterest row';
COMMIT;

-- Nor do many notices
CALL folder.put('many/1.json', repeat(E'{"e":\n', 1000));
ALTER FOREIGN TABLE many OPTIONS (SET log_verbosity 'verbose');
SET client_min_messages = warning;
SET log_min_messages = notice;
SELECT count(*) FROM many;
RESET log_min_messages;
RESET client_min_messages;
SELECT used_bytes < 50000 AS little FROM pg_backend_memory_contexts WHERE name = 'ErrorContext';

-- A name that its type does not find is a bad value
CALL folder.put('found/1.json', E'{"r":"pg_class"}\n{"r":"no_such_table"}\n{"r":"a.b.c.d"}\n');
CALL folder.make_table('found', 'r regclass', 'found/', $$on_error 'ignore'$$);
SELECT r FROM found;

-- Errors that are not the data's are never ignored
CREATE FUNCTION bad_check(int) RETURNS boolean LANGUAGE plpgsql AS
$$
BEGIN
    IF $1 = 3 THEN
        PERFORM * FROM no_such_table;
    END IF;
    RETURN true;
END
$$;
CREATE DOMAIN bad_checked AS int CHECK (bad_check(VALUE));
ALTER FOREIGN TABLE bad ALTER COLUMN e TYPE bad_checked;
SELECT * FROM folder.failure('SELECT e FROM bad');
ALTER FOREIGN TABLE bad ALTER COLUMN e TYPE int;

-- While another part of the query runs in parallel
CREATE TABLE bad_parallel AS SELECT i AS line, i::text AS pad FROM generate_series(1, 2000) i;
ALTER TABLE bad_parallel SET (parallel_workers = 2);
ANALYZE bad_parallel;
ALTER FOREIGN TABLE bad ALTER COLUMN i TYPE numeric(5, 1);
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT bool_or(line LIKE '%Gather%') AS parallel FROM
    folder.plan($$EXPLAIN SELECT i, n FROM bad, (SELECT count(*) n FROM bad_parallel WHERE pad <> '') AS p$$) AS f(line);
SELECT i, n FROM bad, (SELECT count(*) n FROM bad_parallel WHERE pad <> '') AS p;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

DROP TABLE bad_kept, bad_parallel;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP DOMAIN bad_even, bad_checked, bad_bytes;
DROP FUNCTION bad_sum, bad_check;
