-- Records that the query or the target of a stream refuses: they become dead letters,
-- all others get through.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
SELECT string_agg(format('{"id":%s,"n":%s,"name":"name %s"}', i, i % 100, i), E'\n' ORDER BY i) AS records FROM generate_series(1, 1000) AS i \gset
CALL folder.put('in/a.json', :'records');
CALL folder.make_table('refused_source', $$id int, n int, name text, path text OPTIONS (metadata 'path'), line bigint OPTIONS (metadata 'line')$$, 'in/*.json');

-- Runs the stream "s" into refused_target from the start, and tells what came of it
CREATE FUNCTION folder.run(query text DEFAULT NULL, keys text[] DEFAULT NULL, on_error text DEFAULT 'dead_letter')
    RETURNS TABLE (rows bigint, stored bigint, dead bigint, first_position text, first_error text) LANGUAGE plpgsql AS
$$
BEGIN
    PERFORM pinterest.drop_stream(stream) FROM pinterest.stream_status WHERE stream = 's';
    PERFORM pinterest.create_stream('s', 'refused_source', 'refused_target', query => query, key_columns => keys, on_error => on_error);
    rows := pinterest.pull_stream('s');
    RETURN QUERY SELECT run.rows, (SELECT count(*) FROM refused_target), (SELECT count(*) FROM pinterest.dead_letter),
        (SELECT position FROM pinterest.dead_letter ORDER BY id LIMIT 1), (SELECT error FROM pinterest.dead_letter ORDER BY id LIMIT 1);
END
$$;

-- A check: one of a thousand
CREATE TABLE refused_target (id int PRIMARY KEY, n int, name text, CONSTRAINT not_seven CHECK (id <> 7));
SELECT * FROM folder.run();
SELECT folder.mask(split) AS split, position, convert_from(bytes, 'UTF8') AS bytes, error, folder.mask(metadata ->> 'path') AS path, metadata ->> 'line' AS line
FROM pinterest.dead_letter;
SELECT records, rows, rejected, dead_letters, runs FROM pinterest.stream_status;
SELECT folder.mask(split) AS split FROM pinterest.stream_position;
SELECT pinterest.pull_stream('s');

-- Replayed: refused for another reason, then good
ALTER TABLE refused_target DROP CONSTRAINT not_seven, ALTER COLUMN name TYPE varchar(5) USING left(name, 5);
SELECT pinterest.replay_dead_letters('s');
SELECT error FROM pinterest.dead_letter;
ALTER TABLE refused_target ALTER COLUMN name TYPE text;
SELECT pinterest.replay_dead_letters('s');
SELECT id, n, name FROM refused_target WHERE id = 7;
SELECT count(*) FROM pinterest.dead_letter;

-- The first one and the last one
TRUNCATE refused_target;
ALTER TABLE refused_target ADD CHECK (id BETWEEN 2 AND 999);
SELECT * FROM folder.run();
SELECT string_agg(position, ', ' ORDER BY id) AS dead FROM pinterest.dead_letter;

-- Every tenth; neighbours; all of them
TRUNCATE refused_target;
ALTER TABLE refused_target DROP CONSTRAINT refused_target_id_check, ADD CHECK (id % 10 <> 3), ADD CHECK (id NOT BETWEEN 500 AND 530);
SELECT * FROM folder.run();
SELECT bool_and(((id - 1) % 1000 + 1) = id) AS same FROM refused_target;
DROP TABLE refused_target;
CREATE TABLE refused_target (id int, n int, name text, missing text NOT NULL);
SELECT * FROM folder.run();
ALTER TABLE refused_target ALTER COLUMN missing SET DEFAULT 'here';
SELECT pinterest.replay_dead_letters('s');
SELECT count(*), count(DISTINCT id) FROM refused_target;

-- Rows that the target has already, and records of one run with the same value
DROP TABLE refused_target;
CREATE TABLE refused_target (id int, n int UNIQUE, name text);
INSERT INTO refused_target VALUES (0, 42, 'before');
SELECT * FROM folder.run();
SELECT bool_and(id <= 100) AS first_ones FROM refused_target;

-- A trigger, a partition that is missing, a value that the query cannot compute, one that is too long for an index
CREATE FUNCTION folder.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    IF new.id = 77 THEN
        RAISE EXCEPTION 'not this one' USING DETAIL = 'It is number ' || new.id || '.';
    END IF;
    RETURN new;
END
$$;
DROP TABLE refused_target;
CREATE TABLE refused_target (id int, n int, name text);
CREATE TRIGGER refuse AFTER INSERT ON refused_target FOR EACH ROW EXECUTE FUNCTION folder.refuse();
SELECT * FROM folder.run();
DROP TABLE refused_target;
CREATE TABLE refused_target (id int, n int, name text) PARTITION BY RANGE (id);
CREATE TABLE refused_low PARTITION OF refused_target FOR VALUES FROM (1) TO (998);
SELECT * FROM folder.run();
DROP TABLE refused_target;
CREATE TABLE refused_target (id int, n int);
SELECT * FROM folder.run('SELECT id, 100 / (n - 50) AS n FROM public.refused_source WHERE id < 100');
TRUNCATE refused_target;
SELECT * FROM folder.run('WITH r AS (SELECT * FROM (SELECT * FROM public.refused_source ORDER BY id DESC) AS q) SELECT id, 100 / (n - 50) AS n FROM generate_series(1, 60) AS s (n) JOIN r USING (n)');
DROP TABLE refused_target;
CREATE TABLE refused_target (id int, name text UNIQUE);
SELECT rows, stored, dead, first_position, first_error LIKE 'index row %' AS too_long
FROM folder.run($$SELECT id, CASE id WHEN 5 THEN (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i) ELSE name END AS name FROM public.refused_source$$);

