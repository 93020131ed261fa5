-- Metadata columns tell what the source knows about a record, in their own type
-- or another; hive_key takes values out of the path.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CALL folder.put('plain/a.json', E'{"n":1}\n\n{"n":2}{"n":3}\n[{"n":4},\n{"n":5}]');
CALL folder.make_table('plain', $$n int, path text OPTIONS (metadata 'path'), size bigint OPTIONS (metadata 'size'),
    last_modified timestamptz OPTIONS (metadata 'last_modified'), etag text OPTIONS (metadata 'etag'),
    line bigint OPTIONS (metadata 'line'), topic text OPTIONS (metadata 'topic'),
    partition int OPTIONS (metadata 'partition'), "offset" bigint OPTIONS (metadata 'offset'),
    value bytea OPTIONS (metadata 'value'), error text OPTIONS (metadata 'error')$$, 'plain/');
SELECT n, folder.mask(path), size, line, etag, topic, partition, "offset", error FROM plain;
SELECT n, convert_from(value, 'UTF8') AS value FROM plain;
SELECT DISTINCT last_modified BETWEEN now() - interval '1 hour' AND now() + interval '1 hour' AS now FROM plain;
-- without any value of the record
SELECT line FROM plain;
SELECT count(*) FROM plain WHERE line = 3;

-- Other types
CALL folder.make_table('converted', $$path varchar(7) OPTIONS (metadata 'path'), size text OPTIONS (metadata 'size'),
    day date OPTIONS (metadata 'last_modified'), line numeric(5,1) OPTIONS (metadata 'line'),
    value text OPTIONS (metadata 'value'), value_json jsonb OPTIONS (metadata 'value'), error bytea OPTIONS (metadata 'error')$$,
    'plain/');
SELECT * FROM folder.failure('SELECT path FROM converted');
SELECT size, day BETWEEN current_date - 1 AND current_date + 1 AS today, line, value, value_json, error FROM converted;
CALL folder.make_table('unfit', $$size uuid OPTIONS (metadata 'size')$$, 'plain/');
SELECT * FROM folder.failure('SELECT * FROM unfit');
ALTER FOREIGN TABLE unfit ADD COLUMN n int, ADD COLUMN error text OPTIONS (metadata 'error');
ALTER FOREIGN TABLE unfit OPTIONS (ADD on_error 'ignore');
SELECT * FROM unfit;
ALTER FOREIGN TABLE unfit OPTIONS (SET on_error 'set_null');
SELECT * FROM unfit;
SELECT n FROM unfit;
-- a length of the same type counts as well
CALL folder.make_table('rounded', $$t timestamptz(0) OPTIONS (metadata 'last_modified')$$, 'plain/');
SELECT count(*) FROM rounded WHERE t <> date_trunc('second', t);
-- a record that is no JSON, into json
CALL folder.put('broken/a.json', E'{"n":1}\n{"n":2');
CALL folder.make_table('broken', $$n int, value jsonb OPTIONS (metadata 'value'), error text OPTIONS (metadata 'error')$$,
    'broken/', $$on_error 'set_null'$$);
SELECT * FROM broken;

-- The sink layout: what the object's name tells; keys and headers of messages,
-- and all other objects, are passed over
CALL folder.put('topics/t.pin/partition=3/t.pin+3+0000000010.json', E'{"n":10}\n{"n":11}\n\n{"n":12}\n');
CALL folder.put('topics/t.pin/partition=3/t.pin+3+0000000013.json', E'[{"n":13},{"n":14}]');
CALL folder.put('topics/t.pin/partition=3/t.pin+3+0000000010.keys.json', 'no record');
CALL folder.put('topics/t.pin/partition=3/t.pin+3+0000000010.headers.json', 'no record');
CALL folder.put('topics/t.pin/partition=3/t.pin+3+x.json', 'no record');
CALL folder.put('topics/t.pin/partition=3/t.pin+3+99999999999999999999.json', 'no record');
CALL folder.put('topics/t.pin/partition=3/t.pin+2147483648+1.json', 'no record');
CALL folder.put('topics/t.pin/partition=3/+3+1.json', 'no record');
CALL folder.put('topics/t.pin/partition=3/readme.txt', 'no record');
CALL folder.put('topics/t.pin/partition=4/plus+in+topic+4+0000000000.json', '{"n":1}');
CALL folder.make_table('sink', $$n int, topic text OPTIONS (metadata 'topic'), partition int OPTIONS (metadata 'partition'),
    "offset" bigint OPTIONS (metadata 'offset'), partition_key text OPTIONS (hive_key 'partition')$$, 'topics/', $$layout 'sink'$$);
SELECT * FROM sink ORDER BY partition, "offset";
SELECT * FROM sink WHERE partition_key = '4';

-- Hive keys: decoded as Hive writes them; the first counts; the object's own
-- name is no folder
CALL folder.put('hive/year=2022/note=a%20b%2Fc%3D%25/1.json', '{"n":1}');
CALL folder.put('hive/year=2023/year=1999/note=%zz%4/2.json', '{"n":2}');
CALL folder.put('hive/year=__HIVE_DEFAULT_PARTITION__/note=/3.json', '{"n":3}');
CALL folder.put('hive/note=x=y/year=5.json', '{"n":4}');
CALL folder.put('hive/a%20key=6/year/4.json', '{"n":5}');
CALL folder.make_table('hive', $$n int, year int OPTIONS (hive_key 'year'), note text OPTIONS (hive_key 'note'),
    odd text OPTIONS (hive_key 'a key')$$, 'hive/');
SELECT * FROM hive ORDER BY n;
ALTER FOREIGN TABLE hive ALTER COLUMN note TYPE int;
SELECT * FROM folder.failure('SELECT note FROM hive WHERE n = 1');
-- NULL is checked by a domain here too
CREATE DOMAIN metadata_year AS int NOT NULL;
ALTER FOREIGN TABLE hive ALTER COLUMN year TYPE metadata_year;
SELECT count(*) FROM folder.failure('SELECT year FROM hive') AS f(line) WHERE line LIKE 'ERROR:  23502: domain metadata_year%';

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP DOMAIN metadata_year;
