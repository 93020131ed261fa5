-- What a column stands for: its own name, a key, or a JSON Pointer; and what
-- its type makes of the value.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CALL folder.put('names/1.json', $$
{"plain":1,"Upper":2,"with \"quotes\"":3,"/slash":4,"with blank":5,"":6,"a":{"b":7},"~":8,"x/y":9,"":10}
{"PLAIN":1,"upper":2,"slash":4}
{}
$$);

-- By name, byte for byte; an own name is never a pointer
CALL folder.make_table('names', 'plain int, "Upper" int, "with ""quotes""" int, "/slash" int, "with blank" int', 'names/');
SELECT * FROM names;
-- By key
CALL folder.make_table('keys',
    $$a int OPTIONS (field 'plain'), b int OPTIONS (field 'with "quotes"'), c int OPTIONS (field '//slash'),
      d int OPTIONS (field ''), e int OPTIONS (field '/'), f int OPTIONS (field '~'), g int OPTIONS (field 'x/y'),
      h int OPTIONS (field '/x~1y'), i int OPTIONS (field '/~1slash'), j int OPTIONS (field '/~0')$$, 'names/');
SELECT * FROM keys;

-- JSON Pointers: nested, into arrays, through what is no container, and paths
-- that share a beginning or a whole
CALL folder.put('pointers/1.json', $$
{"user":{"name":"Ann","tags":["x","y",{"z":[10,20]}],"0":"key 0"},"list":[1,[2,3]],"s":"text"}
{"user":{"name":"Bob"},"user":{"tags":["last"]},"list":{"0":"object","1":{"1":"deep"}}}
{"user":["in","array"],"list":[],"s":null}
{"user":null,"list":"a string"}
$$);
CALL folder.make_table('pointers',
    $$whole json OPTIONS (field 'user'), again jsonb OPTIONS (field '/user'), name text OPTIONS (field '/user/name'),
      "user" text, first text OPTIONS (field '/user/tags/0'), z int OPTIONS (field '/user/tags/2/z/1'),
      key_0 text OPTIONS (field '/user/0'), one text OPTIONS (field '/list/1/1'), zero text OPTIONS (field '/list/0'),
      not_index text OPTIONS (field '/list/00'), last text OPTIONS (field '/list/-'), below_text text OPTIONS (field '/s/0')$$,
    'pointers/');
\x on
SELECT * FROM pointers;
\x off
-- any subset gives the same
SELECT z, name FROM pointers;
SELECT one FROM pointers WHERE zero = 'object';

-- as deep as records may be, and no deeper
SELECT * FROM folder.failure(format('ALTER FOREIGN TABLE pointers ALTER COLUMN one OPTIONS (SET field %L)', repeat('/a', 1025)));
SELECT * FROM folder.failure(format('ALTER FOREIGN TABLE pointers ALTER COLUMN one OPTIONS (SET field %L)', repeat('/a', 1024)));
SELECT count(one) FROM pointers;

-- Types: what json_populate_record makes of a value
CREATE TYPE column_pair AS (x int, y text);
CREATE TYPE column_mood AS ENUM ('sad', 'ok');
CREATE DOMAIN column_even AS int CHECK (VALUE % 2 = 0);
CREATE DOMAIN column_named AS text NOT NULL;
CREATE DOMAIN column_evens AS int[] CHECK (VALUE[1] % 2 = 0);
CALL folder.put('types/1.json', $$
{"t":"text","i":1,"n":123456789012345678901234567890.10,"f":1e-7,"b":true,"d":"2022-01-31","ts":"2022-01-31T12:34:56Z","u":"00000000-0000-4000-8000-00000000000A","by":"\\x00ff","j":{"b":1, "a":[1,2]},"ia":[1,null,3],"ia2":[[1,2],[3,4]],"ta":["a","b,c","\"q\""],"p":{"y":"why","x":1},"pa":[{"x":1},{"y":"b"}],"m":"ok","e":4,"es":[2,3],"nn":"name","v":"abc","c":"abc"}
{"t":{"a": 1},"i":"17","n":"1.50","f":"Infinity","b":"yes","ia":"{4,5}","p":"(2,two)","j":"text","nn":"x"}
{"t":[1, 2],"i":1.0e0,"n":-0.0,"b":false,"j":null,"nn":"x"}
{"t":12.50,"n":1e2,"nn":"x"}
{"t":true,"nn":"x"}
$$);
CALL folder.make_table('types', $$t text, i int, n numeric, f float8, b boolean, d date, ts timestamptz, u uuid, by bytea,
    j json, jb jsonb OPTIONS (field 'j'), ia int[], ia2 int[], ta text[], p column_pair, pa column_pair[], m column_mood,
    e column_even, es column_evens, nn column_named, v varchar(5), c char(5)$$, 'types/', $$on_error 'set_null'$$);
