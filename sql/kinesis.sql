-- kinesis_json without a network: options, columns, plans.  What needs a server is
-- in test/07*.

\set SHOW_CONTEXT never

CREATE SERVER kinesis_server FOREIGN DATA WRAPPER kinesis_json
    OPTIONS (region 'eu-west-1', endpoint 'http://127.0.0.1:1');
ALTER SERVER kinesis_server OPTIONS (ADD path_style 'true');
ALTER SERVER kinesis_server OPTIONS (ADD stream 's');
ALTER SERVER kinesis_server OPTIONS (SET endpoint 'http://host.example/path');
ALTER SERVER kinesis_server OPTIONS (ADD ca_file 'relative.pem');
ALTER SERVER kinesis_server OPTIONS (ADD updatable 'false');
CREATE USER MAPPING FOR CURRENT_USER SERVER kinesis_server OPTIONS (access_key_id 'AKIDTEST');
CREATE USER MAPPING FOR CURRENT_USER SERVER kinesis_server
    OPTIONS (access_key_id 'AKIDTEST', secret_access_key 'hush-hush');

-- Streams, by name or ARN
CREATE FOREIGN TABLE kinesis_table (n int) SERVER kinesis_server;
CREATE FOREIGN TABLE kinesis_table (n int) SERVER kinesis_server OPTIONS (stream '');
CREATE FOREIGN TABLE kinesis_table (n int) SERVER kinesis_server OPTIONS (stream 'a/b');
CREATE FOREIGN TABLE kinesis_table (n int) SERVER kinesis_server OPTIONS (stream 'arn:aws:s3:::bucket');
CREATE FOREIGN TABLE kinesis_table (n int) SERVER kinesis_server OPTIONS (stream 'arn:aws:kinesis:us-east-1:123456789012:stream/');
CREATE FOREIGN TABLE kinesis_table (n int) SERVER kinesis_server OPTIONS (location 's3://bucket/');
CREATE FOREIGN TABLE kinesis_arn (n int) SERVER kinesis_server
    OPTIONS (stream 'arn:aws-cn:kinesis:cn-north-1:123456789012:stream/a_b.c-d');
CREATE FOREIGN TABLE kinesis_table (n int, x int OPTIONS (metadata 'offset')) SERVER kinesis_server OPTIONS (stream 's');
CREATE FOREIGN TABLE kinesis_table (n int, x text OPTIONS (hive_key 'x')) SERVER kinesis_server OPTIONS (stream 's');
CREATE FOREIGN TABLE kinesis_table (
    n int,
    stream text       OPTIONS (metadata 'stream'),
    shard text        OPTIONS (metadata 'shard_id'),
    seq numeric       OPTIONS (metadata 'sequence_number'),
    sub bigint        OPTIONS (metadata 'sub_sequence_number'),
    key text          OPTIONS (metadata 'partition_key'),
    at timestamptz    OPTIONS (metadata 'arrival_timestamp'),
    data bytea        OPTIONS (metadata 'data'),
    error text        OPTIONS (metadata 'error'))
SERVER kinesis_server OPTIONS (stream 's', partition_key 'user', on_error 'set_null');

-- What is pushed down
EXPLAIN (COSTS OFF) SELECT n FROM kinesis_table WHERE shard = 'shardId-000000000001' AND seq > 10 AND key = 'k';
EXPLAIN (COSTS OFF) SELECT at FROM kinesis_table
    WHERE (seq BETWEEN 10 AND 20 OR seq IN (30, 40)) AND at >= '2026-01-02' AND n > 1;
EXPLAIN (COSTS OFF) SELECT count(*) FROM kinesis_table WHERE at < now() OR sub = 1;

-- Writing: what is sent where, and what cannot be
INSERT INTO kinesis_table (n, seq) VALUES (1, 1);
ALTER SERVER kinesis_server OPTIONS (SET updatable 'true');
INSERT INTO kinesis_table (n, seq) VALUES (1, 1);
INSERT INTO kinesis_table (n, key) VALUES (1, 'another');
INSERT INTO kinesis_table (key) VALUES ('user');
SET pinterest.max_retries = 0;
\set VERBOSITY sqlstate
INSERT INTO kinesis_table (n) VALUES (1);
\set VERBOSITY default
UPDATE kinesis_table SET n = 2;
ALTER SERVER kinesis_server OPTIONS (ADD api_gateway 'ftp://host/stage');
ALTER SERVER kinesis_server OPTIONS (ADD api_gateway 'https://host/stage?x=1');
ALTER SERVER kinesis_server OPTIONS (ADD api_gateway 'http://127.0.0.1:1/stage/');
EXPLAIN (COSTS OFF) INSERT INTO kinesis_table (n) VALUES (1);
\set VERBOSITY sqlstate
INSERT INTO kinesis_table (n) VALUES (1);
\set VERBOSITY default
ALTER FOREIGN TABLE kinesis_table OPTIONS (ADD consumer 'no name');
ALTER FOREIGN TABLE kinesis_table OPTIONS (SET partition_key 'a "quoted" key');
INSERT INTO kinesis_table (n, key) VALUES (1, 'a "quoted" key');

-- There is nobody
SELECT step, outcome FROM pinterest.check_server('kinesis_server', 's');
SELECT step, outcome, detail, hint FROM pinterest.check_server('kinesis_server', 'a/b') LIMIT 1;

SET client_min_messages = warning;
DROP SERVER kinesis_server CASCADE;
