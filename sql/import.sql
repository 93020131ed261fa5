-- IMPORT FOREIGN SCHEMA: what becomes a table, under which name, with which columns.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CREATE SCHEMA imported;
-- Imports a folder.  Its place is an option: the name of a schema may be too short.
CREATE PROCEDURE import(place text, options text DEFAULT '', restriction text DEFAULT '', below text DEFAULT '.') LANGUAGE plpgsql AS
$$
BEGIN
    DROP SCHEMA imported CASCADE;
    CREATE SCHEMA imported;
    EXECUTE format('IMPORT FOREIGN SCHEMA %I %s FROM SERVER folder_server INTO imported OPTIONS (location %L%s)',
        below, restriction, 'file://' || folder.path() || '/' || place,
        CASE WHEN options = '' THEN '' ELSE ', ' || options END);
END
$$;
CREATE FUNCTION tables() RETURNS TABLE (name name, options text) LANGUAGE sql AS
$$
    SELECT relname, folder.mask(array_to_string(ftoptions, ', '))
    FROM pg_foreign_table JOIN pg_class c ON c.oid = ftrelid
    WHERE relnamespace = 'imported'::regnamespace ORDER BY relname COLLATE "C"
$$;
CREATE FUNCTION columns(of text) RETURNS TABLE (name name, type text, options text) LANGUAGE sql AS
$$
    SELECT attname, format_type(atttypid, atttypmod), array_to_string(attfdwoptions, ', ')
    FROM pg_attribute WHERE attrelid = to_regclass('imported.' || of) AND attnum > 0 ORDER BY attnum
$$;
SET client_min_messages = warning;

-- Folders of a plain one, but neither hidden ones, nor parts, nor files
CALL folder.put('plain/pins/a.json', '{"index":1,"title":"x"}');
CALL folder.put('plain/Users/2024/a.json', '{"Name":"Ann","AGE":31}');
CALL folder.put('plain/_temporary/a.json', '{"no":1}');
CALL folder.put('plain/.hidden/a.json', '{"no":1}');
CALL folder.put('plain/day=2024-01-31/a.json', '{"no":1}');
CALL folder.put('plain/file.json', '{"no":1}');
CALL import('plain');
SELECT * FROM tables();
SELECT * FROM columns('pins');
SELECT * FROM columns('users');
SELECT * FROM imported.pins;
SELECT * FROM imported.users;
-- a final "/" is the same
CALL import('plain/');
SELECT * FROM tables();

-- The topics of a sink, named or found
CALL folder.put('lake/topics/0e1a.pin/partition=0/0e1a.pin+0+0000000000.json', '{"index":1}');
CALL folder.put('lake/topics/0e1a.pin/partition=1/0e1a.pin+1+0000000007.json', E'{"index":2}\n{"index":3}\n');
CALL folder.put('lake/topics/0e1a.pin/partition=1/0e1a.pin+1+0000000007.keys.json', '"key"');
CALL folder.put('lake/topics/0e1a.geo/partition=0/0e1a.geo+0+0000000000.json', '{"ind":1,"latitude":-71.5}');
CALL folder.put('lake/other/a.json', '{"x":1}');
CALL import('lake');
SELECT * FROM tables();
SELECT * FROM imported."0e1a.pin" ORDER BY index;
CALL import('lake/topics', 'metadata ''true''');
SELECT * FROM tables();
SELECT * FROM columns('"0e1a.pin"');
SELECT index, record_topic, record_partition, record_offset, record_line FROM imported."0e1a.pin" ORDER BY index;
-- only the folder of a partition is listed, and rows go to its end
SELECT * FROM folder.plan('EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT index FROM imported."0e1a.pin" WHERE record_partition = 1') AS f(line)
    WHERE line ~ 'Objects|List Requests';
INSERT INTO imported."0e1a.pin" (index, record_partition) VALUES (4, 1), (5, 2);
SELECT index, record_partition, record_offset FROM imported."0e1a.pin" ORDER BY index;
-- told that it is a sink, one believes it of folders of another partitioner
CALL folder.put('daily/t/year=2024/t+0+0000000000.json', '{"index":1}');
CALL import('daily', 'layout ''sink''');
SELECT * FROM tables();
SELECT * FROM imported.t;
CALL import('lake', 'layout ''plain'', on_error ''ignore'', metadata ''on''');
SELECT * FROM tables();
SELECT * FROM columns('other');
CALL import('lake/topics', 'layout ''plain'', on_error ''ignore''', 'LIMIT TO ("0e1a.pin")');
SELECT * FROM tables();
-- an object of another name makes no sink of a folder
CALL folder.put('hive/pins/partition=0/part-0000.json', '{"index":1}');
CALL import('hive');
SELECT * FROM tables();
CALL import('hive', 'layout ''sink''');
SELECT * FROM tables();

