-- Options: each one takes what it should, refuses the rest with a hint, and is
-- refused where it does not belong.  Messages hold no secret.

\set SHOW_CONTEXT never

-- Server
CREATE SERVER option_server FOREIGN DATA WRAPPER s3_json
    OPTIONS (region 'eu-west-1', endpoint 'https://host.example:9000', path_style 'off');
ALTER SERVER option_server OPTIONS (SET path_style 'true', DROP endpoint);
ALTER SERVER option_server OPTIONS (SET path_style 'maybe');
ALTER SERVER option_server OPTIONS (SET region '');
ALTER SERVER option_server OPTIONS (SET region 'eu west 1');
ALTER SERVER option_server OPTIONS (ADD endpoint '');
ALTER SERVER option_server OPTIONS (ADD endpoint 'host.example');
ALTER SERVER option_server OPTIONS (ADD endpoint 'ftp://host.example');
ALTER SERVER option_server OPTIONS (ADD endpoint 'http://host.example/path');
ALTER SERVER option_server OPTIONS (ADD endpoint 'http://host.example?query');
ALTER SERVER option_server OPTIONS (ADD endpoint 'http://host.example:0');
ALTER SERVER option_server OPTIONS (ADD endpoint 'http://host.example:65536');
ALTER SERVER option_server OPTIONS (ADD endpoint 'http://[::1');
ALTER SERVER option_server OPTIONS (ADD endpoint 'http://user:hush-hush@host.example');
ALTER SERVER option_server OPTIONS (ADD regoin 'x');
ALTER SERVER option_server OPTIONS (ADD something_else 'x');
ALTER SERVER option_server OPTIONS (ADD "Endpoint" 'x');
ALTER SERVER option_server OPTIONS (ADD location 's3://bucket/');
ALTER SERVER option_server OPTIONS (ADD secret_access_key 'hush-hush');
ALTER SERVER option_server OPTIONS (ADD field 'x');
ALTER SERVER option_server OPTIONS (ADD region 'twice');

-- Server: credentials
ALTER SERVER option_server OPTIONS (ADD credential_source 'process');
ALTER SERVER option_server OPTIONS (ADD profile 'x');
ALTER SERVER option_server OPTIONS (ADD credential_source 'environment', ADD profile 'x');
ALTER SERVER option_server OPTIONS (ADD external_id 'x');
ALTER SERVER option_server OPTIONS (ADD role_session_name 'x');
ALTER SERVER option_server OPTIONS (ADD role_arn 'reader');
ALTER SERVER option_server OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/a b');
ALTER SERVER option_server OPTIONS (ADD role_arn 'iam::123456789012:role/reader');
ALTER SERVER option_server OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/reader');
ALTER SERVER option_server OPTIONS (ADD external_id 'x');
ALTER SERVER option_server OPTIONS (ADD role_session_name 'x/y');
ALTER SERVER option_server OPTIONS (ADD sts_endpoint 'sts.example');
ALTER SERVER option_server OPTIONS (ADD external_id 'x/1', ADD role_session_name 'x@y',
    ADD sts_endpoint 'https://sts.example', ADD credential_source 'chain', ADD profile 'x');
ALTER SERVER option_server OPTIONS (DROP role_arn);
ALTER SERVER option_server OPTIONS (DROP external_id, DROP role_session_name, DROP sts_endpoint,
    DROP credential_source, DROP profile, DROP role_arn);

-- Wrapper
ALTER FOREIGN DATA WRAPPER s3_json OPTIONS (ADD region 'x');
ALTER FOREIGN DATA WRAPPER s3_json OPTIONS (ADD anything 'x');

