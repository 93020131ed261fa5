-- Streams: what can be one, and whose.  Nothing is reached here; the runs are tested
-- with brokers, in test/.

SET client_min_messages = warning;
CREATE SERVER stream_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE FOREIGN TABLE stream_source (k text, n integer, p integer OPTIONS (metadata 'partition')) SERVER stream_server OPTIONS (topic 't');
CREATE TABLE stream_target (k text PRIMARY KEY, n bigint, other text);

-- Names
SELECT pinterest.create_stream(NULL, 'stream_source', 'stream_target');
SELECT pinterest.create_stream('', 'stream_source', 'stream_target');
SELECT pinterest.create_stream(repeat('n', 64), 'stream_source', 'stream_target');
SELECT pinterest.create_stream('s', NULL, 'stream_target');
SELECT pinterest.create_stream('s', 'stream_source', NULL);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', on_error => 'skip');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', on_error => NULL);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', on_gap => 'ignore');

-- Sources
CREATE VIEW stream_view AS SELECT * FROM stream_source;
SELECT pinterest.create_stream('s', 'stream_view', 'stream_target');
SELECT pinterest.create_stream('s', 'stream_target', 'stream_target');
CREATE FOREIGN DATA WRAPPER stream_wrapper;
CREATE SERVER stream_other FOREIGN DATA WRAPPER stream_wrapper;
CREATE FOREIGN TABLE stream_foreign (k text) SERVER stream_other;
SELECT pinterest.create_stream('s', 'stream_foreign', 'stream_target');

-- Targets
SELECT pinterest.create_stream('s', 'stream_source', 'stream_source');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_view');
CREATE UNLOGGED TABLE stream_unlogged (k text);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_unlogged');
CREATE TABLE stream_parts (k text) PARTITION BY LIST (k);
CREATE FOREIGN TABLE stream_part PARTITION OF stream_parts DEFAULT SERVER stream_other;
SELECT pinterest.create_stream('s', 'stream_source', 'stream_parts');
DROP FOREIGN TABLE stream_part;
CREATE UNLOGGED TABLE stream_part PARTITION OF stream_parts DEFAULT;
SELECT pinterest.create_stream('s', 'stream_source', 'stream_parts');
CREATE TABLE stream_ruled (k text);
CREATE RULE stream_rule AS ON INSERT TO stream_ruled DO ALSO SELECT 1;
SELECT pinterest.create_stream('s', 'stream_source', 'stream_ruled');
CREATE TABLE stream_elsewhere (x text);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_elsewhere');

-- Queries
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => '');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k FROM public.stream_source; SELECT 1');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'DELETE FROM stream_target RETURNING k');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'WITH d AS (DELETE FROM stream_target RETURNING k) SELECT k FROM d');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k INTO stream_new FROM public.stream_source');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k FROM public.stream_source) AS q; DROP TABLE stream_target; --');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT $1 AS k FROM public.stream_source');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k AS x FROM public.stream_source');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k, k FROM public.stream_source');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT ''a'' AS k');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k FROM public.stream_source WHERE false');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k FROM public.stream_source UNION ALL SELECT k FROM public.stream_view');
CREATE TEMPORARY TABLE stream_fleeting (k text);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k FROM public.stream_source JOIN stream_fleeting USING (k)');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT n FROM public.stream_source, missing');
\set VERBOSITY terse
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', query => 'SELECT k AS n FROM public.stream_source');
\set VERBOSITY default

-- Keys
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', key_columns => '{other}');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', key_columns => '{n}');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', key_columns => '{NULL}');
CREATE TABLE stream_keys (k text, n integer, CONSTRAINT stream_later UNIQUE (k) DEFERRABLE);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_keys', key_columns => '{k}');
CREATE UNIQUE INDEX ON stream_keys (n) WHERE n > 0;
CREATE UNIQUE INDEX ON stream_keys (n, k);
CREATE UNIQUE INDEX ON stream_keys ((n + 1));
SELECT pinterest.create_stream('s', 'stream_source', 'stream_keys', key_columns => '{n}');
BEGIN;
CREATE UNIQUE INDEX ON stream_keys (n) INCLUDE (k);
SELECT pinterest.create_stream('s', 'stream_source', 'stream_keys', key_columns => '{n}');
ROLLBACK;

-- Splits
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', splits => '0/2');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', splits => '3/2');
SELECT pinterest.create_stream('s', 'stream_source', 'stream_target', splits => 't/0,,t/1');

