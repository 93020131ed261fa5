-- create_pipeline makes everything over a folder of records as they really
-- come, dirty and repeated; drop_pipeline takes away just that.

\set SHOW_CONTEXT never
CREATE ROLE regress_pipeline;
GRANT pg_read_server_files TO regress_pipeline;
CREATE SERVER pipeline_lake FOREIGN DATA WRAPPER s3_json;
GRANT USAGE ON FOREIGN SERVER pipeline_lake TO regress_pipeline;
CREATE FOREIGN DATA WRAPPER pipeline_other;
CREATE SERVER pipeline_other FOREIGN DATA WRAPPER pipeline_other;

-- A folder: pins in two objects of two partitions
\set folder `echo "${PG_ABS_BUILDDIR:-$PWD}/results/pipeline"`
\setenv FOLDER :folder
\! mkdir -p "$FOLDER/topics/u1.pin/partition=0" "$FOLDER/topics/u1.pin/partition=1"
\! mkdir -p "$FOLDER/topics/u1.geo/partition=0" "$FOLDER/topics/u1.user/partition=0"
\set pins_0 :folder '/topics/u1.pin/partition=0/u1.pin+0+0000000000.json'
\set pins_100 :folder '/topics/u1.pin/partition=0/u1.pin+0+0000000100.json'
\set pins_1 :folder '/topics/u1.pin/partition=1/u1.pin+1+0000000000.json'
\set geos :folder '/topics/u1.geo/partition=0/u1.geo+0+0000000000.json'
\set users :folder '/topics/u1.user/partition=0/u1.user+0+0000000000.json'
\set location 'file://' :folder

