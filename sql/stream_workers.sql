-- Background workers of streams: what is refused, and who may start and stop them.
-- Workers themselves are tested with brokers, in test/.

SET client_min_messages = warning;
CREATE SERVER worker_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE FOREIGN TABLE worker_source (k text) SERVER worker_server OPTIONS (topic 't');
CREATE TABLE worker_target (k text);

-- Batches
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_rows => 0);
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_rows => NULL);
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_wait => NULL);
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_wait => '9 ms');
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_wait => '-1 s');
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_wait => '1 day 1 ms');
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_wait => '1 year');
SELECT pinterest.create_stream('w', 'worker_source', 'worker_target', batch_rows => 10, batch_wait => '1 day');
SELECT pinterest.create_stream('v', 'worker_source', 'worker_target', batch_wait => '0.0105 s');
SELECT stream, state, pid, batch_rows, batch_wait, retries, last_error, last_error_time
FROM pinterest.stream_status WHERE stream IN ('v', 'w') ORDER BY stream;

-- What cannot be started
SELECT pinterest.start_stream(NULL);
SELECT pinterest.start_stream('missing');
SELECT pinterest.stop_stream(NULL);
SELECT pinterest.stop_stream('missing');
SELECT pinterest._stream_pid('w');
UPDATE pinterest._stream SET home = 'elsewhere' WHERE name = 'w';
SELECT pinterest.start_stream('w');
SELECT pinterest.resume_stream('w');
ALTER TABLE worker_target RENAME TO worker_target_old;
SELECT pinterest.start_stream('w');
ALTER TABLE worker_target_old RENAME TO worker_target;
BEGIN READ ONLY;
\set VERBOSITY terse
SELECT pinterest.start_stream('w');
ROLLBACK;
\set VERBOSITY default
SET client_min_messages = notice;
SELECT pinterest.stop_stream('w');
SET client_min_messages = warning;

-- What is started, if it is committed
BEGIN;
SELECT pinterest.start_stream('w');
SELECT state IN ('down', 'running') AS started FROM pinterest.stream_status WHERE stream = 'w';
ROLLBACK;
SELECT state FROM pinterest.stream_status WHERE stream = 'w';
BEGIN;
SELECT pinterest.start_stream('w');
SELECT pinterest.stop_stream('w');
COMMIT;
SELECT state FROM pinterest.stream_status WHERE stream = 'w';

-- Who may
CREATE ROLE worker_other;
SET ROLE worker_other;
SELECT pinterest.start_stream('w');
SELECT pinterest.stop_stream('w');
SELECT count(*) FROM pinterest.stream_status;
SELECT * FROM pinterest._stream_worker;
RESET ROLE;

SELECT pinterest.drop_stream('v');
SELECT pinterest.drop_stream('w');
DROP FOREIGN TABLE worker_source;
DROP TABLE worker_target;
DROP SERVER worker_server;
DROP ROLE worker_other;
