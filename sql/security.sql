-- Security: who may name files of the server, use a server, see a secret; and
-- whose keys a view uses.

\set folder `echo "${PG_ABS_SRCDIR:-.}/sql/include/folder.sql"`
\set ECHO none
\i :folder
\set ECHO all
\set SHOW_CONTEXT never
\pset null NULL

CALL folder.put('secure/a.json', '{"i":1}');
CREATE ROLE regress_plain;
CREATE ROLE regress_files;
CREATE ROLE regress_reader;
GRANT pg_read_server_files TO regress_files;
CREATE SCHEMA secure AUTHORIZATION regress_plain;
GRANT ALL ON SCHEMA secure TO PUBLIC;
CREATE SERVER secure_server FOREIGN DATA WRAPPER s3_json OPTIONS (endpoint 'http://127.0.0.1:1');

-- A wrapper and its servers are nobody's until granted
SET ROLE regress_plain;
CREATE SERVER own_server FOREIGN DATA WRAPPER s3_json;
CREATE FOREIGN TABLE secure.t (i int) SERVER secure_server OPTIONS (location 's3://bucket/');
CREATE USER MAPPING FOR regress_plain SERVER secure_server;
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER secure_server, folder_server TO regress_plain, regress_files;
GRANT USAGE ON FOREIGN DATA WRAPPER s3_json TO regress_plain;

-- Buckets are for anybody who may use the server, files for those who may read them
SET ROLE regress_plain;
CREATE FOREIGN TABLE secure.bucket (i int) SERVER secure_server OPTIONS (location 's3://bucket/');
CREATE FOREIGN TABLE secure.file (i int) SERVER folder_server OPTIONS (location 'file:///etc/');
ALTER FOREIGN TABLE secure.bucket OPTIONS (SET location 'file:///etc/');
ALTER FOREIGN TABLE secure.bucket OPTIONS (SET location 's3://other/');
SET ROLE regress_files;
CREATE FOREIGN TABLE secure.etc (i int) SERVER folder_server OPTIONS (location 'file:///etc/');
SELECT folder.path() AS path \gset
\set location 'file://' :path '/secure/'
CREATE FOREIGN TABLE secure.file (i int) SERVER folder_server OPTIONS (location :'location');
SELECT * FROM secure.file;
-- who has the right lends it to those who may read the table
SET ROLE regress_reader;
SELECT * FROM secure.file;
SET ROLE regress_files;
GRANT SELECT ON secure.file TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM secure.file;
RESET ROLE;
-- the right is asked for when the location is set
REVOKE pg_read_server_files FROM regress_files;
SET ROLE regress_files;
SELECT * FROM secure.file;
ALTER FOREIGN TABLE secure.file OPTIONS (ADD on_error 'ignore');
ALTER FOREIGN TABLE secure.file OPTIONS (SET location 'file:///etc/');
CREATE FOREIGN TABLE secure.more (i int) SERVER folder_server OPTIONS (location 'file:///etc/');
RESET ROLE;

-- A ca_file is a file of the server, too
GRANT pg_read_server_files TO regress_files;
GRANT USAGE ON FOREIGN DATA WRAPPER s3_json TO regress_files;
SET ROLE regress_plain;
CREATE SERVER ca_server FOREIGN DATA WRAPPER s3_json OPTIONS (ca_file '/etc/ca.pem');
CREATE SERVER plain_server FOREIGN DATA WRAPPER s3_json;
ALTER SERVER plain_server OPTIONS (ADD ca_file '/etc/ca.pem');
SET ROLE regress_files;
CREATE SERVER ca_server FOREIGN DATA WRAPPER s3_json OPTIONS (ca_file 'ca.pem');
CREATE SERVER ca_server FOREIGN DATA WRAPPER s3_json OPTIONS (ca_file '/etc/ca.pem');
RESET ROLE;
DROP SERVER ca_server;
DROP SERVER plain_server;
REVOKE pg_read_server_files FROM regress_files;