-- Streams
SELECT pinterest.create_stream('one', 'stream_source', 'stream_target', key_columns => '{k,k}');
SELECT pinterest.create_stream('one', 'stream_source', 'stream_target');
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."t'a" (k text, "Odd 'column" integer, PRIMARY KEY (k, "Odd 'column"));
SET search_path = "Odd ""schema""", public;
SELECT pinterest.create_stream('o''dd "one"', 'stream_source', 't''a', on_error => 'ignore', on_gap => 'skip', splits => '1/2',
    query => 'SELECT k, n AS "Odd ''column" FROM public.stream_source', key_columns => '{k,"Odd ''column"}');
RESET search_path;
SELECT stream, state, source, target, key_columns, on_error, on_gap, splits, runs, records, rows, rejected, dead_letters, gaps, last_run
FROM pinterest.stream_status ORDER BY stream COLLATE "C";
SELECT * FROM pinterest.stream_position;

SELECT pinterest.pull_stream('two');
SELECT pinterest.pull_stream(NULL);
SELECT pinterest.pull_stream('one', 0);
SELECT pinterest.replay_dead_letters('one');
SELECT pinterest.reset_stream('one', split => 't/0');
SELECT pinterest.reset_stream('one', since => now(), split => 't/0', at => '1');
SELECT pinterest.reset_stream('one', since => NULL);
SELECT pinterest.reset_stream('one', split => 't/0', at => '1x');
SELECT pinterest.reset_stream('one', split => 't/x', at => '1');
SELECT pinterest.reset_stream('one', split => 't/0', at => '17');
SELECT * FROM pinterest.stream_position;
SELECT pinterest.reset_stream('one', since => '2026-01-01 00:00+00');
SELECT * FROM pinterest.stream_position;
BEGIN READ ONLY;
SELECT pinterest.pull_stream('one');
ROLLBACK;

-- Objects that change
ALTER TABLE stream_target RENAME TO stream_target_old;
SELECT pinterest.reset_stream('one', split => 't/0', at => '17');
ALTER TABLE stream_target_old RENAME TO stream_target;

-- Rights
CREATE ROLE regress_stream_owner;
CREATE ROLE regress_stream_stranger;
GRANT SELECT ON stream_source TO regress_stream_owner;
GRANT INSERT ON stream_target TO regress_stream_stranger;
SET ROLE regress_stream_owner;
SELECT pinterest.create_stream('mine', 'stream_source', 'stream_target');
SELECT pinterest.drop_stream('one');
SELECT count(*) FROM pinterest.stream_status;
RESET ROLE;
GRANT INSERT ON stream_target TO regress_stream_owner;
SET ROLE regress_stream_owner;
SELECT pinterest.create_stream('mine', 'stream_source', 'stream_target');
SELECT stream, owner FROM pinterest.stream_status;
SET ROLE regress_stream_stranger;
SELECT pinterest.create_stream('mine too', 'stream_source', 'stream_target');
SELECT pinterest.drop_stream('mine');
DELETE FROM pinterest.stream_position;
UPDATE pinterest.dead_letter SET error = '';
SELECT stream FROM pinterest.stream_status;
RESET ROLE;
GRANT pg_monitor TO regress_stream_stranger;
UPDATE pinterest._stream_worker SET last_error = 'what a record holds';
SET ROLE regress_stream_stranger;
SELECT stream, last_error FROM pinterest.stream_status ORDER BY 1;
SET ROLE regress_stream_owner;
SELECT stream, last_error FROM pinterest.stream_status;
SET ROLE regress_stream_stranger;
SELECT pinterest.drop_stream('mine');
RESET ROLE;
REVOKE pg_monitor FROM regress_stream_stranger;

-- What streams run, and as whom, is not for those who may write all data
GRANT pg_read_all_data, pg_write_all_data TO regress_stream_stranger;
SET ROLE regress_stream_stranger;
\set SHOW_CONTEXT never
UPDATE pinterest._stream SET owner = 'postgres';
UPDATE pinterest._stream SET query = 'SELECT n FROM evil()' WHERE name = 'mine';
INSERT INTO pinterest._stream SELECT * FROM pinterest._stream;
\set SHOW_CONTEXT errors
RESET ROLE;

SELECT pinterest.drop_stream(stream) FROM pinterest.stream_status;
SELECT pinterest.drop_stream('one');
DROP TABLE "Odd ""schema"""."t'a", stream_elsewhere, stream_ruled, stream_unlogged, stream_parts, stream_keys, stream_target;
DROP SCHEMA "Odd ""schema""";
DROP SERVER stream_server CASCADE;
DROP FOREIGN DATA WRAPPER stream_wrapper CASCADE;
DROP ROLE regress_stream_owner, regress_stream_stranger;
