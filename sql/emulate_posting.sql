-- pinterest.emulate_posting: random posts go to the three tables of a pipeline.
-- Over topics and streams it is in test/069_kafka_pipeline.pl and 075_three_sources.pl.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set VERBOSITY terse

CALL folder.shell('mkdir topics');
SELECT pinterest.create_pipeline('emulated', 'folder_server', 'u1', 'file://' || folder.path());
SELECT pinterest.create_pipeline('again', 'folder_server', 'u2', 'file://' || folder.path());
CREATE SCHEMA posts;
SELECT pinterest.generate_posts(50, 0, 'posts');

-- Of each post all three records, in the same order
CALL pinterest.emulate_posting('emulated', 30, batch => 7, seed => 5, schema => 'posts');
SELECT count(*), count(DISTINCT ind) < 30 AS repeats, bool_and(p.index = ind) AS same
FROM emulated.pin_source p
    JOIN emulated.geo_source g USING (record_offset) JOIN emulated.user_source u USING (record_offset, ind);
-- as they are in the tables
SELECT count(*), count(*) FILTER (WHERE to_jsonb(p) @> to_jsonb(d)) AS same
FROM emulated.pin_source p JOIN posts.pinterest_data d USING (index);
-- and each record is the JSON of its row, to the byte
CALL folder.make_table('sent', 'index int, ind int, value text OPTIONS (metadata ''value'')', 'topics/u1.*/**');
SELECT count(*) FILTER (WHERE value = row_to_json(p)::text) AS pins,
    count(*) FILTER (WHERE value = row_to_json(g)::text) AS geos, count(*) FILTER (WHERE value = row_to_json(u)::text) AS users
FROM sent s LEFT JOIN posts.pinterest_data p USING (index)
    LEFT JOIN posts.geolocation_data g USING (ind) LEFT JOIN posts.user_data u USING (ind);
SELECT count(*) = count(DISTINCT ind) AS cleaned FROM emulated.pin JOIN emulated.geo USING (ind) JOIN emulated.users USING (ind);

-- The same seed picks the same, whatever the batches
SET search_path = posts;
CALL pinterest.emulate_posting('again', 30, seed => 5);
RESET search_path;
SELECT count(*) FROM emulated.pin_source a JOIN again.pin_source b USING (record_offset, index, title);
CALL pinterest.emulate_posting('again', 30, seed => 6, schema => 'posts');
SELECT count(*) < 30 AS others FROM emulated.pin_source a JOIN again.pin_source b ON b.record_offset = a.record_offset + 30 AND a.index = b.index;
CALL pinterest.emulate_posting('again', 0, schema => 'posts');

-- Stopped, everything sent before is there
SET client_min_messages = error;	-- whether a batch was under way is chance
SET statement_timeout = 1000;
CALL pinterest.emulate_posting('again', NULL, '0.05 s', schema => 'posts');
RESET statement_timeout;
RESET client_min_messages;
SELECT count(*) > 60 AS some FROM again.user_source;
SELECT count(*) FILTER (WHERE g.ind IS NULL) <= 1 AS complete FROM again.pin_source p LEFT JOIN again.geo_source g USING (record_offset);

-- Nobody's operators are called, whatever the search path
CREATE SCHEMA strange;
CREATE FUNCTION strange.multiply(double precision, integer) RETURNS double precision
    LANGUAGE plpgsql AS $$BEGIN RAISE 'a strange operator'; END$$;
CREATE OPERATOR strange.* (LEFTARG = double precision, RIGHTARG = integer, FUNCTION = strange.multiply);
SET search_path = strange, pg_catalog;
CALL pinterest.emulate_posting('again', 1, schema => 'posts');
RESET search_path;

-- Refused
CALL pinterest.emulate_posting('no such pipeline', schema => 'posts');
CALL pinterest.emulate_posting('again', schema => 'again');
CALL pinterest.emulate_posting(NULL);
CALL pinterest.emulate_posting('again', -1);
CALL pinterest.emulate_posting('again', batch => 0);
CALL pinterest.emulate_posting('again', pause => '-1 s');
DELETE FROM posts.pinterest_data;
CALL pinterest.emulate_posting('again', schema => 'posts');
BEGIN;
CALL pinterest.emulate_posting('again', schema => 'posts');
ROLLBACK;

CALL folder.remove();
SET client_min_messages = warning;
SELECT pinterest.drop_pipeline(p) FROM unnest(ARRAY['emulated', 'again']) p;
DROP SCHEMA posts CASCADE;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