-- Secrets: seen by their user and by nobody else, in no message
SET ROLE regress_plain;
CREATE USER MAPPING FOR regress_plain SERVER secure_server
    OPTIONS (access_key_id 'AKIDPLAIN', secret_access_key 'hush-hush');
SELECT umoptions FROM pg_user_mappings WHERE srvname = 'secure_server';
CREATE USER MAPPING FOR regress_reader SERVER secure_server
    OPTIONS (access_key_id 'AKID', secret_access_key 'hush-hush');
SET ROLE regress_reader;
SELECT usename, umoptions FROM pg_user_mappings WHERE srvname = 'secure_server';
SELECT * FROM pg_user_mapping;
RESET ROLE;

-- A view uses its owner's keys, a table the reader's; the addresses of this
-- machine are for servers of superusers
ALTER SERVER secure_server OWNER TO regress_plain;
SET pinterest.max_retries = 0;
SET ROLE regress_plain;
GRANT SELECT ON secure.bucket TO regress_reader;
CREATE VIEW secure.view AS SELECT * FROM secure.bucket;
GRANT SELECT ON secure.view TO regress_reader;
CREATE FUNCTION secure.definer() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM secure.bucket';
CREATE FUNCTION secure.keys_used(query text) RETURNS text LANGUAGE plpgsql AS
$$
BEGIN
    EXECUTE query;
    RETURN 'nothing failed';
EXCEPTION
    WHEN fdw_option_name_not_found THEN
        RETURN replace(SQLERRM, session_user, 'the superuser');
    WHEN OTHERS THEN
        RETURN CASE WHEN SQLERRM ~ 'hush|AKID' THEN 'a secret' ELSE SQLSTATE END;
END
$$;
SET ROLE regress_reader;
SELECT secure.keys_used('SELECT * FROM secure.bucket');
SELECT secure.keys_used('SELECT * FROM secure.view');
SELECT secure.keys_used('SELECT secure.definer()');
SELECT secure.keys_used('SELECT * FROM secure.view v, secure.view w');
-- the same through a prepared statement that changes hands
PREPARE through_view AS SELECT * FROM secure.view;
PREPARE direct AS SELECT count(*) FROM secure.bucket;
SELECT secure.keys_used('EXECUTE direct');
SET ROLE regress_plain;
SELECT secure.keys_used('EXECUTE direct');
RESET ROLE;
SELECT secure.keys_used('EXECUTE through_view');
-- as a superuser without a mapping of its own
SELECT secure.keys_used('SELECT * FROM secure.bucket');
SELECT * FROM folder.failure('SELECT * FROM secure.view');

-- Planning and EXPLAIN ask for no keys; for the right to read the table they do
SET ROLE regress_reader;
EXPLAIN (COSTS off) SELECT * FROM secure.bucket;
EXPLAIN (COSTS off) SELECT * FROM secure.etc;
RESET ROLE;

-- Row security does not exist for foreign tables, a barrier view does
CREATE VIEW secure.barrier WITH (security_barrier) AS SELECT * FROM secure.file WHERE i <> 1;
GRANT SELECT ON secure.barrier TO regress_reader;
CREATE FUNCTION secure.leak(int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
    'BEGIN RAISE NOTICE ''leaked %'', $1; RETURN true; END';
SET ROLE regress_reader;
SELECT * FROM secure.barrier WHERE secure.leak(i);
RESET ROLE;

-- Functions of the extension that anybody may call
SET ROLE regress_reader;
SELECT count(*) > 0 AS options FROM pinterest.options();
SELECT pinterest.s3_json_validator(ARRAY['regoin=x'], 'pg_foreign_server'::regclass);
SELECT pinterest.s3_json_validator(ARRAY['location=file:///etc/'], 'pg_foreign_table'::regclass);
SELECT pinterest.s3_json_validator(ARRAY['x'], 0);
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA secure CASCADE;
DROP SERVER secure_server CASCADE;

CALL folder.remove();
SET client_min_messages = warning;
DROP SERVER folder_server CASCADE;
DROP SCHEMA folder CASCADE;
DROP OWNED BY regress_plain, regress_files, regress_reader;
DROP ROLE regress_plain, regress_files, regress_reader;
