-- Pipelines whose records land in tables, and their runs.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
CALL folder.shell('mkdir topics');
SELECT pinterest.create_pipeline('regress_live', 'folder_server', 'u1', 'file://' || folder.path());
SELECT pinterest.create_pipeline('regress_landed', 'folder_server', 'u1', 'file://' || folder.path(), mode => 'landed');
SELECT c.relname, c.relkind, obj_description(c.oid, 'pg_class') AS comment
FROM pg_class AS c
WHERE relnamespace = 'regress_landed'::regnamespace AND relkind <> 'v'
ORDER BY relname;
SELECT stream, source, target, state FROM pinterest.stream_status ORDER BY stream;

-- Answers that differ between the two pipelines
CREATE FUNCTION folder.differences() RETURNS SETOF text LANGUAGE plpgsql AS
$$
DECLARE
    view_name name;
    differences bigint;
BEGIN
    FOR view_name IN SELECT viewname FROM pg_views WHERE schemaname = 'regress_live' ORDER BY viewname LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT * FROM regress_live.%1$I EXCEPT ALL SELECT * FROM regress_landed.%1$I'
            ' UNION ALL (SELECT * FROM regress_landed.%1$I EXCEPT ALL SELECT * FROM regress_live.%1$I)) AS d', view_name)
        INTO differences;
        IF differences > 0 THEN
            RETURN NEXT format('%s: %s', view_name, differences);
        END IF;
    END LOOP;
END
$$;

SET client_min_messages = warning;
SELECT pinterest.generate_posts(50, 0, 'public');
CALL pinterest.emulate_posting('regress_live', 30, seed => 5);
RESET client_min_messages;
SELECT count(*) FROM regress_landed.pin;
CALL pinterest.run_pipeline('regress_landed');
SELECT folder.differences();
SELECT count(*) FROM regress_landed.pin;

-- Nothing has come since
CALL pinterest.run_pipeline('regress_landed');

-- More has, though a run was rolled back; one record is no good
CREATE MATERIALIZED VIEW regress_landed.popular AS SELECT * FROM regress_landed.most_popular_category_by_country;
CREATE MATERIALIZED VIEW regress_landed.countries AS SELECT count(*) FROM regress_landed.popular;
SET client_min_messages = warning;
CALL pinterest.emulate_posting('regress_landed', 20, seed => 6);
RESET client_min_messages;
CALL folder.put('topics/u1.user/partition=7/u1.user+7+0000000000.json', '{"ind":1,"age":"young"}');
BEGIN;
CALL pinterest.run_pipeline('regress_landed');
ROLLBACK;
CALL pinterest.run_pipeline('regress_landed');
SELECT stream, error FROM pinterest.dead_letter;
SET client_min_messages = warning;
SELECT folder.differences();
SELECT * FROM regress_landed.popular EXCEPT SELECT * FROM regress_live.most_popular_category_by_country;
SELECT (SELECT count FROM regress_landed.countries) = count(*) AS refreshed FROM regress_live.most_popular_category_by_country;
RESET client_min_messages;

-- A live pipeline has nothing to run but its materialized views
CALL pinterest.run_pipeline('regress_live');
CREATE MATERIALIZED VIEW regress_live.users_now AS SELECT count(*) FROM regress_live.users;
CALL pinterest.run_pipeline('regress_live');
CALL pinterest.run_pipeline('regress_nowhere');
CALL pinterest.run_pipeline(NULL);

-- Others may not run it
CREATE ROLE regress_run_other;
GRANT USAGE ON SCHEMA regress_landed TO regress_run_other;
SET ROLE regress_run_other;
CALL pinterest.run_pipeline('regress_landed');
RESET ROLE;

-- Names
SELECT pinterest.create_pipeline(repeat('n', 60), 'folder_server', 'u1', 's3://bucket', mode => 'landed');
SELECT pinterest.create_pipeline('n', 'folder_server', repeat('u', 54), 's3://bucket', mode => 'landed');
SELECT pinterest.create_pipeline('Regress "x"', 'folder_server', 'It''s "x" %I', 's3://bucket', mode => 'landed');
SELECT stream, source, target FROM pinterest.stream_status WHERE stream LIKE 'Regress%' ORDER BY stream;
SELECT count(*) AS uncommented FROM pg_attribute
WHERE attrelid = 'regress_landed.u1_pin_table'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL;
SELECT pinterest.drop_pipeline('Regress "x"');

-- Dropped with its streams, unless it holds anything else
SELECT pinterest.drop_pipeline('regress_landed');
DROP MATERIALIZED VIEW regress_landed.countries, regress_landed.popular;
SELECT pinterest.drop_pipeline('regress_landed');
SELECT count(*) AS streams FROM pinterest.stream_status;
DROP MATERIALIZED VIEW regress_live.users_now;

-- A stream of the same name, into a table that is no part of the pipeline
CREATE TABLE regress_precious (index int);
GRANT USAGE ON SCHEMA regress_live TO regress_run_other;
GRANT SELECT ON regress_live.pin_source TO regress_run_other;
GRANT INSERT ON regress_precious TO regress_run_other;
SET ROLE regress_run_other;
SELECT pinterest.create_stream('regress_live.pin', 'regress_live.pin_source', 'regress_precious');
RESET ROLE;
SELECT pinterest.drop_pipeline('regress_live');
SELECT stream, target FROM pinterest.stream_status;
SELECT pinterest.drop_stream('regress_live.pin');
SELECT pinterest.drop_pipeline('regress_live');
DROP TABLE regress_precious;

DROP ROLE regress_run_other;
DROP TABLE pinterest_data, geolocation_data, user_data;
CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
