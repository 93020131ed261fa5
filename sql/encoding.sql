-- Encodings: names and values that are not ASCII, in a UTF-8 database and in
-- others; what cannot be converted is a bad record.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL
\pset format unaligned

SELECT getdatabaseencoding() <> 'UTF8' AS other_encoding \gset
\if :other_encoding
CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
\quit
\endif
SET client_encoding = 'UTF8';

-- Keys, columns, paths, values
CALL folder.put('größe=ü/日本.json', '{"größe":"ü","日本":1,"gr\u00f6\u00dfe2":"\ud83d\ude00","x":{"ä":"ö"}}');
CALL folder.make_table('utf8', $$größe text, "日本" int, größe2 text, ä text OPTIONS (field '/x/ä'),
    hive text OPTIONS (hive_key 'größe'), path text OPTIONS (metadata 'path')$$, '**.json');
SELECT größe, "日本", größe2, ä, hive, folder.mask(path) FROM utf8;
CALL folder.make_table('literal', $$"日本" int$$, 'größe=ü/日*');
SELECT * FROM literal;
CALL folder.put('bad/日本.json', '{"größe":}');
SELECT * FROM folder.failure('SELECT größe FROM utf8');
CALL folder.shell('rm -r bad');

-- Names that are no text
CALL folder.shell('mkdir latin && printf ''{"größe":"1"}'' > latin/$(printf ''\374'').json');
SELECT * FROM folder.failure('SELECT größe FROM utf8');
CALL folder.shell('rm -r latin');
CALL folder.put('hive/key=%FF/1.json', '{}');
CALL folder.make_table('hive', $$key text OPTIONS (hive_key 'key'), n int$$, 'hive/');
SELECT * FROM folder.failure('SELECT key FROM hive');
SELECT n FROM hive;
ALTER FOREIGN TABLE hive OPTIONS (ADD on_error 'ignore');
SELECT key FROM hive;

-- A record as text, whatever its bytes
CALL folder.put('raw/1.json', convert_to('{"ä€":', 'UTF8') || '\xff00c3');
CALL folder.make_table('raw', $$value text OPTIONS (metadata 'value')$$, 'raw/', $$on_error 'set_null', log_verbosity 'silent'$$);
SELECT value, convert_to(value, 'UTF8') FROM raw;

-- Another encoding
SELECT current_database() AS database, folder.path() AS path \gset
CREATE DATABASE regression_pinterest_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
CALL folder.put('latin/1.json', '{"größe":"ü","j":{"ß":"\u00df"},"a":["é"],"wide":"€"}');
\c regression_pinterest_latin1
SET client_encoding = 'UTF8';
SET client_min_messages = warning;
CREATE EXTENSION pinterest_pipeline;
RESET client_min_messages;
CREATE SERVER latin FOREIGN DATA WRAPPER s3_json;
\set location 'file://' :path '/latin/'
\set raw 'file://' :path '/raw/'
CREATE FOREIGN TABLE latin (größe text, j jsonb, json json OPTIONS (field 'j'), a text[], v varchar(3) OPTIONS (field 'größe'),
    wide text, wide_a json OPTIONS (field 'wide'), line int OPTIONS (metadata 'line'), error text OPTIONS (metadata 'error'))
    SERVER latin OPTIONS (location :'location');
SELECT größe, length(größe), octet_length(größe), j, json, a, v FROM latin;
\set VERBOSITY sqlstate
SELECT wide FROM latin;
SELECT wide_a FROM latin;
\set VERBOSITY default
ALTER FOREIGN TABLE latin OPTIONS (ADD on_error 'set_null');
SELECT größe, wide, line, error FROM latin;
ALTER FOREIGN TABLE latin ADD COLUMN value text OPTIONS (metadata 'value');
SELECT größe, wide, value FROM latin;
CREATE FOREIGN TABLE raw (value text OPTIONS (metadata 'value'))
    SERVER latin OPTIONS (location :'raw', on_error 'set_null', log_verbosity 'silent');
SELECT value, octet_length(value) FROM raw;
\c :database
SET client_min_messages = warning;
DROP DATABASE regression_pinterest_latin1;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
