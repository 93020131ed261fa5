-- INSERT and COPY FROM into folders: what is written reads back as it was, and
-- what fails leaves nothing behind.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

-- The files below a folder, without what is random in their names; and all they hold
CREATE FUNCTION folder.files(place text) RETURNS SETOF text LANGUAGE sql AS
$$
    SELECT regexp_replace(name, '^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}-', 'TIME-RANDOM-')
    FROM pg_ls_dir(folder.path() || '/' || place, false, false) name ORDER BY name COLLATE "C"
$$;
CREATE FUNCTION folder.content(place text) RETURNS SETOF text LANGUAGE sql AS
$$
    SELECT pg_read_file(folder.path() || '/' || place || '/' || name)
    FROM pg_ls_dir(folder.path() || '/' || place, false, false) name ORDER BY name COLLATE "C"
$$;
CALL folder.shell('mkdir plain few types nested array gz zst parts failing');

-- A row is an object, a statement a file
CALL folder.make_table('plain', 'i int, t text, path text OPTIONS (metadata ''path'')', 'plain/');
INSERT INTO plain VALUES (1, 'one'), (2, NULL), (NULL, E'a "quote", a \\ and\na line');
INSERT INTO plain SELECT WHERE false;
SELECT folder.files('plain');
SELECT folder.content('plain');
SELECT i, t FROM plain ORDER BY i;
INSERT INTO plain (i) VALUES (4) RETURNING i, t, path;
COPY plain (i, t) FROM STDIN;
5	five
6	\N
\.
SELECT folder.files('plain');
SELECT count(*), sum(i) FROM plain;
PREPARE put AS INSERT INTO plain VALUES ($1, $2);
EXECUTE put (7, 'seven');
WITH added AS (INSERT INTO plain VALUES (8, 'eight') RETURNING *) SELECT i, t FROM added;
INSERT INTO plain VALUES (9, 'nine') ON CONFLICT DO NOTHING;
SELECT count(*), sum(i) FROM plain;
SELECT * FROM folder.plan('EXPLAIN (COSTS off) INSERT INTO plain SELECT 1');

-- Files of so many rows
CALL folder.make_table('few', 'i int', 'few/', 'rows_per_object ''2''');
INSERT INTO few SELECT generate_series(1, 5);
SELECT folder.files('few');
SELECT folder.content('few');

