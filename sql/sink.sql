-- Streams into folders: what is refused, and who may do what; nothing here reads a
-- topic.  test/088_sink.pl has the runs.
\pset null NULL
\set SHOW_CONTEXT never
CREATE SERVER sink_kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE SERVER sink_kinesis FOREIGN DATA WRAPPER kinesis_json OPTIONS (region 'eu-west-1');
CREATE SERVER sink_s3 FOREIGN DATA WRAPPER s3_json OPTIONS (region 'eu-west-1');

-- Arguments
SELECT pinterest.create_sink(NULL, 'sink_kafka', 'orders', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink('', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink(repeat('x', 57), 'sink_kafka', 'orders', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink('sink', 'sink_missing', 'orders', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink('sink', 'sink_kinesis', 'orders', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_kafka', 's3://bucket');
\set VERBOSITY terse
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders(', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_s3', '/folder');
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', flush_size => 0);
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', rotate_interval => '-1s');
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', schema => NULL);
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', on_error => 'skip');
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', on_gap => NULL);
\set VERBOSITY default

-- What it makes
SELECT pinterest.create_sink('sink', 'sink_kafka', 'orders|users', 'sink_s3', 's3://bucket', flush_size => 500, rotate_interval => '1 minute');
SELECT pinterest.create_sink('sink', 'sink_kafka', 'other', 'sink_s3', 's3://bucket');
SELECT pinterest.create_sink('lenient', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', on_error => 'ignore', on_gap => 'skip');
SELECT source, target, on_error, on_gap, rotate_interval, state FROM pinterest.stream_status WHERE stream IN ('sink', 'lenient') ORDER BY 1;
SELECT ftrelid::regclass AS relation, ftoptions FROM pg_foreign_table WHERE ftrelid IN ('sink_source'::regclass, 'sink_target'::regclass) ORDER BY 1;
SELECT * FROM pinterest.stream_object;
SELECT pinterest.pull_stream('sink');
SELECT pinterest.replay_dead_letters('sink');
BEGIN;
CALL pinterest.run_stream('sink');
ROLLBACK;
CREATE FUNCTION sink_run() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL pinterest.run_stream(''sink''); END';
SELECT sink_run();
CALL pinterest.run_stream('none');
CALL pinterest.run_stream(NULL);

-- Sources and targets
CREATE FOREIGN TABLE sink_plain (topic text OPTIONS (metadata 'topic'), partition integer OPTIONS (metadata 'partition'),
    "offset" bigint OPTIONS (metadata 'offset'), value bytea OPTIONS (metadata 'value')) SERVER sink_s3 OPTIONS (location 's3://bucket/topics/');
SELECT pinterest.create_stream('s', 'sink_source', 'sink_plain');
ALTER FOREIGN TABLE sink_plain OPTIONS (ADD layout 'sink');
SELECT pinterest.create_stream('s', 'sink_source', 'sink_plain');
CREATE FOREIGN TABLE sink_shards (stream text OPTIONS (metadata 'stream'), value bytea OPTIONS (metadata 'data')) SERVER sink_kinesis OPTIONS (stream 'orders');
SELECT pinterest.create_stream('s', 'sink_shards', 'sink_target');
SELECT pinterest.create_stream('s', 'sink_target', 'sink_target');
SELECT pinterest.create_stream('s', 'sink_source', 'sink_source');
SELECT pinterest.create_stream('s', 'sink_source', 'sink_target', key_columns => '{topic}');
SELECT pinterest.create_stream('s', 'sink_source', 'sink_target', query => 'SELECT topic, value FROM public.sink_source');
CREATE TABLE sink_table (value bytea);
SELECT pinterest.create_stream('s', 'sink_source', 'sink_table', rotate_interval => '1s');
ALTER FOREIGN TABLE sink_target OPTIONS (ADD updatable 'false');
SELECT pinterest.create_stream('s', 'sink_source', 'sink_target');
ALTER FOREIGN TABLE sink_target OPTIONS (DROP updatable);
SELECT pinterest.create_stream('s', 'sink_source', 'sink_target');
SELECT rotate_interval FROM pinterest.stream_status WHERE stream = 's';
SELECT pinterest.drop_stream('s');

-- Rights
CREATE ROLE regress_sink_owner;
CREATE SCHEMA sink_schema AUTHORIZATION regress_sink_owner;
CREATE SCHEMA sink_other;
SET ROLE regress_sink_owner;
\set VERBOSITY terse
SELECT pinterest.create_sink('theirs', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', schema => 'sink_schema');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER sink_kafka, sink_s3 TO regress_sink_owner;
SET ROLE regress_sink_owner;
SELECT pinterest.create_sink('theirs', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', schema => 'sink_other');
SELECT pinterest.create_sink('theirs', 'sink_kafka', 'orders', 'sink_s3', 'file:///tmp', schema => 'sink_schema');
SELECT pinterest.create_sink('theirs', 'sink_kafka', 'orders', 'sink_s3', 's3://bucket', schema => 'sink_schema');
SELECT stream, owner, source FROM pinterest.stream_status;
CALL pinterest.run_stream('sink');
SELECT * FROM pinterest.stream_object;
SELECT * FROM pinterest._stream_object;
RESET ROLE;

SELECT pinterest.drop_stream(stream) FROM pinterest.stream_status WHERE stream IN ('sink', 'lenient', 'theirs');
SET client_min_messages = warning;
DROP FUNCTION sink_run;
DROP TABLE sink_table;
DROP SERVER sink_kafka CASCADE;
DROP SERVER sink_kinesis CASCADE;
DROP SERVER sink_s3 CASCADE;
DROP SCHEMA sink_schema, sink_other;
DROP OWNED BY regress_sink_owner;
DROP ROLE regress_sink_owner;
