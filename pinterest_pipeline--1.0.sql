/* pinterest_pipeline--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pinterest_pipeline" to load this file. \quit

CREATE SCHEMA pinterest;
GRANT USAGE ON SCHEMA pinterest TO PUBLIC;
COMMENT ON SCHEMA pinterest IS 'functions of the pinterest_pipeline extension';

--
-- Foreign data wrappers
--

CREATE FUNCTION pinterest.s3_json_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'pinterest_s3_json_handler' LANGUAGE C STRICT;
CREATE FUNCTION pinterest.s3_json_validator(options text[], catalog oid) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_s3_json_validator' LANGUAGE C STRICT;

CREATE FOREIGN DATA WRAPPER s3_json
    HANDLER pinterest.s3_json_handler VALIDATOR pinterest.s3_json_validator;
COMMENT ON FOREIGN DATA WRAPPER s3_json IS 'JSON records in the objects of an S3 bucket or a local folder';

CREATE FUNCTION pinterest.options(
    OUT wrapper text, OUT object text, OUT name text, OUT type text,
    OUT required boolean, OUT default_value text, OUT secret boolean, OUT description text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pinterest_options' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50;
COMMENT ON FUNCTION pinterest.options() IS 'every option of the foreign data wrappers, and where it goes';