-- Values of all types: the records are what row_to_json says, and read back the same
CREATE TYPE folder.pair AS (a int, b text[]);
CREATE DOMAIN folder.small AS int CHECK (VALUE < 10);
CREATE TYPE folder.mood AS ENUM ('fine', 'so "so"');
CREATE TABLE folder.typed (
    i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, b bool,
    t text, v varchar(5), c char(4), by bytea, u uuid, d date, ts timestamp, tz timestamptz,
    tm time, iv interval, j json, jb jsonb, ia int[], ta text[], aa int[][], p folder.pair,
    pa folder.pair[], s folder.small, m folder.mood, ip inet, r int4range, "q ""k\" text);
INSERT INTO folder.typed VALUES
    (-1, 2, 9223372036854775807, 1.1, 0.1, 1.50, true,
     E'é \u20ac \U0001F600 \x01\x1f\x7f\b\f\n\r\t/\\"', 'abc', 'ab', '\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
     '2020-02-29', '2020-02-29 12:34:56.789', '2020-02-29 12:34:56.789+02', '12:34:56.7', '1 day 02:00', E'{"a":\n [1,\r\n2]}', '{"b": "x\ny"}',
     '{1,NULL,3}', '{a,NULL,"b \"c"}', '{{1,2},{3,4}}', ROW(1, '{x,y}'),
     ARRAY[ROW(1, NULL)::folder.pair, NULL], 9, 'so "so"', '10.0.0.1/8', '[1,5)', 'odd'),
    (-32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', 'NaN', false,
     '', '', '', '', NULL, 'infinity', '-infinity', 'infinity', NULL, NULL, 'null', 'null',
     '{}', '{}', NULL, ROW(NULL, NULL), '{}', 0, 'fine', '::1', 'empty', ''),
    (0, 0, 0, 0, '-0', 0, NULL, ' ', NULL, NULL, '\x22', NULL, '0044-03-15 BC', '0044-03-15 BC', NULL,
     NULL, NULL, '"s"', '"s"', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
     NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CALL folder.make_table('types', '
    i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, b bool,
    t text, v varchar(5), c char(4), by bytea, u uuid, d date, ts timestamp, tz timestamptz,
    tm time, iv interval, j json, jb jsonb, ia int[], ta text[], aa int[][], p folder.pair,
    pa folder.pair[], s folder.small, m folder.mood, ip inet, r int4range, "q ""k\" text', 'types/');
INSERT INTO types SELECT * FROM folder.typed;
SET extra_float_digits = 0;     -- numbers keep their digits
INSERT INTO types (f4, f8) VALUES (0.1 + 1e-8::float4, 0.1::float8 + 0.2::float8);
RESET extra_float_digits;
WITH before AS (SELECT row_to_json(x)::jsonb AS r FROM folder.typed x),
     after AS (SELECT row_to_json(x)::jsonb AS r FROM types x WHERE f8 IS DISTINCT FROM 0.1::float8 + 0.2::float8)
SELECT (SELECT count(*) FROM before), (SELECT count(*) FROM after),
       (SELECT count(*) FROM (TABLE before EXCEPT ALL TABLE after) s) AS missing,
       (SELECT count(*) FROM (TABLE after EXCEPT ALL TABLE before) s) AS added;
SELECT f4, f8 FROM types WHERE f8 = 0.1::float8 + 0.2::float8;
-- the text itself
WITH written AS (
    SELECT line, n FROM folder.content('types') c, string_to_table(c, E'\n') WITH ORDINALITY AS s(line, n)),
expected AS (
    SELECT translate(row_to_json(x)::text, E'\n\r', '  ') AS line, row_number() OVER () AS n FROM folder.typed x)
SELECT count(*) FROM written JOIN expected USING (line);

-- Other keys, pointers, arrays by index
CALL folder.make_table('nested', 'id int OPTIONS (field ''index''), name text OPTIONS (field ''/user/name''),
    lat float8 OPTIONS (field ''/place/0''), lon float8 OPTIONS (field ''/place/1''), z int,
    city text OPTIONS (field ''/user/home~1town/city''), n int OPTIONS (field ''/counts/5'')', 'nested/');
INSERT INTO nested VALUES (1, 'Ann', 52.5, -1.5, 7, 'Delft', 3);
INSERT INTO nested (id) VALUES (2);
SELECT content FROM folder.content('nested') content ORDER BY length(content) DESC;
SELECT * FROM nested ORDER BY id;
CALL folder.make_table('twice', 'a int, b int OPTIONS (field ''a'')', 'nested/');
INSERT INTO twice VALUES (1, 2);
CALL folder.make_table('inside', 'a jsonb, b int OPTIONS (field ''/a/b'')', 'nested/');
INSERT INTO inside VALUES ('{}', 2);

-- One array an object; compression
CALL folder.make_table('arr', 'i int', 'array/', 'format ''array'', rows_per_object ''2''');
INSERT INTO arr SELECT generate_series(1, 3);
SELECT folder.content('array');
SELECT sum(i) FROM arr;
CALL folder.make_table('gz', 'i int, t text', 'gz/', 'compression ''gzip'', rows_per_object ''30000''');
INSERT INTO gz SELECT i, md5(i::text) FROM generate_series(1, 50000) i;
CALL folder.make_table('zst', 'i int, t text', 'zst/', 'compression ''zstd'', rows_per_object ''30000''');
INSERT INTO zst SELECT i, md5(i::text) FROM generate_series(1, 50000) i;
SELECT folder.files('gz') UNION ALL SELECT folder.files('zst');
SELECT count(*), sum(i), count(DISTINCT t) FROM gz;
SELECT count(*), sum(i), count(DISTINCT t) FROM zst;

-- Partitions
CREATE TABLE measured (day int, v int) PARTITION BY LIST (day);
CREATE TABLE measured_local PARTITION OF measured FOR VALUES IN (1);
CALL folder.make_table('measured_file', 'day int, v int', 'parts/');
ALTER TABLE measured ATTACH PARTITION measured_file FOR VALUES IN (2);
INSERT INTO measured SELECT i % 2 + 1, i FROM generate_series(1, 10) i;
COPY measured FROM STDIN;
1	100
2	200
\.
SELECT tableoid::regclass, count(*), sum(v) FROM measured GROUP BY 1 ORDER BY 1;
SELECT folder.files('parts');

-- What a failed statement leaves: nothing
CALL folder.make_table('failing', 'i int, d date', 'failing/', 'rows_per_object ''10''');
INSERT INTO failing (i) SELECT 1 / (50 - i) FROM generate_series(1, 100) i;
COPY failing FROM STDIN;
1	2020-01-01
2	no date
\.
SET statement_timeout = '200ms';
INSERT INTO failing (i) SELECT i FROM generate_series(1, 30) i WHERE pg_sleep(0.02) IS NOT NULL;
RESET statement_timeout;
SELECT folder.files('failing');

-- What a rollback leaves: what was written
-- (the warnings that say so name the folder)
SET client_min_messages = error;
BEGIN;
INSERT INTO failing VALUES (1);
SAVEPOINT s;
INSERT INTO failing SELECT 2 FROM generate_series(1, 11);
ROLLBACK TO s;
INSERT INTO failing VALUES (3);
SAVEPOINT t;
INSERT INTO failing VALUES (4);
RELEASE t;
ROLLBACK;
RESET client_min_messages;
SELECT i, count(*) FROM failing GROUP BY i ORDER BY i;
BEGIN;
INSERT INTO failing VALUES (5);
COMMIT;
DO $$
BEGIN
    INSERT INTO failing SELECT 6 / (5 - i) FROM generate_series(1, 9) i;
EXCEPTION WHEN division_by_zero THEN
    INSERT INTO failing VALUES (7);
END $$;
SELECT count(*) FROM failing WHERE i > 4;

-- What cannot be written
INSERT INTO plain VALUES (1, 'x', 'file:///x');
UPDATE plain SET i = 0;
DELETE FROM plain;
TRUNCATE plain;
CALL folder.make_table('wild', 'i int', 'plain/*.json');
SELECT * FROM folder.failure($$INSERT INTO wild VALUES (1)$$);
CALL folder.make_table('missing', 'i int', 'plain/none/');
SELECT * FROM folder.failure('INSERT INTO missing VALUES (1)');
CALL folder.make_table('hive', 'i int, day date OPTIONS (hive_key ''day'')', 'plain/');
INSERT INTO hive VALUES (1, '2020-01-01');
INSERT INTO hive VALUES (1);

-- Option updatable: the table's word goes before the server's
ALTER FOREIGN TABLE plain OPTIONS (ADD updatable 'maybe');
ALTER FOREIGN TABLE plain OPTIONS (ADD updatable 'false');
INSERT INTO plain VALUES (1);
COPY plain (i) FROM STDIN;
1
\.
SELECT is_insertable_into FROM information_schema.tables WHERE table_name = 'plain';
ALTER FOREIGN TABLE plain OPTIONS (DROP updatable);
ALTER SERVER folder_server OPTIONS (ADD updatable 'false');
INSERT INTO plain VALUES (1);
ALTER FOREIGN TABLE plain OPTIONS (ADD updatable 'true');
INSERT INTO plain VALUES (1);
ALTER SERVER folder_server OPTIONS (DROP updatable);

-- and of a column: it is but read
CALL folder.shell('mkdir partly');
CALL folder.make_table('partly', 'i int, old int OPTIONS (field ''j'', updatable ''false''), value text OPTIONS (metadata ''value'')', 'partly/');
INSERT INTO partly VALUES (1), (2);
INSERT INTO partly VALUES (3, 4);
CALL folder.shell('echo ''{"i":5,"j":6}'' > partly/by_others.json');
SELECT * FROM partly ORDER BY i;
ALTER FOREIGN TABLE few OPTIONS (SET rows_per_object '0');

-- Columns that are computed: what is stored is part of the record, what is virtual
-- (from release 18 on) is not
CALL folder.shell('mkdir computed');
SELECT 'twice int GENERATED ALWAYS AS (i * 2) STORED' ||
    CASE WHEN current_setting('server_version_num')::int >= 180000
         THEN ', thrice int GENERATED ALWAYS AS (i * 3) VIRTUAL' ELSE '' END AS computed \gset
CALL folder.make_table('computed', 'i int, ' || :'computed', 'computed/');
INSERT INTO computed (i) VALUES (4) RETURNING i, twice;
SELECT i, twice FROM computed;
CALL folder.make_table('records', 'value text OPTIONS (metadata ''value'')', 'computed/');
SELECT * FROM records;

-- Files of the server are written with the right of the table's owner
CREATE ROLE regress_writer;
CREATE ROLE regress_inserter;
GRANT pg_read_server_files TO regress_writer;
ALTER FOREIGN TABLE few OWNER TO regress_writer;
GRANT INSERT ON few TO regress_inserter;
SET ROLE regress_inserter;
INSERT INTO few VALUES (1);
RESET ROLE;
INSERT INTO few VALUES (1);
GRANT pg_write_server_files TO regress_writer;
SET ROLE regress_inserter;
INSERT INTO few VALUES (6);
SELECT * FROM few;
RESET ROLE;
SELECT count(*), sum(i) FROM few;

CALL folder.remove();
SET client_min_messages = warning;
DROP TABLE measured;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP ROLE regress_writer, regress_inserter;