-- a folder below the place
CALL import('', below => 'plain/');
SELECT * FROM tables();
CALL import('lake/', below => 'topics');
SELECT * FROM tables();
CALL import('plain', below => '/');
SELECT * FROM tables();

-- LIMIT TO and EXCEPT, by the name the table has; a name as the folder has it is kept
CALL import('plain', restriction => 'LIMIT TO (users)');
SELECT * FROM tables();
CALL import('plain', restriction => 'LIMIT TO ("Users", nowhere)');
SELECT * FROM tables();
CALL import('plain', restriction => 'EXCEPT (users)');
SELECT * FROM tables();
CALL import('plain', restriction => 'EXCEPT ("Users")');
SELECT * FROM tables();
-- what is left out is not read
CALL folder.shell('mkdir plain/broken && echo x | gzip | head -c 20 > plain/broken/a.json.gz');
SELECT * FROM folder.failure('CALL import(''plain'')');
CALL import('plain', restriction => 'EXCEPT (broken)');
SELECT name FROM tables();

-- Types
CALL folder.put('types/numbers/a.json', $$
{"int":1,"int_edge":-2147483648,"big":2147483648,"both":1,"huge":9223372036854775808,"real":1.5,"real2":1,"real3":0.30000000000000004,"exact":3.14159265358979323846,"exponent":1e3,"tiny":1e-400,"mixed_large":9007199254740993,"absurd":1e99999}
{"int":-0,"int_edge":2147483647,"big":1,"both":-9223372036854775808,"huge":1,"real":-2e-3,"real2":2.50,"real3":1.10,"exact":1,"exponent":5,"tiny":1,"mixed_large":0.5,"absurd":1}
$$);
CALL folder.put('types/others/a.json', $$
{"yes":true,"mixed_bool":true,"obj":{"a":1},"arr":[1,"}"],"both":{},"scalar_too":[1],"txt":"x","digits":"1","number_text":"1","nothing":null,"sometimes":null}
{"yes":false,"mixed_bool":0,"obj":null,"arr":[],"both":["\"]"],"scalar_too":1,"txt":"\u00fc","digits":"2","number_text":1,"nothing":null,"sometimes":7,"late":[{"a":[1,2]}]}
$$);
CALL folder.put('types/times/a.json', $$
{"z":"2024-02-29T12:00:00Z","offset":"2024-01-01T00:00:00.123456789+05:30","short":"2024-01-01T00:00-0800","hour":"2001-01-01T00:00:00+15","some":"2024-01-01T00:00:00Z","local":"2024-01-01T00:00:00","blank":"2024-01-01 00:00:00Z","day":"2024-01-01","no_day":"2023-02-29T00:00:00Z","hour24":"2024-01-01T24:00:00Z","zone":"2024-01-01T00:00:00+16:00","cut":"2024-01-01T00:00:00+1","behind":"2024-01-01T00:00:00Z ","unix":1704067200}
{"z":"2024-02-29T12:00:00.5Z","offset":null,"some":"never"}
$$);
CALL import('types');
SELECT * FROM columns('numbers');
SELECT * FROM columns('others');
SELECT * FROM columns('times');
-- every value that was seen fits
SELECT to_jsonb(n) - 'tiny' FROM imported.numbers n;
SELECT to_jsonb(o) FROM imported.others o;
SET timezone = 'UTC';
SELECT to_jsonb(t) FROM imported.times t;
RESET timezone;

-- Names of columns
CALL folder.put('names/keys/a.json', $${"Plain":1,"two words":2,"Id":3,"id":4,"iD":5,"select":6,"quo\"te":7,"a/b":8,"/x~Y/":9,"/z":10,"":11,"ctid":12,"TableOid":13,"\u0041scii":14,"Ascii":15,"üÜ":16,"it's":17,"back\\slash":18,"$1":19,"x); DROP TABLE y; --":21}$$);
CALL folder.put('names/long/a.json', format('{"%s":1,"%s":2,"%s":3,"%s":4}', repeat('a', 63), repeat('a', 64), repeat('a', 65), repeat('ü', 40)));
CALL folder.put('names/clash/a.json', '{"record_path":1,"record_line":2,"RECORD_line":3}');
CALL import('names', 'metadata ''true''');
SELECT * FROM columns('keys') WHERE options IS NULL OR options NOT LIKE 'metadata=%';
SELECT to_jsonb(k) - ARRAY(SELECT a.name::text FROM columns('keys') a WHERE a.options LIKE 'metadata=%') FROM imported.keys k;
SELECT * FROM columns('long') WHERE options IS NULL OR options NOT LIKE 'metadata=%';
SELECT * FROM columns('clash');
SELECT record_path, record_line, "RECORD_line", record_line_2 FROM imported.clash;

