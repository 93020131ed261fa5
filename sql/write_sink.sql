-- INSERT and COPY FROM into the folders of a sink: each record goes to the end of
-- its partition, under the name the sink would have given its object, and reads
-- back with its topic, partition and offset.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

-- Paths below a folder, and what they hold
CREATE FUNCTION folder.objects(place text, OUT path text, OUT content text) RETURNS SETOF record LANGUAGE sql AS
$$
    WITH RECURSIVE below(path, folder) AS (
        SELECT place, true
        UNION ALL
        SELECT path || '/' || name, (pg_stat_file(folder.path() || '/' || path || '/' || name)).isdir
        FROM below, pg_ls_dir(folder.path() || '/' || path) name WHERE folder)
    SELECT path, pg_read_file(folder.path() || '/' || path) FROM below WHERE NOT folder ORDER BY path COLLATE "C"
$$;

-- One topic: a row says the partition, or it is 0
CALL folder.shell('mkdir -p one/topics');
CALL folder.make_table('orders', $$id int, topic text OPTIONS (metadata 'topic'), partition int OPTIONS (metadata 'partition'),
    "offset" bigint OPTIONS (metadata 'offset'), path text OPTIONS (metadata 'path')$$,
    'one/topics/orders/partition=*/', $$layout 'sink', rows_per_object '3'$$);
INSERT INTO orders (id) SELECT generate_series(1, 4);
SELECT * FROM folder.objects('one');
INSERT INTO orders (id, partition) SELECT i, i % 3 FROM generate_series(10, 20) i;
COPY orders (id, topic, partition) FROM STDIN;
30	orders	1
31	\N	\N
\.
SELECT * FROM folder.objects('one');
SELECT topic, partition, "offset", id FROM orders ORDER BY partition, "offset";

-- Offsets of one's own: they may leave gaps, and go on behind them
INSERT INTO orders (id, partition, "offset") VALUES (40, 7, 100), (41, 7, 101), (42, 7, 110), (43, 7, NULL), (44, 7, 9999999999);
INSERT INTO orders (id, partition) VALUES (45, 7);
SELECT path FROM folder.objects('one') WHERE path LIKE '%=7/%';
SELECT "offset", id FROM orders WHERE partition = 7 ORDER BY "offset";
INSERT INTO orders (id, partition, "offset") VALUES (50, 7, 105);
INSERT INTO orders (id, partition, "offset") VALUES (50, 8, 5), (51, 8, 5);
INSERT INTO orders (id, partition, "offset") VALUES (50, 8, -1);
INSERT INTO orders (id, partition, "offset") VALUES (50, 8, 9223372036854775807);
SELECT count(*) FROM orders WHERE partition = 8;

-- The end of a partition: whatever lies in its last object, and nothing else
CALL folder.put('one/topics/orders/partition=9/orders+9+0000000005.json', E'{"id":1}{"id":2}\n\n[{"id":3},{"id":4}]\nno record\n');
CALL folder.put('one/topics/orders/partition=9/orders+9+0000000005.keys.json', 'no record');
CALL folder.put('one/topics/orders/partition=9/orders+8+0000000500.json', '{"id":0}');
CALL folder.put('one/topics/orders/partition=9/other+9+0000000500.json', '{"id":0}');
CALL folder.put('one/topics/orders/partition=9/.orders+9+0000000500.json', '{"id":0}');
INSERT INTO orders (id, partition) VALUES (5, 9);
SELECT path FROM folder.objects('one') WHERE path LIKE '%=9/orders+9+%.json';
CALL folder.put('one/topics/orders/partition=10/orders+10+0000000005.json', '');
INSERT INTO orders (id, partition) VALUES (5, 10);
SELECT path FROM folder.objects('one') WHERE path LIKE '%=10/%';
CALL folder.put('one/topics/orders/partition=11/orders+11+0000000005.json', E'{"id":1}\n');
CALL folder.shell('cd one/topics/orders/partition=11 && printf ''{"id":1}\n{"id":2}\n'' | gzip > orders+11+0000000005.json.gz');
INSERT INTO orders (id, partition) VALUES (5, 11);
SELECT name FROM pg_ls_dir(folder.path() || '/one/topics/orders/partition=11') name ORDER BY name COLLATE "C";