-- With keys: the last row of a key counts, among those that are not refused
DROP TABLE refused_target;
CREATE TABLE refused_target (id int PRIMARY KEY, n int CHECK (n <> 95));
SELECT * FROM folder.run('SELECT n % 10 AS id, n FROM public.refused_source', keys => '{id}');
TABLE refused_target ORDER BY id;

-- A trigger that gives several records of a run the same key
CREATE FUNCTION folder.tens() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.id := new.id / 10; RETURN new; END';
DROP TABLE refused_target;
CREATE TABLE refused_target (id int PRIMARY KEY, n int);
CREATE TRIGGER tens BEFORE INSERT ON refused_target FOR EACH ROW EXECUTE FUNCTION folder.tens();
SELECT rows, stored, dead FROM folder.run('SELECT id, id AS n FROM public.refused_source WHERE id <= 45', keys => '{id}');
TABLE refused_target ORDER BY id;

-- In the order of the query, which is not that of the records
DROP TABLE refused_target;
CREATE TABLE refused_target (id int PRIMARY KEY, n int CHECK (n NOT IN (5, 6)));
SELECT rows, stored, dead FROM folder.run('SELECT n % 10 AS id, n FROM public.refused_source ORDER BY line DESC', keys => '{id}');
SELECT string_agg(position, ', ' ORDER BY id) AS dead FROM pinterest.dead_letter;
TABLE refused_target ORDER BY id;
ALTER TABLE refused_target DROP CONSTRAINT refused_target_n_check, ADD CHECK (n <> 6);
SELECT pinterest.replay_dead_letters('s');
SELECT string_agg(position, ', ' ORDER BY id) AS dead FROM pinterest.dead_letter;
SELECT * FROM refused_target WHERE id IN (5, 6) ORDER BY id;
DROP TABLE refused_target;
CREATE TABLE refused_target (id int PRIMARY KEY, n int CHECK (n <> 95));

-- Ignored
TRUNCATE refused_target;
SELECT * FROM folder.run('SELECT id, n FROM public.refused_source', on_error => 'ignore');

-- Not set aside: stop, queries that look at several records, reasons that are not a record's
TRUNCATE refused_target;
SELECT folder.failure($$SELECT folder.run('SELECT id, n FROM public.refused_source', on_error => 'stop')$$);
CREATE FUNCTION folder.failures(VARIADIC queries text[]) RETURNS SETOF text LANGUAGE sql AS
    'SELECT failure FROM unnest(queries) AS query, folder.failure(format(''SELECT folder.run(%L)'', query)) AS failure WHERE failure !~ ''^DETAIL''';
CREATE VIEW refused_view AS SELECT DISTINCT id, n FROM refused_source;
SELECT folder.failures(
    'SELECT n AS id, count(*) + 94 AS n FROM public.refused_source WHERE id = 1 GROUP BY n',
    'SELECT id, n FROM public.refused_source LIMIT 1000',
    'SELECT * FROM public.refused_view',
    'SELECT id, max(n) OVER () - 4 AS n FROM public.refused_source',
    'WITH r AS (SELECT id, n FROM public.refused_source) SELECT a.id, b.n FROM r AS a JOIN r AS b ON a.id = b.id + 1',
    'SELECT i AS id, n FROM generate_series(1, 1000) AS i LEFT JOIN public.refused_source ON id = i',
    'SELECT id, n FROM public.refused_source UNION ALL SELECT 2000, 95');
CREATE FUNCTION folder.forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'not allowed'; END $$;
CREATE TRIGGER forbid BEFORE INSERT ON refused_target FOR EACH ROW WHEN (new.id = 5) EXECUTE FUNCTION folder.forbid();
SELECT folder.failure($$SELECT folder.run('SELECT id, n FROM public.refused_source')$$);
DROP TRIGGER forbid ON refused_target;

-- In somebody's transaction, with bad records besides, as another user
CALL folder.put('in/b.json', E'{"id":2001,"n":1}\n{"id":"x"}\n{"id":2002,"n":95}\n{"id":2003,"n":2}\n{');
CREATE ROLE regress_refused;
GRANT SELECT ON refused_source TO regress_refused;
GRANT SELECT, INSERT ON refused_target TO regress_refused;
GRANT pg_read_server_files TO regress_refused;
DO $$ BEGIN PERFORM pinterest.drop_stream('s'); EXCEPTION WHEN undefined_object THEN NULL; END $$;
SET ROLE regress_refused;
SELECT pinterest.create_stream('s', 'refused_source', 'refused_target', query => 'SELECT id, n FROM public.refused_source');
RESET ROLE;
SET search_path = public, pg_catalog;
BEGIN;
SELECT pinterest.pull_stream('s');
SELECT current_user = session_user AS back, current_setting('search_path') AS search_path;
SAVEPOINT s;
SELECT count(*), max(id) FROM refused_target;
ROLLBACK TO s;
COMMIT;
SELECT position, error FROM pinterest.dead_letter WHERE split LIKE '%b.json' OR id = (SELECT min(id) FROM pinterest.dead_letter) ORDER BY id;
SELECT records, rows, rejected, dead_letters FROM pinterest.stream_status;
RESET search_path;
SELECT pinterest.drop_stream('s');

DROP TABLE refused_target;
DROP VIEW refused_view;
CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP OWNED BY regress_refused;
DROP ROLE regress_refused;