-- User mapping
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (access_key_id 'AKID');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (secret_access_key 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (session_token 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server
    OPTIONS (access_key_id 'AKID', secret_access_key '');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server
    OPTIONS (access_key_id '', secret_access_key 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server
    OPTIONS (access_key_id 'AKID', secret_access_kay 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server
    OPTIONS (access_key_id 'AKID', secret_access_key 'hush-hush', session_token '');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (region 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (credential_source 'chain');
CREATE USER MAPPING FOR CURRENT_USER SERVER option_server
    OPTIONS (access_key_id 'AKID', secret_access_key 'hush-hush', session_token 'hush-hush');
ALTER USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (DROP secret_access_key);
CREATE USER MAPPING FOR PUBLIC SERVER option_server;

-- Table: location
CREATE FOREIGN TABLE option_table (a int) SERVER option_server;
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location '');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location '/folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 'https://bucket/folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 's3://');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 's3:///folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 's3://b*/folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 's3://Bucket/folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 's3://ab/folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 's3://AKID:hush-hush@bucket/folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 'https://AKID:hush-hush@bucket/');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 'file://folder');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 'file:///folder/../other');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location 'file:///folder/./');
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location E's3://bucket/a\tb');
\set too_long 's3://bucket/' `printf '%05000d' 0`
CREATE FOREIGN TABLE option_table (a int) SERVER option_server OPTIONS (location :'too_long');

-- Table: the rest
CREATE FOREIGN TABLE option_table (a int) SERVER option_server
    OPTIONS (location 's3://bucket', layout 'sink', compression 'gzip', format 'lines',
             on_error 'set_null', reject_limit '9223372036854775807', log_verbosity 'silent');
ALTER FOREIGN TABLE option_table OPTIONS (SET layout 'Sink');
ALTER FOREIGN TABLE option_table OPTIONS (SET layout '');
ALTER FOREIGN TABLE option_table OPTIONS (SET compression 'bzip2');
ALTER FOREIGN TABLE option_table OPTIONS (SET format 'csv');
ALTER FOREIGN TABLE option_table OPTIONS (SET on_error 'skip');
ALTER FOREIGN TABLE option_table OPTIONS (SET log_verbosity 'terse');
ALTER FOREIGN TABLE option_table OPTIONS (SET reject_limit '0');
ALTER FOREIGN TABLE option_table OPTIONS (SET reject_limit '-1');
ALTER FOREIGN TABLE option_table OPTIONS (SET reject_limit '1.5');
ALTER FOREIGN TABLE option_table OPTIONS (SET reject_limit ' 1');
ALTER FOREIGN TABLE option_table OPTIONS (SET reject_limit '9223372036854775808');
ALTER FOREIGN TABLE option_table OPTIONS (SET reject_limit '99999999999999999999');
ALTER FOREIGN TABLE option_table OPTIONS (SET on_error 'stop');
ALTER FOREIGN TABLE option_table OPTIONS (ADD onerror 'ignore');
ALTER FOREIGN TABLE option_table OPTIONS (ADD metadata 'path');
ALTER FOREIGN TABLE option_table OPTIONS (ADD endpoint 'http://host.example');
ALTER FOREIGN TABLE option_table OPTIONS (DROP location);
SELECT format($$ALTER FOREIGN TABLE option_table OPTIONS (ADD %I 'x')$$, repeat('long', 15))
\gexec

-- Column
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (field '/b/0/~0~1', metadata 'path');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (metadata 'path', hive_key 'b');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (metadata 'paht');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (metadata '');
ALTER FOREIGN TABLE option_table ADD COLUMN c int OPTIONS (hive_key '');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (field '/b~2');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (field '/b~');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (feild 'b');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (location 'b');
ALTER FOREIGN TABLE option_table ADD COLUMN b int OPTIONS (field '/b/0/~0~1');
ALTER FOREIGN TABLE option_table ALTER COLUMN b OPTIONS (ADD metadata 'path');
ALTER FOREIGN TABLE option_table ALTER COLUMN b OPTIONS (DROP field, ADD metadata 'path');
-- an empty key is a key
ALTER FOREIGN TABLE option_table ALTER COLUMN b OPTIONS (DROP metadata, ADD field '');

-- SQLSTATEs of what a program may want to tell apart
DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'ALTER SERVER option_server OPTIONS (ADD regoin ''x'')',
        'ALTER SERVER option_server OPTIONS (SET region '''')',
        'ALTER FOREIGN TABLE option_table OPTIONS (DROP location)',
        'ALTER FOREIGN TABLE option_table OPTIONS (SET location ''x'')',
        'ALTER USER MAPPING FOR CURRENT_USER SERVER option_server OPTIONS (DROP access_key_id)',
        'SET pinterest.max_record_size = 0',
        'SET pinterest.s3_connections = 0',
        'SET pinterest.request_timeout = 1',
        'SET pinterest.max_retries = -1']
    LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE '%: %', SQLSTATE, statement;
        END;
    END LOOP;
END
$$;

-- What is left after all this
SELECT srvoptions FROM pg_foreign_server WHERE srvname = 'option_server';
SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = 'option_table'::regclass;
SELECT attname, attfdwoptions FROM pg_attribute
    WHERE attrelid = 'option_table'::regclass AND attnum > 0 ORDER BY attnum;

-- A table without keys to sign with is refused when it is read, not before
CREATE ROLE regress_option;
CREATE SERVER option_keyless FOREIGN DATA WRAPPER s3_json;
CREATE FOREIGN TABLE option_keyless (a int) SERVER option_keyless OPTIONS (location 's3://bucket/');
GRANT SELECT ON option_keyless TO regress_option;
SET ROLE regress_option;
EXPLAIN (COSTS off) SELECT * FROM option_keyless;
SELECT * FROM option_keyless;
RESET ROLE;
CREATE USER MAPPING FOR PUBLIC SERVER option_keyless;
SET ROLE regress_option;
SELECT * FROM option_keyless;
RESET ROLE;

-- Wrappers made without the validator, options set by force: an error, no crash
CREATE FOREIGN DATA WRAPPER option_wrapper HANDLER pinterest.s3_json_handler;
CREATE SERVER option_unchecked FOREIGN DATA WRAPPER option_wrapper;
CREATE FOREIGN TABLE option_unchecked (a int) SERVER option_unchecked;
EXPLAIN SELECT * FROM option_unchecked;
SELECT * FROM option_unchecked;
ALTER FOREIGN TABLE option_unchecked OPTIONS (location 'nowhere');
SELECT * FROM option_unchecked;
ALTER FOREIGN TABLE option_unchecked OPTIONS (SET location 's3://bucket/', on_error 'what');
SELECT * FROM option_unchecked;
ALTER FOREIGN TABLE option_unchecked OPTIONS (DROP on_error);
ALTER FOREIGN TABLE option_unchecked ALTER a OPTIONS (field '/~');
SELECT * FROM option_unchecked;
ALTER FOREIGN TABLE option_unchecked ALTER a OPTIONS (DROP field);
CREATE USER MAPPING FOR PUBLIC SERVER option_unchecked OPTIONS (access_key_id 'AKID');
SELECT * FROM option_unchecked;
ALTER SERVER option_unchecked OPTIONS (endpoint 'hush-hush@host');
ALTER USER MAPPING FOR PUBLIC SERVER option_unchecked OPTIONS (secret_access_key 'hush-hush');
SELECT * FROM option_unchecked;

-- The function that lists them; none that is required or secret has a default
SELECT count(*) > 0, bool_and(description <> ''), bool_and(NOT (secret OR required) OR default_value IS NULL)
    FROM pinterest.options();
SELECT object, name FROM pinterest.options() WHERE required OR secret ORDER BY 1, 2;
SELECT object, name, count(*) FROM pinterest.options() GROUP BY wrapper, object, name HAVING count(*) > 1;

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER option_wrapper CASCADE;
DROP SERVER option_keyless CASCADE;
DROP SERVER option_server CASCADE;
DROP ROLE regress_option;