-- Several topics: a row says which
CALL folder.shell('mkdir -p two');
CALL folder.make_table('topics', $$id int, t varchar(20) OPTIONS (metadata 'topic'), p numeric OPTIONS (metadata 'partition')$$,
    'two/*/partition=*/', $$layout 'sink'$$);
INSERT INTO topics VALUES (1, 'a', NULL), (2, 'b.pin', 1), (3, 'a', 0), (4, 'b.pin', 0);
SELECT * FROM folder.objects('two');
SELECT * FROM topics ORDER BY id;
SELECT * FROM folder.failure('INSERT INTO topics VALUES (5, NULL, 0)');
INSERT INTO topics VALUES (5, 'a', 1.5);
INSERT INTO topics VALUES (5, 'a', -1);
INSERT INTO topics VALUES (5, 'a', 4294967296);
SELECT folder.failure(format('INSERT INTO topics VALUES (5, %L, 0)', topic))
FROM unnest('{"", a/b, .a, _a, "a b", a+b, ../a, "a*"}'::text[]) AS topic;
CALL folder.make_table('user_topics', $$id int, t text OPTIONS (metadata 'topic')$$, 'two/user.*/partition=*/', $$layout 'sink'$$);
INSERT INTO user_topics VALUES (1, 'user.pin');
SELECT * FROM folder.failure($$INSERT INTO user_topics VALUES (1, 'pin')$$);
SELECT * FROM user_topics;

-- Compressed objects, and arrays
CALL folder.make_table('gz', $$id int, p int OPTIONS (metadata 'partition'), "offset" int OPTIONS (metadata 'offset')$$,
    'two/gz/partition=*/', $$layout 'sink', compression 'gzip', rows_per_object '4'$$);
INSERT INTO gz (id, p) SELECT i, i % 2 FROM generate_series(1, 10) i;
INSERT INTO gz (id, p) SELECT i, i % 2 FROM generate_series(11, 20) i;
SELECT p, count(*), min("offset"), max("offset"), count(DISTINCT "offset"), array_agg(id ORDER BY "offset") FROM gz GROUP BY p ORDER BY p;
SELECT name FROM pg_ls_dir(folder.path() || '/two/gz/partition=1') name ORDER BY name COLLATE "C";
CALL folder.make_table('arrays', $$id int, p int OPTIONS (metadata 'partition'), "offset" int OPTIONS (metadata 'offset')$$,
    'two/arrays/partition=*/', $$layout 'sink', format 'array', rows_per_object '2'$$);
INSERT INTO arrays (id) SELECT generate_series(1, 3);
INSERT INTO arrays (id) VALUES (4);
SELECT * FROM folder.objects('two/arrays');
SELECT * FROM arrays ORDER BY "offset";

-- More than the records that may wait in memory, of more partitions than
-- descriptors would do for
CALL folder.make_table('many', $$id int, filler text, p int OPTIONS (metadata 'partition'), "offset" int OPTIONS (metadata 'offset')$$,
    'two/many/partition=*/', $$layout 'sink'$$);
INSERT INTO many (id, filler, p) SELECT i, repeat('x', 1000), i % 1500 FROM generate_series(0, 29999) i;
SELECT count(*), count(DISTINCT p), bool_and(id = "offset" * 1500 + p) FROM many;
-- few partitions, large objects
INSERT INTO many (id, filler, p) SELECT i, repeat('x', 1000), 2000 + i % 2 FROM generate_series(0, 29999) i;
SELECT p, count(*), count(DISTINCT "offset"), bool_and(id = "offset" * 2 + p - 2000) FROM many WHERE p >= 2000 GROUP BY p ORDER BY p;