ALTER FOREIGN TABLE types ADD error text OPTIONS (metadata 'error');
SET timezone = 'UTC';
\x on
SELECT * FROM types LIMIT 1;
\x off
SELECT t, i, n, f, b, ia, p, j, error FROM types;
-- only columns that are used are converted
SELECT t FROM types;

-- Values that do not fit
CALL folder.put('misfits/1.json', $$
{"i":1.5}
{"i":99999999999}
{"i":"abc"}
{"i":true}
{"i":[1]}
{"v":"abcdef"}
{"m":"glad"}
{"e":3}
{"es":[1]}
{"ia":5}
{"ia":[[1],2]}
{"p":7}
{"d":"2022-02-30"}
{"nn":null}
{"by":"\\xzz"}
{"f":1e999}
{"u":"no uuid"}
$$);
CALL folder.make_table('misfits', $$i int, m column_mood, e column_even, es column_evens, ia int[], p column_pair,
    d date, v varchar(5), by bytea, f float8, u uuid, line int OPTIONS (metadata 'line'), error text OPTIONS (metadata 'error')$$,
    'misfits/', $$on_error 'set_null', log_verbosity 'silent'$$);
SELECT line, error FROM misfits WHERE i IS NULL AND m IS NULL AND e IS NULL AND es IS NULL AND ia IS NULL
    AND p IS NULL AND d IS NULL AND v IS NULL AND by IS NULL AND f IS NULL AND u IS NULL;
ALTER FOREIGN TABLE misfits OPTIONS (SET on_error 'stop');
SELECT * FROM folder.failure('SELECT i FROM misfits');
SELECT * FROM folder.failure('SELECT e FROM misfits');
SELECT * FROM folder.failure('SELECT p FROM misfits');

-- A domain that refuses NULL refuses missing keys too
CALL folder.make_table('named', 'nn column_named', 'names/');
SELECT * FROM folder.failure('SELECT * FROM named');
SELECT count(*) FROM named;

-- Dropped, added and renamed columns; column options that change under a
-- prepared statement
CALL folder.make_table('changing', 'plain int, gone int, "Upper" int', 'names/');
PREPARE changing AS SELECT * FROM changing WHERE "Upper" IS NOT NULL;
PREPARE one_column AS SELECT "Upper" FROM changing;
EXECUTE changing;
ALTER FOREIGN TABLE changing DROP COLUMN gone, ADD COLUMN "/slash" int;
SELECT * FROM changing;
EXECUTE one_column;
ALTER FOREIGN TABLE changing ALTER COLUMN "Upper" OPTIONS (field 'with blank');
EXECUTE one_column;
ALTER FOREIGN TABLE changing ALTER COLUMN "Upper" OPTIONS (DROP field);
ALTER FOREIGN TABLE changing RENAME COLUMN "Upper" TO upper;
ALTER FOREIGN TABLE changing ALTER COLUMN upper TYPE text;
SELECT upper FROM changing;

-- Defaults, NOT NULL and generated columns are for those who write
CALL folder.make_table('constrained',
    $$plain int NOT NULL DEFAULT 5, more int GENERATED ALWAYS AS (plain + 1) STORED, CHECK (plain > 5)$$, 'names/');
SELECT * FROM constrained;

-- A table without columns has rows
CALL folder.make_table('empty', '', 'names/');
SELECT * FROM empty;
SELECT count(*) FROM empty;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP TYPE column_pair, column_mood, column_even, column_evens, column_named;