\pset format unaligned
\pset tuples_only on
SELECT $${"index":1,"unique_id":"00000000-0000-4000-8000-000000000001","title":"Paper Stars","description":"Fold twice.","poster_name":"Amber Acorn","follower_count":"124k","tag_list":"Stars,Paper","is_image_or_video":"image","image_src":"https://img1.example/1.jpg","downloaded":1,"save_location":"Local save in /data/christmas","category":"christmas"}
{"index":2,"unique_id":"00000000-0000-4000-8000-000000000002","title":"No Title Data Available","description":"No description available Story format","poster_name":"User Info Error","follower_count":"User Info Error","tag_list":"N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e","is_image_or_video":"multi-video(story page format)","image_src":"Image src error.","downloaded":0,"save_location":"Local save in /data/art","category":"art"}
{"index":3,"title":"first"}
{"index":3,"title":"second, same object"}
{"index":4,"title":"earlier object"}
{"index":5,"title":"lower partition"}
{"idx":6,"title":"an older emulator"}
{"category":"older","index":7,"unique_id":"00000000-0000-4000-8000-000000000007","title":"older still","img_src":null}
[{"index":8,"title":"in an array"}]
"{\"index\":9,\"title\":\"in a string\"}"
{"index":10,"title":"run together"}{"index":10,"title":"run together, the later"}
{"ind":11,"first_name":"Ann","last_name":"Ash","age":20,"date_joined":"2015-11-01 00:00:00"}
{}
{index=12, unique_id=00000000-0000-4000-8000-000000000012}
""
{"index":"abc","title":"no number"}
{"index":13,"unique_id":"no uuid"}
{"index":14,"title":"cut off$$ \g :pins_0
SELECT '{"index":4,"title":"later object"}' \g :pins_100
SELECT '{"index":5,"title":"higher partition"}' \g :pins_1
SELECT $${"ind":1,"timestamp":"2020-08-28 03:52:47","latitude":-89.9787,"longitude":-173.293,"country":"Albania"}
{"ind":2,"timestamp":"08/28/2020, 03:52:47","latitude":1.5,"country":""}
{"ind":3,"timestamp":"yesterday","latitude":"2.5","longitude":0,"country":"Cote d'Ivoire"}
{"ind":4}
{"ind":3,"first_name":"Ann","last_name":"Ash","age":20,"date_joined":"2015-11-01 00:00:00"}$$ \g :geos
SELECT $${"ind":1,"first_name":"Ann","last_name":"Ash","age":20,"date_joined":"2015:11:01 00:00:00"}
{"ind":2,"first_name":"Bob","age":"30"}
{"ind":3,"first_name":"Cy","last_name":"Ash","age":30.5,"date_joined":"2015-11-01T00:00:00"}
{"ind":1,"timestamp":"2020-08-28 03:52:47","latitude":-89.9787,"longitude":-173.293,"country":"Albania"}
{"index":4,"title":"a pin"}$$ \g :users
\pset format aligned
\pset tuples_only off
\! chmod -R a+rX "$FOLDER"

-- What create_pipeline makes belongs to the caller, and to no extension
SELECT current_database() AS database \gset
GRANT CREATE ON DATABASE :"database" TO regress_pipeline;
SET ROLE regress_pipeline;
SELECT pinterest.create_pipeline('regress_pipe', server => 'pipeline_lake', user_id => 'u1', location => :'location');
RESET ROLE;
SELECT relname, relkind, relowner::regrole AS owner, obj_description(c.oid, 'pg_class') IS NOT NULL AS comment,
    (SELECT count(*) FROM pg_attribute
     WHERE attrelid = c.oid AND attnum > 0 AND col_description(attrelid, attnum) IS NULL) AS columns_without
FROM pg_class AS c
WHERE relnamespace = 'regress_pipe'::regnamespace
ORDER BY relkind, relname COLLATE "C";
SELECT nspowner::regrole AS owner, obj_description(oid, 'pg_namespace')
FROM pg_namespace WHERE nspname = 'regress_pipe';
SELECT count(*) AS extension_members
FROM pg_depend
WHERE deptype = 'e' AND (classid, objid) IN (
    SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relnamespace = 'regress_pipe'::regnamespace
    UNION ALL SELECT 'pg_namespace'::regclass, 'regress_pipe'::regnamespace);
SELECT relname, replace(array_to_string(ftoptions, ' '), :'folder', '') AS options
FROM pg_foreign_table JOIN pg_class ON oid = ftrelid
WHERE relnamespace = 'regress_pipe'::regnamespace ORDER BY relname COLLATE "C";

-- The records as they came, without the bad ones.  That these are counted in a
-- notice is what the tests of on_error show.
SET client_min_messages = warning;
SELECT record_partition, record_offset, record_line, index, idx, title
FROM regress_pipe.pin_source ORDER BY record_partition, record_offset;
SELECT right(record_path, 38) AS record_path, ind, country FROM regress_pipe.geo_source ORDER BY record_offset;

-- The cleaned views: one row per ind, the latest; strays make no row
SET datestyle = 'ISO';
\x on
SELECT * FROM regress_pipe.pin WHERE ind < 3 ORDER BY ind;
\x off
SELECT ind, unique_id, title, category FROM regress_pipe.pin WHERE ind > 2 ORDER BY ind;
SELECT * FROM regress_pipe.geo ORDER BY ind;
SELECT * FROM regress_pipe.users ORDER BY ind;
RESET datestyle;
RESET client_min_messages;

-- Refused: arguments
SELECT pinterest.create_pipeline(NULL, 'pipeline_lake', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('p', NULL, 'u1', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', NULL, 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', 'u1', 'file:///x', NULL);
SELECT pinterest.create_pipeline('', 'pipeline_lake', 'u1', 'file:///x');
SELECT pinterest.create_pipeline(repeat('p', 64), 'pipeline_lake', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('$user', 'pipeline_lake', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('pg_pipe', 'pipeline_lake', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('regress_pipe', 'pipeline_lake', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_nowhere', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_other', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', '', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', 'a/b', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', '*', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', 'u1');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', 'u1', 'nowhere');
SELECT pinterest.create_pipeline('p', 'pipeline_lake', 'u1', 'file:///x', 'dead');
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'p';

-- Names are quoted, and one slash at the end of a location is as good as none
CREATE SERVER "Pipe's ""lake""" FOREIGN DATA WRAPPER s3_json;
SELECT pinterest.create_pipeline('Regress "pipe"; DROP TABLE x--', server => 'Pipe''s "lake"',
    user_id => 'o''neil "+" \n', location => 'file:///it''s a %I/');
SELECT nspname, relname, array_to_string(ftoptions, ' ')
FROM pg_foreign_table JOIN pg_class AS c ON c.oid = ftrelid JOIN pg_namespace AS n ON n.oid = relnamespace
WHERE nspname LIKE 'Regress%' AND relname = 'pin_source';
SELECT pinterest.drop_pipeline('Regress "pipe"; DROP TABLE x--');
DROP SERVER "Pipe's ""lake""";

-- Over topics and streams
CREATE SERVER pipeline_kafka FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '127.0.0.1:1');
CREATE SERVER pipeline_kinesis FOREIGN DATA WRAPPER kinesis_json OPTIONS (endpoint 'http://127.0.0.1:1');
SELECT pinterest.create_pipeline('Pipe over ' || server, server, 'u1') FROM unnest('{pipeline_kafka, pipeline_kinesis}'::text[]) AS server;
SELECT nspname, relname, ftoptions, string_agg(attname || ' ' || atttypid::regtype || ' ' || attfdwoptions::text, E'\n' ORDER BY attnum) AS positions
FROM pg_foreign_table JOIN pg_class AS c ON c.oid = ftrelid JOIN pg_namespace AS n ON n.oid = relnamespace
    JOIN pg_attribute ON attrelid = c.oid AND attfdwoptions IS NOT NULL
WHERE nspname LIKE 'Pipe over %'
GROUP BY nspname, relname, ftoptions ORDER BY nspname COLLATE "C", relname COLLATE "C";
SELECT substring(replace(pg_get_viewdef('"Pipe over pipeline_kinesis".pin'), 'pin_source.', '') FROM 'ORDER BY[^;]*') AS latest_first;
SELECT pinterest.drop_pipeline('Pipe over ' || server) FROM unnest('{pipeline_kafka, pipeline_kinesis}'::text[]) AS server;
SELECT pinterest.create_pipeline('p', 'pipeline_kinesis', 'u1', 'file:///x');
SELECT pinterest.create_pipeline('p', 'pipeline_kinesis', 'u 1');
SELECT pinterest.create_pipeline('p', 'pipeline_kinesis', repeat('u', 120));
DROP SERVER pipeline_kafka;
DROP SERVER pipeline_kinesis;

-- Refused: dropping what is no pipeline, or more than one
SELECT pinterest.drop_pipeline(NULL);
SELECT pinterest.drop_pipeline('no such pipeline');
SELECT pinterest.drop_pipeline('public');
CREATE TABLE regress_pipe.mine (a integer);
CREATE FUNCTION regress_pipe.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1';
SELECT pinterest.drop_pipeline('regress_pipe');
DROP TABLE regress_pipe.mine;
DROP FUNCTION regress_pipe.mine();
CREATE VIEW regress_pipe_view AS SELECT count(*) FROM regress_pipe.pin;
SELECT pinterest.drop_pipeline('regress_pipe');
DROP VIEW regress_pipe_view;
CREATE ROLE regress_pipeline_other;
SET ROLE regress_pipeline_other;
SELECT pinterest.drop_pipeline('regress_pipe');
RESET ROLE;
DROP ROLE regress_pipeline_other;

-- A wrapper that was renamed is the same one, and so is another with its handler
ALTER FOREIGN DATA WRAPPER s3_json RENAME TO pipeline_renamed;
CREATE FOREIGN DATA WRAPPER pipeline_twin
    HANDLER pinterest.s3_json_handler VALIDATOR pinterest.s3_json_validator;
CREATE SERVER pipeline_twin FOREIGN DATA WRAPPER pipeline_twin;
SELECT pinterest.create_pipeline('regress_pipe_' || server, server, 'u1', 'file:///x')
FROM unnest('{pipeline_lake, pipeline_twin}'::text[]) AS server;
SELECT pinterest.drop_pipeline('regress_pipe_' || server)
FROM unnest('{pipeline_lake, pipeline_twin}'::text[]) AS server;
DROP SERVER pipeline_twin;
DROP FOREIGN DATA WRAPPER pipeline_twin;
ALTER FOREIGN DATA WRAPPER pipeline_renamed RENAME TO s3_json;

-- What the owner changed or dropped is no obstacle
SET ROLE regress_pipeline;
DROP VIEW regress_pipe.country_with_most_followed_user;
CREATE OR REPLACE VIEW regress_pipe.users_joined_by_year AS SELECT 1 AS post_year, 2::bigint AS number_users_joined;
SELECT pinterest.drop_pipeline('regress_pipe');
RESET ROLE;
SELECT count(*) AS left_behind FROM pg_namespace WHERE nspname = 'regress_pipe';

REVOKE CREATE ON DATABASE :"database" FROM regress_pipeline;
DROP SERVER pipeline_lake;
DROP SERVER pipeline_other;
DROP FOREIGN DATA WRAPPER pipeline_other;
REVOKE pg_read_server_files FROM regress_pipeline;
DROP ROLE regress_pipeline;
\! rm -rf "$FOLDER"
