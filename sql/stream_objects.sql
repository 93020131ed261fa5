-- Streams over a folder: each object once.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
SET client_min_messages = warning;
CALL folder.put('in/a.json', E'{"n":1,"t":"one"}\n{"n":2,"t":"two"}\n');
CALL folder.put('in/b.json', E'{"n":3,"t":"three"}\n');
CALL folder.make_table('objects', 'n int, t text, path text OPTIONS (metadata ''path''), line int OPTIONS (metadata ''line'')', 'in/');
CREATE TABLE landed (n int, t text, path text, line int);
SELECT pinterest.create_stream('objects', 'objects', 'landed');
SELECT pinterest.pull_stream('objects'), pinterest.pull_stream('objects');
SELECT n, t, folder.mask(path) AS path, line FROM landed ORDER BY n;
SELECT folder.mask(split) AS split, position ~ '^[0-9]+ bytes, [0-9]+$' AS position FROM pinterest.stream_position ORDER BY split;

-- What comes later, and what has changed
CALL folder.put('in/c.json', '{"n":4}');
CALL folder.put('in/b.json', '{"n":33}');
BEGIN;
SELECT pinterest.pull_stream('objects');
ROLLBACK;
SELECT pinterest.pull_stream('objects');
SELECT n, folder.mask(path) AS path FROM landed WHERE n > 2 ORDER BY n;
CALL folder.shell('rm in/a.json');
SELECT pinterest.pull_stream('objects');

-- Whole objects
CALL folder.put('in/d.json', E'{"n":5}\n{"n":6}\n{"n":7}\n');
CALL folder.put('in/e.json', E'{"n":8}\n{"n":9}\n{"n":10}\n');
SELECT pinterest.pull_stream('objects', max_records => 1);
SELECT pinterest.pull_stream('objects', max_records => 3);
SELECT pinterest.pull_stream('objects');
SELECT count(*), count(DISTINCT n) FROM landed WHERE n BETWEEN 5 AND 10;

-- Dead letters, of records in any frame
CALL folder.put('in/f.json', E'[{"n":11}, {"n":"eleven"},\n{"n":12}]');
CALL folder.put('in/g.json', E'{"n":13}\nnonsense\n{"n":14}\n');
SELECT pinterest.pull_stream('objects');
SELECT folder.mask(split) AS split, position, convert_from(bytes, 'UTF8') AS bytes, error, folder.mask(metadata ->> 'path') = folder.mask(split) AS path
FROM pinterest.dead_letter ORDER BY split;
ALTER TABLE landed ALTER n TYPE text;
ALTER FOREIGN TABLE objects ALTER n TYPE text;
SELECT pinterest.replay_dead_letters('objects');
SELECT n, folder.mask(path) AS path, line FROM landed WHERE n = 'eleven';
SELECT folder.mask(split) AS split, bytes FROM pinterest.dead_letter;

-- A query means the same under all settings
CALL folder.put('literals/a.json', E'{"at":"2024-01-05","t":"a1"}\n{"at":"2024-02-05","t":"b2"}\n{"at":"2024-03-05","t":"c3"}\n{"at":"2024-04-05","t":"dd"}\n');
CALL folder.make_table('literals', 'at date, t text', 'literals/');
CREATE TABLE chosen (at date, t text);
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SELECT pinterest.create_stream('literals', 'literals', 'chosen', query =>
    $$SELECT at, t FROM public.literals WHERE at >= date '2024-02-01' AND t ~ '^\w\d$' AND at + interval '-1 day +1 hour' > '2024-02-01'$$);
RESET datestyle;
RESET intervalstyle;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT pinterest.pull_stream('literals');
RESET standard_conforming_strings;
RESET escape_string_warning;
TABLE chosen ORDER BY at;
SELECT pinterest.drop_stream('literals');
DROP TABLE chosen;

-- Reset
SELECT pinterest.reset_stream('objects', since => 'infinity');
SELECT pinterest.pull_stream('objects');
SELECT pinterest.reset_stream('objects', split => 'file://' || folder.path() || '/in/c.json', at => 'again');
SELECT pinterest.pull_stream('objects');
SELECT pinterest.reset_stream('objects', since => '2000-01-01');
SELECT pinterest.pull_stream('objects', 1) > 0 AS some;

-- The layout of a sink
CALL folder.put('topics/t/partition=0/t+0+0000000000.json', E'{"n":1}\n{"n":2}\n');
CALL folder.put('topics/t/partition=1/t+1+0000000000.json', E'{"n":3}\n{"n":"bad"}\n');
CALL folder.make_table('sunk', 'n int, p int OPTIONS (metadata ''partition''), o bigint OPTIONS (metadata ''offset''), h int OPTIONS (hive_key ''partition'')',
    'topics/t/partition=*/', 'layout ''sink''');