-- A failed statement leaves nothing, no folder either
CALL folder.shell('mkdir -p three');
CALL folder.make_table('failing', $$id int, t text OPTIONS (metadata 'topic'), p int OPTIONS (metadata 'partition')$$,
    'three/*/partition=*/', $$layout 'sink', rows_per_object '2'$$);
INSERT INTO failing SELECT 1 / (50 - i), 'new', i % 5 FROM generate_series(1, 100) i;
SELECT * FROM pg_ls_dir(folder.path() || '/three');
INSERT INTO failing VALUES (1, 'old', 0);
INSERT INTO failing SELECT 1 / (50 - i), 'old', i % 5 FROM generate_series(1, 100) i;
SELECT * FROM folder.objects('three');
SELECT * FROM pg_ls_dir(folder.path() || '/three/old');
-- two at once, at the same end: one has to give way
-- (the warning that the other's row stays names the folder)
SET client_min_messages = error;
SELECT * FROM folder.failure($$WITH a AS (INSERT INTO failing VALUES (2, 'old', 0)) INSERT INTO failing VALUES (3, 'old', 0)$$);
RESET client_min_messages;
SELECT count(*) FROM failing WHERE t = 'old';

-- What cannot be written
CALL folder.make_table('refused', 'id int', 'two/', $$layout 'sink'$$);
SELECT * FROM folder.failure('INSERT INTO refused VALUES (1)');
DO $$
DECLARE
    location text;
BEGIN
    FOREACH location IN ARRAY '{two/a/, two/a/partition=0/, two/a/partition=*, two/**/partition=*/, two/*/x/partition=*/, two/a/partition=*/*.json, two/partition=*/*/}'::text[] LOOP
        EXECUTE format('ALTER FOREIGN TABLE refused OPTIONS (SET location %L)', 'file://' || folder.path() || '/' || location);
        RAISE NOTICE '%: %', location, (SELECT left(f, 30) FROM folder.failure('INSERT INTO refused VALUES (1)') f LIMIT 1);
    END LOOP;
END
$$;
INSERT INTO orders (id, path) VALUES (1, 'x');
ALTER FOREIGN TABLE orders ADD also int OPTIONS (metadata 'partition');
INSERT INTO orders (id) VALUES (1);
CALL folder.make_table('nowhere', 'id int', 'four/topics/t/partition=*/', $$layout 'sink'$$);
SELECT * FROM folder.failure('INSERT INTO nowhere VALUES (1)');
-- with another layout these are no columns to write
CALL folder.make_table('plain', $$id int, p int OPTIONS (metadata 'partition')$$, 'three/');
INSERT INTO plain VALUES (1, 1);

-- Records as a whole
CALL folder.shell('mkdir -p whole/topics whole/plain');
CALL folder.make_table('whole', $$topic text OPTIONS (metadata 'topic'), partition int OPTIONS (metadata 'partition'),
    "offset" bigint OPTIONS (metadata 'offset'), value text OPTIONS (metadata 'value')$$,
    'whole/topics/*/partition=*/', $$layout 'sink'$$);
INSERT INTO whole (topic, "offset", value) VALUES ('t', 5, '{"a": 1,  "b":"ü"}'), ('t', 6, E' {"a":\r\n [2,\n3]}\n'), ('t', 7, E'\uFEFF{}');
SELECT * FROM folder.objects('whole');
SELECT topic, "offset", value FROM whole ORDER BY "offset";
INSERT INTO whole (topic, value) VALUES ('t', '{"a":1}'), ('t', '{"a":1');
INSERT INTO whole (topic, value) VALUES ('t', '1');
INSERT INTO whole (topic) VALUES ('t');
CALL folder.make_table('either', $$a int, b text, value bytea OPTIONS (metadata 'value')$$, 'whole/plain/');
INSERT INTO either (value) VALUES ('{"c":3}');
INSERT INTO either (a) VALUES (1);
INSERT INTO either DEFAULT VALUES;
INSERT INTO either (a, value) VALUES (1, '{"a":1}');
SELECT a, b, convert_from(value, 'UTF8') AS value FROM either ORDER BY value;

CALL folder.remove();
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