-- Names of tables
CALL folder.put('tables/Pins/a.json', '{"a":1}');
CALL folder.put('tables/pins/a.json', '{"b":1}');
CALL folder.put('tables/with ''quotes"/a.json', '{"c":1}');
CALL folder.put('tables/back\slash/a.json', '{"c":1}');
CALL folder.put('tables/Ünicode/a.json', '{"d":1}');
CALL folder.put('tables/' || repeat('x', 70) || '/a.json', '{"e":1}');
CALL folder.put('tables/' || repeat('x', 71) || '/a.json', '{"f":1}');
CALL folder.put('tables/a*b/a.json', '{"g":1}');
SET client_min_messages = error;
CALL import('tables');
SET client_min_messages = warning;
SELECT * FROM tables();
SELECT * FROM imported."with 'quotes""";
SELECT * FROM imported."Pins";

-- Samples: the first records; what comes behind them is not seen
CALL folder.put('samples/lines/a.json', E'{"a":1}\n{"a":2,"b":1}\n{"a":"x"}\n');
CALL import('samples', 'sample_rows ''2''');
SELECT * FROM columns('lines');
CALL import('samples');
SELECT * FROM columns('lines');
CALL folder.put('many/one/1.json', '{"a":1}');
CALL folder.put('many/one/2.json', '{"b":1}');
CALL folder.put('many/one/3.json', '{"c":1}');
CALL import('many', 'sample_objects ''2''');
SELECT count(*) FROM columns('one');

-- Records in other shapes: arrays, strings that hold them, compressed, of many keys
CALL folder.put('shapes/arrays/a.json', '[{"a":1},{"a":2}]');
CALL folder.put('shapes/strings/a.json', '"{\"Key\":\"\\u00fc\"}"');
CALL folder.shell('mkdir shapes/zipped && echo ''{"z":1}'' | gzip > shapes/zipped/a');
SELECT json_object_agg('k' || n, n)::text AS wide FROM generate_series(1, 2000) n \gset
CALL folder.put('shapes/wide/a.json', :'wide');
CALL import('shapes', 'format ''auto'', compression ''auto''');
SELECT * FROM tables();
SELECT * FROM columns('arrays');
SELECT * FROM imported.strings;
SELECT * FROM imported.zipped;
SELECT count(*) FROM columns('wide');

-- Nothing to see, or nothing good
SET client_min_messages = warning;
CALL folder.put('nothing/bad/a.json', E'x\n[1,2]\n');
CALL folder.put('nothing/mixed/a.json', E'x\n{"a":1}\n{"a":\n{}\n');
CALL folder.put('nothing/no_keys/a.json', '{}');
RESET client_min_messages;
\set VERBOSITY terse
CALL import('plain', restriction => 'LIMIT TO (users, nowhere)');
CALL import('nothing');
SELECT * FROM tables();
SET client_min_messages = warning;
CALL folder.shell('mkdir -p nothing/empty');
CALL import('nothing');
SELECT * FROM tables();
CALL import('samples/lines');
SELECT * FROM tables();

-- What is refused
SELECT * FROM folder.failure($$IMPORT FOREIGN SCHEMA public FROM SERVER folder_server INTO imported$$);
SELECT * FROM folder.failure($$IMPORT FOREIGN SCHEMA "file:///etc/*" FROM SERVER folder_server INTO imported$$);
SELECT * FROM folder.failure($$IMPORT FOREIGN SCHEMA "file:///etc/.." FROM SERVER folder_server INTO imported$$);
SELECT * FROM folder.failure($$IMPORT FOREIGN SCHEMA etc FROM SERVER folder_server INTO imported OPTIONS (location 'file:///*')$$);
SELECT * FROM folder.failure(format('IMPORT FOREIGN SCHEMA "file:///%s" FROM SERVER folder_server INTO imported', repeat('x', 60)));
SELECT * FROM folder.failure($$CALL import('nowhere')$$);
SELECT * FROM folder.failure($$CALL import('plain/file.json')$$);
SELECT * FROM folder.failure($$CALL import('plain', 'sample_row ''1''')$$);
SELECT * FROM folder.failure($$CALL import('plain', 'sample_rows ''0''')$$);
SELECT * FROM folder.failure($$CALL import('plain', 'reject_limit ''0''')$$);
SELECT * FROM folder.failure($$CREATE FOREIGN TABLE t (i int) SERVER folder_server OPTIONS (location 'file:///', sample_rows '1')$$);
SELECT * FROM folder.failure($$CREATE SERVER s FOREIGN DATA WRAPPER s3_json OPTIONS (layout 'sink')$$);
CREATE ROLE regress_importer;
GRANT USAGE ON FOREIGN SERVER folder_server TO regress_importer;
GRANT ALL ON SCHEMA imported TO regress_importer;
SET ROLE regress_importer;
SELECT * FROM folder.failure($$IMPORT FOREIGN SCHEMA "file:///etc" FROM SERVER folder_server INTO imported$$);
RESET ROLE;
DROP OWNED BY regress_importer;
DROP ROLE regress_importer;

DROP SCHEMA imported CASCADE;
DROP PROCEDURE import;
DROP FUNCTION tables, columns;
CALL folder.remove();
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