CREATE TABLE raised (n text, p int, o bigint, h int);
SELECT pinterest.create_stream('sunk', 'sunk', 'raised', query => 'SELECT n::text, p, o, h FROM public.sunk');
SELECT pinterest.pull_stream('sunk');
CALL folder.put('topics/t/partition=0/t+0+0000000002.json', '{"n":4}');
SELECT pinterest.pull_stream('sunk');
ALTER FOREIGN TABLE sunk ALTER n TYPE text;
SELECT pinterest.replay_dead_letters('sunk');
SELECT * FROM raised ORDER BY p, o;

-- What a run calls can neither run nor change its stream
CALL folder.put('whole/a.json', E'{"n":1}\n{"n":2}\n');
CALL folder.put('whole/b.json', '{"n":3}');
CALL folder.make_table('whole', 'n int', 'whole/');
CREATE TABLE nested (n int);
CREATE FUNCTION nest() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        EXECUTE TG_ARGV[0];
    END IF;
    RETURN NEW;
END
$$;
SELECT pinterest.create_stream('nested', 'whole', 'nested');
CREATE TRIGGER nest BEFORE INSERT ON nested FOR EACH ROW EXECUTE FUNCTION nest('SELECT pinterest.pull_stream(''nested'')');
SELECT pinterest.pull_stream('nested');
CREATE OR REPLACE TRIGGER nest AFTER INSERT ON nested FOR EACH ROW EXECUTE FUNCTION nest('SELECT pinterest.reset_stream(''nested'')');
SELECT pinterest.pull_stream('nested');
CREATE TABLE other_nested (n int);
SELECT pinterest.create_stream('other nested', 'whole', 'other_nested');
CREATE OR REPLACE TRIGGER nest AFTER INSERT ON nested FOR EACH ROW EXECUTE FUNCTION nest('SELECT pinterest.pull_stream(''other nested'')');
SELECT pinterest.pull_stream('nested') = count(*) AS each_once FROM public.whole;
SELECT count(*) AS differences FROM (SELECT n FROM nested EXCEPT ALL SELECT n FROM other_nested) AS d;

-- A scan of the same table while the executor starts, to prune partitions, is another one
CREATE TABLE pruned (k bigint, name text) PARTITION BY LIST (k);
CREATE TABLE pruned_one PARTITION OF pruned FOR VALUES IN (1);
CREATE TABLE pruned_default PARTITION OF pruned DEFAULT;
CREATE FUNCTION object_count() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM public.whole); END';
INSERT INTO pruned VALUES (3, 'all'), (1, 'one');
CREATE TABLE pruning (n int, t text);
SELECT pinterest.create_stream('pruning', 'whole', 'pruning', query => 'SELECT 1 AS n FROM public.pruned WHERE k = public.object_count()');
SELECT pinterest.create_stream('pruning', 'whole', 'pruning',
    query => 'SELECT n, name AS t FROM public.whole CROSS JOIN public.pruned WHERE k = public.object_count()');
SELECT pinterest.pull_stream('pruning') = count(*) AS each_once FROM public.whole;
SELECT DISTINCT t FROM pruning;

-- Keys that are the same once they are stored
CREATE TABLE rounded (k numeric(9, 1) PRIMARY KEY, n int);
SELECT pinterest.create_stream('rounded', 'whole', 'rounded', query => 'SELECT n / 100.0 AS k, n FROM public.whole', key_columns => '{k}');
SELECT pinterest.pull_stream('rounded');
SELECT * FROM rounded;

-- Times of dead letters, whatever the style of dates
CALL folder.put('dated/a.json', '{"n":"4"}');
CALL folder.shell('touch -d "2026-06-05 10:00:00 UTC" dated/a.json');
CALL folder.make_table('dated', 'n boolean, at timestamptz OPTIONS (metadata ''last_modified'')', 'dated/');
CREATE TABLE dates (at timestamptz);
SELECT pinterest.create_stream('dated', 'dated', 'dates', query => 'SELECT at FROM public.dated WHERE n IS NOT NULL');
SET datestyle = 'SQL, DMY';
SELECT pinterest.pull_stream('dated');
SET datestyle = 'SQL, MDY';
ALTER FOREIGN TABLE dated ALTER n TYPE int;
SELECT pinterest.replay_dead_letters('dated');
RESET datestyle;
SELECT at = '2026-06-05 10:00:00 UTC' AS same FROM dates;

-- Shares of a folder
CREATE TABLE shared (n int);
SELECT pinterest.create_stream('half', 'sunk', 'shared', splits => '1/2', query => 'SELECT 1 AS n FROM public.sunk'),
    pinterest.create_stream('other half', 'sunk', 'shared', splits => '2/2', query => 'SELECT 1 AS n FROM public.sunk');
SELECT pinterest.pull_stream('half') + pinterest.pull_stream('other half') AS rows;

SELECT pinterest.drop_stream(stream) FROM pinterest.stream_status;
DROP TABLE landed, raised, shared, nested, other_nested, pruned, pruning, rounded, dates;
DROP FUNCTION nest(), object_count();
CALL folder.remove();
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
