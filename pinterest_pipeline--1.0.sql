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
COMMENT ON FUNCTION pinterest.s3_json_handler() IS 'handler of foreign data wrapper s3_json';
CREATE FUNCTION pinterest.s3_json_validator(options text[], catalog oid) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_s3_json_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION pinterest.s3_json_validator(text[], oid) IS 'checks options of foreign data wrapper s3_json';

CREATE FOREIGN DATA WRAPPER s3_json
    HANDLER pinterest.s3_json_handler VALIDATOR pinterest.s3_json_validator;
COMMENT ON FOREIGN DATA WRAPPER s3_json IS 'JSON records in the objects of an S3 bucket or a local folder';

CREATE FUNCTION pinterest.kafka_json_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'pinterest_kafka_json_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION pinterest.kafka_json_handler() IS 'handler of foreign data wrapper kafka_json';
CREATE FUNCTION pinterest.kafka_json_validator(options text[], catalog oid) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_kafka_json_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION pinterest.kafka_json_validator(text[], oid) IS 'checks options of foreign data wrapper kafka_json';

CREATE FOREIGN DATA WRAPPER kafka_json
    HANDLER pinterest.kafka_json_handler VALIDATOR pinterest.kafka_json_validator;
COMMENT ON FOREIGN DATA WRAPPER kafka_json IS 'JSON records in the topics of Apache Kafka';

CREATE FUNCTION pinterest.kinesis_json_handler() RETURNS fdw_handler
    AS 'MODULE_PATHNAME', 'pinterest_kinesis_json_handler' LANGUAGE C STRICT;
COMMENT ON FUNCTION pinterest.kinesis_json_handler() IS 'handler of foreign data wrapper kinesis_json';
CREATE FUNCTION pinterest.kinesis_json_validator(options text[], catalog oid) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_kinesis_json_validator' LANGUAGE C STRICT;
COMMENT ON FUNCTION pinterest.kinesis_json_validator(text[], oid) IS 'checks options of foreign data wrapper kinesis_json';

CREATE FOREIGN DATA WRAPPER kinesis_json
    HANDLER pinterest.kinesis_json_handler VALIDATOR pinterest.kinesis_json_validator;
COMMENT ON FOREIGN DATA WRAPPER kinesis_json IS 'JSON records in Kinesis data streams';

CREATE FUNCTION pinterest.options(
    OUT wrapper text, OUT object text, OUT name text, OUT type text,
    OUT required boolean, OUT default_value text, OUT secret boolean, OUT description text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pinterest_options' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 100;
COMMENT ON FUNCTION pinterest.options() IS 'options of the foreign data wrappers, and what they belong to';

--
-- Diagnosis
--

CREATE FUNCTION pinterest.check_server(
    server text, location text DEFAULT NULL,
    OUT step text, OUT outcome text, OUT milliseconds double precision, OUT detail text, OUT hint text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pinterest_check_server' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 8;
COMMENT ON FUNCTION pinterest.check_server(text, text)
    IS 'tests a foreign server step by step, from name lookup to the first record';

CREATE FUNCTION pinterest._scan_progress(
    OUT pid integer, OUT datid oid, OUT usesysid oid, OUT wrapper text, OUT server text,
    OUT relid oid, OUT relation text, OUT state text, OUT waiting_for text,
    OUT bodies bigint, OUT bodies_known bigint, OUT bodies_total bigint, OUT records bigint, OUT bytes bigint,
    OUT requests_in_flight integer, OUT retries bigint, OUT rejected bigint, OUT started timestamptz)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pinterest_scan_progress' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED ROWS 10;
COMMENT ON FUNCTION pinterest._scan_progress() IS 'used by view scan_progress';

CREATE VIEW pinterest.scan_progress AS
    SELECT p.pid, d.datname AS database, pg_catalog.pg_get_userbyid(p.usesysid) AS username, p.wrapper, p.server,
        p.relid, p.relation, p.state, p.waiting_for, p.bodies, p.bodies_known, p.bodies_total, p.records, p.bytes,
        p.requests_in_flight, p.retries, p.rejected, p.started
    FROM pinterest._scan_progress() p LEFT JOIN pg_catalog.pg_database d ON d.oid = p.datid;
COMMENT ON VIEW pinterest.scan_progress IS 'progress of the scans of foreign tables that are running, in all sessions';
COMMENT ON COLUMN pinterest.scan_progress.pid IS 'process that scans; each process of a parallel scan has a row of its own';
COMMENT ON COLUMN pinterest.scan_progress.database IS 'database of the session';
COMMENT ON COLUMN pinterest.scan_progress.username IS 'user of the session';
COMMENT ON COLUMN pinterest.scan_progress.wrapper IS 'foreign data wrapper';
COMMENT ON COLUMN pinterest.scan_progress.server IS 'foreign server';
COMMENT ON COLUMN pinterest.scan_progress.relid IS 'OID of the foreign table';
COMMENT ON COLUMN pinterest.scan_progress.relation IS 'name of the foreign table';
COMMENT ON COLUMN pinterest.scan_progress.state IS 'running or waiting';
COMMENT ON COLUMN pinterest.scan_progress.waiting_for IS 'list, get, backoff (pause before a retry) or pace (limits of Kinesis shards)';
COMMENT ON COLUMN pinterest.scan_progress.bodies IS 'objects, messages or shards begun';
COMMENT ON COLUMN pinterest.scan_progress.bodies_known IS 'objects, messages or shards found so far';
COMMENT ON COLUMN pinterest.scan_progress.bodies_total IS 'objects, messages or shards in all, once that is known';
COMMENT ON COLUMN pinterest.scan_progress.records IS 'records read so far';
COMMENT ON COLUMN pinterest.scan_progress.bytes IS 'bytes read so far, as stored';
COMMENT ON COLUMN pinterest.scan_progress.requests_in_flight IS 'requests under way';
COMMENT ON COLUMN pinterest.scan_progress.retries IS 'requests sent again';
COMMENT ON COLUMN pinterest.scan_progress.rejected IS 'bad records so far';
COMMENT ON COLUMN pinterest.scan_progress.started IS 'when the first row was asked for';
GRANT SELECT ON pinterest.scan_progress TO PUBLIC;

--
-- Administration
--

CREATE FUNCTION pinterest.list_sources(server text, OUT name text, OUT splits integer, OUT state text)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pinterest_list_sources' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION pinterest.list_sources(text) IS 'the topics or streams of a foreign server';

CREATE FUNCTION pinterest.describe_source(
    server text, name text,
    OUT split text, OUT begins numeric, OUT ends numeric, OUT place text, OUT state text, OUT parents text[],
    OUT options jsonb)
    RETURNS SETOF record
    AS 'MODULE_PATHNAME', 'pinterest_describe_source' LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION pinterest.describe_source(text, text)
    IS 'the partitions of a topic or shards of a stream: range, leader or hash keys, and state of each; and options as for create_source';

CREATE FUNCTION pinterest.create_source(
    server text, name text, splits integer DEFAULT 1, options jsonb DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_create_source' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.create_source(text, text, integer, jsonb)
    IS 'creates a topic or stream and waits until it can be used; cannot be rolled back';

CREATE FUNCTION pinterest.alter_source(server text, name text, splits integer) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_alter_source' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.alter_source(text, text, integer)
    IS 'changes the number of partitions of a topic or shards of a stream; cannot be rolled back';

CREATE FUNCTION pinterest.drop_source(server text, name text) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_drop_source' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.drop_source(text, text)
    IS 'drops a topic or stream with all its records; cannot be rolled back';

--
-- Streams
--
-- What streams are and how far they have come.  Nobody but the owner of the
-- extension may touch these tables; the functions below do, for the owners of
-- streams.  Names, not OIDs: they survive pg_dump.
--

CREATE TABLE pinterest._stream (
    name text PRIMARY KEY,
    owner name NOT NULL,
    -- the database it runs in; a restored copy is another one
    home text NOT NULL,
    -- qualified and quoted
    source text NOT NULL,
    target text NOT NULL,
    query text,
    key_columns text[],
    on_error text NOT NULL,
    on_gap text NOT NULL,
    splits text,
    -- where splits begin that have no position
    since timestamptz NOT NULL DEFAULT '-infinity',
    batch_rows bigint NOT NULL,
    batch_wait interval NOT NULL,
    -- NULL unless the target is a foreign table
    rotate_interval interval,
    runs bigint NOT NULL DEFAULT 0,
    records bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    rows bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    last_run timestamptz
);

-- A row of it is executed as another role, which is more than to write data: so the
-- privilege of members of pg_write_all_data does not reach so far.
CREATE FUNCTION pinterest._stream_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for table %I', TG_TABLE_NAME),
            HINT = 'Use pinterest.create_stream() and the other functions of streams.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION pinterest._stream_guard() IS 'used by table _stream: nobody but its owner may say what streams run, and as whom';
CREATE TRIGGER _stream_guard BEFORE INSERT OR UPDATE OF name, owner, home, source, target, query, key_columns
    ON pinterest._stream EXECUTE FUNCTION pinterest._stream_guard();

-- Apart from _stream, whose rows are locked for as long as a run takes.
CREATE TABLE pinterest._stream_worker (
    stream text PRIMARY KEY REFERENCES pinterest._stream ON DELETE CASCADE,
    -- running and retrying: there is to be a worker; ready and failed: there is not
    state text NOT NULL DEFAULT 'ready',
    retries bigint NOT NULL DEFAULT 0,
    last_error text,
    last_error_time timestamptz
);

CREATE TABLE pinterest._stream_position (
    stream text NOT NULL REFERENCES pinterest._stream ON DELETE CASCADE,
    split text NOT NULL,
    position text NOT NULL,
    mark text,
    -- as of the last run
    ends text,
    lag bigint,
    lag_time interval,
    PRIMARY KEY (stream, split)
);

CREATE TABLE pinterest._dead_letter (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    stream text NOT NULL REFERENCES pinterest._stream ON DELETE CASCADE,
    split text NOT NULL,
    position text NOT NULL,
    -- what else the source knows of the record, as text by name
    metadata jsonb NOT NULL,
    bytes bytea,
    error text NOT NULL,
    "time" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX _dead_letter_stream ON pinterest._dead_letter (stream);

CREATE TABLE pinterest._stream_gap (
    stream text NOT NULL REFERENCES pinterest._stream ON DELETE CASCADE,
    split text NOT NULL,
    first text NOT NULL,
    last text,
    reason text NOT NULL,
    "time" timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX _stream_gap_stream ON pinterest._stream_gap (stream);

-- Objects that wait for more records; with "last", those whose records the run
-- "run" has chosen.
CREATE TABLE pinterest._stream_object (
    stream text NOT NULL REFERENCES pinterest._stream ON DELETE CASCADE,
    split text NOT NULL,
    first bigint NOT NULL,
    last bigint,
    since timestamptz NOT NULL,
    run bigint,
    PRIMARY KEY (stream, split, first)
);

SELECT pg_catalog.pg_extension_config_dump('pinterest._stream', '');
SELECT pg_catalog.pg_extension_config_dump('pinterest._stream_worker', '');
SELECT pg_catalog.pg_extension_config_dump('pinterest._stream_position', '');
SELECT pg_catalog.pg_extension_config_dump('pinterest._dead_letter', '');
SELECT pg_catalog.pg_extension_config_dump('pinterest._dead_letter_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pinterest._stream_gap', '');
SELECT pg_catalog.pg_extension_config_dump('pinterest._stream_object', '');

COMMENT ON TABLE pinterest._stream IS 'the streams; read view stream_status';
COMMENT ON TABLE pinterest._stream_worker IS 'the background workers of streams; read view stream_status';
COMMENT ON TABLE pinterest._stream_position IS 'how far streams have read; read view stream_position';
COMMENT ON TABLE pinterest._dead_letter IS 'records that streams could not use; read view dead_letter';
COMMENT ON SEQUENCE pinterest._dead_letter_id_seq IS 'ids of dead letters';
COMMENT ON TABLE pinterest._stream_gap IS 'records that streams have missed; read view stream_gap';
COMMENT ON TABLE pinterest._stream_object IS 'objects that streams are about to write; read view stream_object';

-- May the user of the query act on streams of this owner?  Those of nobody are
-- superusers'.
CREATE FUNCTION pinterest._may_act_for(owner name) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT CASE WHEN r.oid IS NOT NULL THEN pg_has_role(r.oid, 'USAGE') ELSE u.rolsuper END
    FROM pg_roles AS u LEFT JOIN pg_roles AS r ON r.rolname = owner
    WHERE u.rolname = current_user
$$;
COMMENT ON FUNCTION pinterest._may_act_for(name) IS 'used by the views on streams: may the current user act on streams of this owner?';

CREATE FUNCTION pinterest._stream_home() RETURNS text
    AS 'MODULE_PATHNAME', 'pinterest_stream_home' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest._stream_home() IS 'used by view stream_status: which database this is';

CREATE FUNCTION pinterest._stream_pid(name text) RETURNS integer
    AS 'MODULE_PATHNAME', 'pinterest_stream_pid' LANGUAGE C VOLATILE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest._stream_pid(text) IS 'used by view stream_status: process ID of the worker';

CREATE VIEW pinterest.stream_status WITH (security_barrier) AS
    SELECT s.name AS stream, s.owner,
        CASE WHEN s.home <> pinterest._stream_home() THEN 'paused'
             WHEN w.state IN ('running', 'retrying') AND s.pid IS NULL THEN 'down'
             ELSE w.state END AS state,
        s.pid,
        s.source, s.target, s.query, s.key_columns, s.on_error, s.on_gap, s.splits, s.batch_rows, s.batch_wait,
        s.rotate_interval,
        s.runs, s.records, s.bytes, s.rows, s.rejected,
        (SELECT pg_catalog.count(*) FROM pinterest._dead_letter AS d WHERE d.stream = s.name) AS dead_letters,
        (SELECT pg_catalog.count(*) FROM pinterest._stream_gap AS g WHERE g.stream = s.name) AS gaps,
        (SELECT pg_catalog.sum(p.lag)::bigint FROM pinterest._stream_position AS p WHERE p.stream = s.name) AS lag,
        (SELECT pg_catalog.max(p.lag_time) FROM pinterest._stream_position AS p WHERE p.stream = s.name) AS lag_time,
        s.last_run, w.retries,
        -- errors quote records
        CASE WHEN pinterest._may_act_for(s.owner) THEN w.last_error END AS last_error, w.last_error_time
    FROM (SELECT *, pinterest._stream_pid(name) AS pid
          FROM pinterest._stream
          WHERE pinterest._may_act_for(owner) OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')) AS s
        JOIN pinterest._stream_worker AS w ON w.stream = s.name;
COMMENT ON VIEW pinterest.stream_status IS 'the streams that the current user may act on; all of them for pg_read_all_stats';
COMMENT ON COLUMN pinterest.stream_status.stream IS 'name of the stream';
COMMENT ON COLUMN pinterest.stream_status.owner IS 'role that owns it, and as which it runs';
COMMENT ON COLUMN pinterest.stream_status.state IS 'ready: not started; running; retrying after an error; failed: an error has ended it; down: started, but without a worker; paused: created in another database, of which this one is a copy';
COMMENT ON COLUMN pinterest.stream_status.pid IS 'process ID of its worker';
COMMENT ON COLUMN pinterest.stream_status.source IS 'foreign table that is read';
COMMENT ON COLUMN pinterest.stream_status.target IS 'table that the rows go into, or foreign table over a folder';
COMMENT ON COLUMN pinterest.stream_status.query IS 'SELECT over the source; NULL: the columns that source and target have in common';
COMMENT ON COLUMN pinterest.stream_status.key_columns IS 'columns that identify a row; NULL: all rows are inserted';
COMMENT ON COLUMN pinterest.stream_status.on_error IS 'what is done with bad records: dead_letter, ignore or stop';
COMMENT ON COLUMN pinterest.stream_status.on_gap IS 'what is done when records are gone: stop or skip';
COMMENT ON COLUMN pinterest.stream_status.splits IS 'the part of the splits that it reads; NULL: all';
COMMENT ON COLUMN pinterest.stream_status.batch_rows IS 'records that its worker reads in one transaction';
COMMENT ON COLUMN pinterest.stream_status.batch_wait IS 'how long its worker waits before it looks for more records';
COMMENT ON COLUMN pinterest.stream_status.rotate_interval IS 'how long records wait until their object is full; NULL: the target is no folder';
COMMENT ON COLUMN pinterest.stream_status.runs IS 'runs that were committed';
COMMENT ON COLUMN pinterest.stream_status.records IS 'records read';
COMMENT ON COLUMN pinterest.stream_status.bytes IS 'bytes read, as stored';
COMMENT ON COLUMN pinterest.stream_status.rows IS 'rows inserted or updated';
COMMENT ON COLUMN pinterest.stream_status.rejected IS 'bad records';
COMMENT ON COLUMN pinterest.stream_status.dead_letters IS 'dead letters there are now';
COMMENT ON COLUMN pinterest.stream_status.gaps IS 'rows of stream_gap there are now';
COMMENT ON COLUMN pinterest.stream_status.lag IS 'positions that the last run has left; NULL: unknown';
COMMENT ON COLUMN pinterest.stream_status.lag_time IS 'the longest lag_time of its splits; NULL: unknown';
COMMENT ON COLUMN pinterest.stream_status.last_run IS 'when the last run was made';
COMMENT ON COLUMN pinterest.stream_status.retries IS 'errors of its worker after which it has tried again';
COMMENT ON COLUMN pinterest.stream_status.last_error IS 'last error of its worker; NULL for who may only see the stream';
COMMENT ON COLUMN pinterest.stream_status.last_error_time IS 'when that was';
GRANT SELECT ON pinterest.stream_status TO PUBLIC;

CREATE VIEW pinterest.stream_position WITH (security_barrier) AS
    SELECT p.stream, p.split, p.position, p.ends, p.lag, p.lag_time
    FROM pinterest._stream_position AS p
    WHERE pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')
        OR EXISTS (SELECT FROM pinterest._stream AS s WHERE s.name = p.stream AND pinterest._may_act_for(s.owner));
COMMENT ON VIEW pinterest.stream_position IS 'how far each split of the streams in stream_status has been read';
COMMENT ON COLUMN pinterest.stream_position.stream IS 'name of the stream';
COMMENT ON COLUMN pinterest.stream_position.split IS 'topic/partition, ID of a shard, or path of an object';
COMMENT ON COLUMN pinterest.stream_position.position IS 'offset of the next record, sequence number of the last record read, or which object of this path has been read';
COMMENT ON COLUMN pinterest.stream_position.ends IS 'position of its end when the last run began; NULL: unknown';
COMMENT ON COLUMN pinterest.stream_position.lag IS 'positions that the last run has left; NULL: unknown';
COMMENT ON COLUMN pinterest.stream_position.lag_time IS 'age of what was last read, if the last run has left records; NULL: unknown';
GRANT SELECT ON pinterest.stream_position TO PUBLIC;

CREATE VIEW pinterest.dead_letter WITH (security_barrier) AS
    SELECT d.id, d.stream, d.split, d.position, d.bytes, d.error, d."time", d.metadata
    FROM pinterest._dead_letter AS d
    WHERE EXISTS (SELECT FROM pinterest._stream AS s WHERE s.name = d.stream AND pinterest._may_act_for(s.owner));
COMMENT ON VIEW pinterest.dead_letter IS 'records that streams could not use; DELETE discards them';
COMMENT ON COLUMN pinterest.dead_letter.id IS 'number, ascending';
COMMENT ON COLUMN pinterest.dead_letter.stream IS 'name of the stream';
COMMENT ON COLUMN pinterest.dead_letter.split IS 'split it was read from';
COMMENT ON COLUMN pinterest.dead_letter.position IS 'its own position there';
COMMENT ON COLUMN pinterest.dead_letter.bytes IS 'the record as it came';
COMMENT ON COLUMN pinterest.dead_letter.error IS 'what is wrong with it';
COMMENT ON COLUMN pinterest.dead_letter."time" IS 'start of the transaction that read it';
COMMENT ON COLUMN pinterest.dead_letter.metadata IS 'the metadata of the source for this record, as text by name';
GRANT SELECT, DELETE ON pinterest.dead_letter TO PUBLIC;

CREATE VIEW pinterest.stream_gap WITH (security_barrier) AS
    SELECT g.stream, g.split, g.first, g.last, g.reason, g."time"
    FROM pinterest._stream_gap AS g
    WHERE EXISTS (SELECT FROM pinterest._stream AS s WHERE s.name = g.stream AND pinterest._may_act_for(s.owner));
COMMENT ON VIEW pinterest.stream_gap IS 'records that were gone before streams read them; DELETE forgets them';
COMMENT ON COLUMN pinterest.stream_gap.stream IS 'name of the stream';
COMMENT ON COLUMN pinterest.stream_gap.split IS 'split they were in';
COMMENT ON COLUMN pinterest.stream_gap.first IS 'position of the first of them';
COMMENT ON COLUMN pinterest.stream_gap.last IS 'position of the last; NULL: unknown';
COMMENT ON COLUMN pinterest.stream_gap.reason IS 'how that was found out';
COMMENT ON COLUMN pinterest.stream_gap."time" IS 'start of the transaction that noticed';
GRANT SELECT, DELETE ON pinterest.stream_gap TO PUBLIC;

CREATE VIEW pinterest.stream_object WITH (security_barrier) AS
    SELECT o.stream, o.split, o.first, o.last, o.since
    FROM pinterest._stream_object AS o
    WHERE EXISTS (SELECT FROM pinterest._stream AS s WHERE s.name = o.stream AND pinterest._may_act_for(s.owner));
COMMENT ON VIEW pinterest.stream_object IS 'objects that streams are about to write';
COMMENT ON COLUMN pinterest.stream_object.stream IS 'name of the stream';
COMMENT ON COLUMN pinterest.stream_object.split IS 'topic/partition';
COMMENT ON COLUMN pinterest.stream_object.first IS 'offset at which the object begins';
COMMENT ON COLUMN pinterest.stream_object.last IS 'offset at which it ends; NULL: it waits for more records';
COMMENT ON COLUMN pinterest.stream_object.since IS 'when its first record was seen';
GRANT SELECT ON pinterest.stream_object TO PUBLIC;

CREATE FUNCTION pinterest.create_stream(
    name text, source regclass, target regclass, query text DEFAULT NULL, key_columns text[] DEFAULT NULL,
    on_error text DEFAULT 'dead_letter', on_gap text DEFAULT 'stop', splits text DEFAULT NULL,
    batch_rows bigint DEFAULT 100000, batch_wait interval DEFAULT '1 second', rotate_interval interval DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_create_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.create_stream(text, regclass, regclass, text, text[], text, text, text, bigint, interval, interval)
    IS 'creates a stream, which copies each record of a source into a table or folder exactly once';

CREATE FUNCTION pinterest.pull_stream(name text, max_records bigint DEFAULT NULL) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pinterest_pull_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.pull_stream(text, bigint)
    IS 'copies what has come since the last run, in this transaction; returns the number of rows';

CREATE PROCEDURE pinterest.run_stream(name text)
    AS 'MODULE_PATHNAME', 'pinterest_run_stream' LANGUAGE C;
COMMENT ON PROCEDURE pinterest.run_stream(text)
    IS 'copies what has come since the last run, in transactions of its own, one for each batch';

CREATE FUNCTION pinterest.start_stream(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_start_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.start_stream(text)
    IS 'starts a background worker that copies records as they come, once this transaction is committed';

CREATE FUNCTION pinterest.stop_stream(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_stop_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.stop_stream(text)
    IS 'stops the background worker of a stream; a rollback starts it again';

CREATE FUNCTION pinterest.replay_dead_letters(name text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pinterest_replay_dead_letters' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.replay_dead_letters(text)
    IS 'tries the dead letters of a stream again; returns the number of rows';

CREATE FUNCTION pinterest.reset_stream(
    name text, since timestamptz DEFAULT '-infinity', split text DEFAULT NULL, at text DEFAULT NULL) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_reset_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.reset_stream(text, timestamptz, text, text)
    IS 'makes a stream start over from a time, or in one split from a position';

CREATE FUNCTION pinterest.resume_stream(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_resume_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.resume_stream(text)
    IS 'allows a stream of a restored or copied database to run in this one';

CREATE FUNCTION pinterest.drop_stream(name text) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_drop_stream' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest.drop_stream(text)
    IS 'drops a stream with its positions and dead letters; the rows it has copied stay';

-- The foreign tables belong to the caller, like the stream.
CREATE FUNCTION pinterest.create_sink(
    name text, source_server name, topics text, target_server name, location text,
    flush_size integer DEFAULT 1000, rotate_interval interval DEFAULT '10 minutes',
    on_error text DEFAULT 'dead_letter', on_gap text DEFAULT 'stop',
    schema name DEFAULT current_schema()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    argument text := CASE
        WHEN name IS NULL THEN 'name'
        WHEN source_server IS NULL THEN 'source_server'
        WHEN topics IS NULL THEN 'topics'
        WHEN target_server IS NULL THEN 'target_server'
        WHEN location IS NULL THEN 'location'
        WHEN flush_size IS NULL THEN 'flush_size'
        WHEN rotate_interval IS NULL THEN 'rotate_interval' END;
    source text;
    target text;
    server record;
BEGIN
    IF argument IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', argument);
    ELSIF schema IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = 'no schema has been selected to create in';
    ELSIF name = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_name',
            MESSAGE = 'sink name must not be empty';
    ELSIF octet_length(name || '_source') > current_setting('max_identifier_length')::integer THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = 'sink name is too long',
            DETAIL = format('The name of table "%s" would have more than %s bytes.',
                name || '_source', current_setting('max_identifier_length'));
    ELSIF flush_size < 1 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'flush_size must be 1 or more';
    END IF;
    FOR server IN
        SELECT srvname, wanted, pinterest._wrapper_of_server(s.oid) AS wrapper
        FROM (VALUES (source_server, 'kafka_json'), (target_server, 's3_json')) AS v(srvname, wanted)
            JOIN pg_foreign_server AS s USING (srvname)
    LOOP
        IF server.wrapper <> server.wanted THEN
            RAISE EXCEPTION USING
                ERRCODE = 'wrong_object_type',
                MESSAGE = format('server "%s" is not a server of %s', server.srvname, server.wanted),
                DETAIL = 'A sink writes the records of topics into a folder.';
        END IF;
    END LOOP;

    source := format('%I.%I', schema, name || '_source');
    target := format('%I.%I', schema, name || '_target');
    -- topics must match as a whole, as topics.regex of Kafka Connect; no scan reads
    -- folders whose names begin with "_" or "."
    EXECUTE format($sql$
        CREATE FOREIGN TABLE %s (
            topic text OPTIONS (metadata 'topic'), partition integer OPTIONS (metadata 'partition'),
            "offset" bigint OPTIONS (metadata 'offset'), value bytea OPTIONS (metadata 'value'))
        SERVER %I OPTIONS (topic %L)
        $sql$, source, source_server, format('^(?![_.])(?:%s)$', topics));
    EXECUTE format($sql$
        CREATE FOREIGN TABLE %s (
            topic text OPTIONS (metadata 'topic'), partition integer OPTIONS (metadata 'partition'),
            "offset" bigint OPTIONS (metadata 'offset'), value bytea OPTIONS (metadata 'value'),
            path text OPTIONS (metadata 'path'))
        SERVER %I OPTIONS (location %L, layout 'sink', rows_per_object %L)
        $sql$, target, target_server,
        format('%s%stopics/*/partition=*/', location, CASE WHEN right(location, 1) = '/' THEN '' ELSE '/' END),
        flush_size);
    PERFORM pinterest.create_stream(name, source, target, on_error => on_error, on_gap => on_gap,
        rotate_interval => rotate_interval);
END
$$;
COMMENT ON FUNCTION pinterest.create_sink(text, name, text, name, text, integer, interval, text, text, name)
    IS 'creates a stream that keeps a folder in step with topics, and the foreign tables it needs';

--
-- Cleaning
--

CREATE FUNCTION pinterest.parse_follower_count(text) RETURNS bigint
    AS 'MODULE_PATHNAME', 'pinterest_parse_follower_count' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest.parse_follower_count(text) IS '831, 124k, 1.2M or 3B as a number; NULL for anything else';

CREATE FUNCTION pinterest.strip_save_location(text) RETURNS text
    AS 'MODULE_PATHNAME', 'pinterest_strip_save_location' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest.strip_save_location(text) IS 'the folder of a save location, without the words before it';

CREATE FUNCTION pinterest.null_if_missing(text) RETURNS text
    AS 'MODULE_PATHNAME', 'pinterest_null_if_missing' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest.null_if_missing(text) IS 'NULL for blank text and for the texts that stand for a missing value';

CREATE FUNCTION pinterest.parse_timestamp(text) RETURNS timestamp
    AS 'MODULE_PATHNAME', 'pinterest_parse_timestamp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest.parse_timestamp(text) IS 'a time in one of the four formats that records use; NULL for anything else';

CREATE FUNCTION pinterest.age_group(integer) RETURNS text
    AS 'MODULE_PATHNAME', 'pinterest_age_group' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION pinterest.age_group(integer) IS '18-24, 25-35, 36-50 or +50; NULL below 18';

--
-- Pipelines
--
-- Functions whose names begin with "_" are steps of create_pipeline, not for
-- calling.  All run as the caller, who owns what they make.
--

-- The wrapper that a server belongs to, under the name it came with: wrappers
-- may be renamed, and others be made with the same handler.  One that is none of
-- ours goes by its own name.
CREATE FUNCTION pinterest._wrapper_of_server(server_oid oid) RETURNS name
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT coalesce(substring(proname FROM '^(.*)_handler$'), fdwname)
    FROM pg_foreign_server AS s
        JOIN pg_foreign_data_wrapper AS w ON w.oid = srvfdw
        LEFT JOIN pg_proc AS h ON h.oid = fdwhandler AND pronamespace = 'pinterest'::regnamespace
    WHERE s.oid = server_oid
$$;
COMMENT ON FUNCTION pinterest._wrapper_of_server(oid) IS 'used by create_pipeline and drop_pipeline: the wrapper a server belongs to';

-- What a wrapper decides of a source table, all of it: the options, the
-- columns that hold a record's position, and the order in which the latest
-- record comes first.  Whatever else a pipeline has is the same for all.
CREATE FUNCTION pinterest._source_definition(
    wrapper name, kind text, user_id text, location text,
    OUT options text, OUT position_columns text, OUT latest_first text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF wrapper = 's3_json' THEN
        IF location IS NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = 'location is required for a pipeline over s3_json',
                HINT = 'Give the folder that holds "topics", such as s3://bucket or file:///directory.';
        END IF;
        -- An error names the location as it was given
        PERFORM pinterest.s3_json_validator(ARRAY['location=' || location], 'pg_foreign_table'::regclass);
        -- Records in S3 have no time of their own; what is sent again has a
        -- later offset.
        options := format('location %L, layout %L, on_error %L',
            format('%s%stopics/%s.%s/partition=*/', location,
                CASE WHEN right(location, 1) = '/' THEN '' ELSE '/' END, user_id, kind),
            'sink', 'ignore');
        position_columns := $sql$
            record_path text OPTIONS (metadata 'path'),
            record_partition integer OPTIONS (metadata 'partition'),
            record_offset bigint OPTIONS (metadata 'offset'),
            record_line bigint OPTIONS (metadata 'line')$sql$;
        latest_first := 'record_partition DESC, record_offset DESC, record_path DESC';
    ELSIF wrapper IN ('kafka_json', 'kinesis_json') THEN
        IF location IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('a pipeline over %s has no location', wrapper),
                HINT = 'Its topics or streams are named after user_id; where they are, the server says.';
        ELSIF user_id !~ '^[A-Za-z0-9._-]+$' THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('invalid user_id "%s"', user_id),
                DETAIL = 'Names of topics and streams have letters of ASCII, digits, ".", "_" and "-".';
        END IF;
        IF wrapper = 'kafka_json' THEN
            options := format('topic %L, on_error %L', format('%s.%s', user_id, kind), 'ignore');
            position_columns := $sql$
                record_partition integer OPTIONS (metadata 'partition'),
                record_offset bigint OPTIONS (metadata 'offset'),
                record_timestamp timestamptz OPTIONS (metadata 'timestamp')$sql$;
            latest_first := 'record_timestamp DESC NULLS LAST, record_partition DESC, record_offset DESC';
        ELSE
            options := format('stream %L, on_error %L', format('streaming-%s-%s', user_id, kind), 'ignore');
            position_columns := $sql$
                record_shard_id text OPTIONS (metadata 'shard_id'),
                record_sequence_number numeric OPTIONS (metadata 'sequence_number'),
                record_sub_sequence_number bigint OPTIONS (metadata 'sub_sequence_number'),
                record_partition_key text OPTIONS (metadata 'partition_key'),
                record_arrival_timestamp timestamptz OPTIONS (metadata 'arrival_timestamp')$sql$;
            latest_first := 'record_arrival_timestamp DESC NULLS LAST, record_shard_id COLLATE "C" DESC, '
                'record_sequence_number DESC, record_sub_sequence_number DESC';
        END IF;
    ELSE
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = format('pipelines over foreign data wrapper "%s" are not supported', wrapper),
            HINT = 'Use a server of s3_json, kafka_json or kinesis_json.';
    END IF;
END
$$;
COMMENT ON FUNCTION pinterest._source_definition(name, text, text, text) IS 'used by create_pipeline: what a source table has of its wrapper';

-- The three foreign tables: the keys of the wire in the order sent, then the
-- position.  Text that cleaning has to judge stays text: a value that does not
-- fit its column's type makes a bad record, but only for queries that decode
-- that column, and the rows of a cleaned view must not depend on the query.
CREATE FUNCTION pinterest._create_source_tables(
    pipeline name, wrapper name, server name, user_id text, location text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    source record;
BEGIN
    FOR source IN
        SELECT kind, columns, d.*
        FROM (VALUES
            -- older emulators say "idx" for "index"; posts have the one key
            ('pin', $sql$
                index integer,
                idx integer OPTIONS (updatable 'false'),
                unique_id text,
                title text,
                description text,
                poster_name text,
                follower_count text,
                tag_list text,
                is_image_or_video text,
                image_src text,
                downloaded integer,
                save_location text,
                category text$sql$),
            ('geo', $sql$
                ind integer,
                "timestamp" text,
                latitude double precision,
                longitude double precision,
                country text$sql$),
            ('user', $sql$
                ind integer,
                first_name text,
                last_name text,
                age integer,
                date_joined text$sql$)) AS k(kind, columns),
            pinterest._source_definition(wrapper, kind, user_id, location) AS d
    LOOP
        EXECUTE format('CREATE FOREIGN TABLE %I.%I (%s, %s) SERVER %I OPTIONS (%s)',
            pipeline, source.kind || '_source',
            source.columns, source.position_columns, server, source.options);
        EXECUTE format('COMMENT ON FOREIGN TABLE %I.%I IS %L',
            pipeline, source.kind || '_source',
            format('%s records as they were sent, including duplicates', source.kind));
    END LOOP;
END
$$;
COMMENT ON FUNCTION pinterest._create_source_tables(name, name, name, text, text) IS 'used by create_pipeline: makes the foreign tables';

-- Of a pipeline whose mode is 'landed': local tables of the same columns, and the
-- streams that fill them.
CREATE FUNCTION pinterest._create_landed_tables(pipeline name, user_id text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    kind text;
    source text;
    target text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['pin', 'geo', 'user'] LOOP
        source := format('%I.%I', pipeline, kind || '_source');
        target := format('%I.%I', pipeline, pinterest._landed_table(user_id, kind));
        EXECUTE format('CREATE TABLE %s (LIKE %s)', target, source);
        EXECUTE format('COMMENT ON TABLE %s IS %L', target,
            format('%s records that have landed, including duplicates', kind));
        PERFORM pinterest.create_stream(pinterest._landing_stream(pipeline, kind), source::regclass, target::regclass);
    END LOOP;
END
$$;
COMMENT ON FUNCTION pinterest._create_landed_tables(name, text)
    IS 'used by create_pipeline: makes the tables that records land in, and their streams';

-- Names of what _create_landed_tables makes.
CREATE FUNCTION pinterest._landed_table(user_id text, kind text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT format('%s_%s_table', user_id, kind)
$$;
COMMENT ON FUNCTION pinterest._landed_table(text, text) IS 'used by create_pipeline: name of a table that records land in';

CREATE FUNCTION pinterest._landing_stream(pipeline name, kind text) RETURNS text
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT format('%s.%s', pipeline, kind)
$$;
COMMENT ON FUNCTION pinterest._landing_stream(name, text)
    IS 'used by create_pipeline, drop_pipeline and run_pipeline: name of the stream that fills a table';

-- The streams of a pipeline and the tables they fill, in the order of pin, geo,
-- user; none if its mode is 'live'.  Only those that the caller may use, and that
-- fill what _landed_table names: others may call streams of theirs the same.
CREATE FUNCTION pinterest._landing_streams(pipeline name, OUT kind text, OUT stream text, OUT target text)
    RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT k.kind, s.stream, s.target
    FROM unnest('{pin, geo, user}'::text[]) WITH ORDINALITY AS k(kind, place)
        JOIN pinterest.stream_status AS s ON s.stream = pinterest._landing_stream(pipeline, k.kind)
    WHERE pinterest._may_act_for(s.owner)
        AND s.source = format('%I.%I', pipeline, k.kind || '_source')
        AND starts_with(s.target, format('%I.', pipeline))
        AND rtrim(s.target, '"') LIKE '%' || pinterest._landed_table('', k.kind)
    ORDER BY k.place
$$;
COMMENT ON FUNCTION pinterest._landing_streams(name)
    IS 'used by drop_pipeline and run_pipeline: the streams of a pipeline';

-- The cleaned views: one row per ind, the latest.  A record of another kind
-- that went astray has no key of this one's and is no row: pins alone have an
-- index; geo and user records both have an ind, so they must have more.  pins,
-- geos and users are the relations that the records are read from.
CREATE FUNCTION pinterest._create_cleaned_views(
    pipeline name, pins text, geos text, users text, latest_first text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    EXECUTE format($sql$
        CREATE VIEW %1$I.pin AS
        SELECT DISTINCT ON (ind)
            coalesce(index, idx) AS ind,
            CASE WHEN unique_id ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$'
                 THEN unique_id::uuid END AS unique_id,
            pinterest.null_if_missing(title) AS title,
            pinterest.null_if_missing(description) AS description,
            pinterest.parse_follower_count(follower_count) AS follower_count,
            pinterest.null_if_missing(poster_name) AS poster_name,
            pinterest.null_if_missing(tag_list) AS tag_list,
            pinterest.null_if_missing(is_image_or_video) AS is_image_or_video,
            pinterest.null_if_missing(image_src) AS image_src,
            pinterest.null_if_missing(pinterest.strip_save_location(save_location)) AS save_location,
            pinterest.null_if_missing(category) AS category
        FROM %1$I.%3$I
        WHERE coalesce(index, idx) IS NOT NULL
        ORDER BY ind, %2$s;
        COMMENT ON VIEW %1$I.pin IS 'cleaned posts: the latest row per ind';

        CREATE VIEW %1$I.geo AS
        SELECT DISTINCT ON (ind)
            ind,
            pinterest.null_if_missing(country) AS country,
            CASE WHEN latitude IS NOT NULL AND longitude IS NOT NULL
                 THEN ARRAY[latitude, longitude] END AS coordinates,
            pinterest.parse_timestamp("timestamp") AS "timestamp"
        FROM %1$I.%4$I
        WHERE ind IS NOT NULL
            AND num_nonnulls("timestamp", latitude, longitude, country) > 0
        ORDER BY ind, %2$s;
        COMMENT ON VIEW %1$I.geo IS 'cleaned place and time of each post: the latest row per ind';

        CREATE VIEW %1$I.users AS
        SELECT DISTINCT ON (ind)
            ind,
            pinterest.null_if_missing(first_name) || ' ' || pinterest.null_if_missing(last_name) AS user_name,
            age,
            pinterest.parse_timestamp(date_joined) AS date_joined
        FROM %1$I.%5$I
        WHERE ind IS NOT NULL
            AND num_nonnulls(first_name, last_name, age, date_joined) > 0
        ORDER BY ind, %2$s;
        COMMENT ON VIEW %1$I.users IS 'cleaned user of each post: the latest row per ind'
        $sql$, pipeline, latest_first, pins, geos, users);
END
$$;
COMMENT ON FUNCTION pinterest._create_cleaned_views(name, text, text, text, text) IS 'used by create_pipeline: makes the cleaned views';

-- The query views.  They read pin, geo and users of their own schema, found by
-- the search path; it is new and empty of anybody else's objects.
--
-- Foreign tables have no statistics.  A filter on a year that reached the joins
-- would make the planner expect one row and choose nested loops, so what is
-- joined before such a filter is MATERIALIZED.
CREATE FUNCTION pinterest._create_query_views(pipeline name) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    -- People who have a post with a follower count, each once, with that of
    -- their latest such post.
    people CONSTANT text := $sql$
        SELECT DISTINCT ON (user_name, age, date_joined)
            user_name, age, date_joined, follower_count
        FROM users JOIN pin USING (ind) JOIN geo USING (ind)
        WHERE follower_count IS NOT NULL
        ORDER BY user_name, age, date_joined, "timestamp" DESC NULLS LAST, ind DESC$sql$;
    described record;
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', pipeline), true);

    CREATE VIEW most_popular_category_by_country AS
    SELECT DISTINCT ON (country) country, category, count(*) AS category_count
    FROM pin JOIN geo USING (ind)
    WHERE country IS NOT NULL AND category IS NOT NULL
    GROUP BY country, category
    ORDER BY country, category_count DESC, category COLLATE "C";

    CREATE VIEW posts_per_category_by_year AS
    WITH post AS MATERIALIZED (
        SELECT extract(year FROM "timestamp")::integer AS post_year, category
        FROM pin JOIN geo USING (ind)
        WHERE category IS NOT NULL)
    SELECT post_year, category, count(*) AS category_count
    FROM post
    WHERE post_year BETWEEN 2018 AND 2022
    GROUP BY post_year, category;

    CREATE VIEW most_popular_category_by_year AS
    SELECT DISTINCT ON (post_year) post_year, category, category_count
    FROM posts_per_category_by_year
    ORDER BY post_year, category_count DESC, category COLLATE "C";

    CREATE VIEW most_followed_user_by_country AS
    SELECT DISTINCT ON (country) country, poster_name, follower_count
    FROM pin JOIN geo USING (ind)
    WHERE country IS NOT NULL AND poster_name IS NOT NULL AND follower_count IS NOT NULL
    ORDER BY country, follower_count DESC, poster_name COLLATE "C";

    CREATE VIEW country_with_most_followed_user AS
    SELECT country, follower_count
    FROM most_followed_user_by_country
    ORDER BY follower_count DESC, country COLLATE "C"
    LIMIT 1;

    CREATE VIEW most_popular_category_by_age_group AS
    SELECT DISTINCT ON (age_group) pinterest.age_group(age) AS age_group, category, count(*) AS category_count
    FROM pin JOIN users USING (ind)
    WHERE pinterest.age_group(age) IS NOT NULL AND category IS NOT NULL
    GROUP BY age_group, category
    ORDER BY age_group, category_count DESC, category COLLATE "C";

    EXECUTE format($sql$
        CREATE VIEW median_followers_by_age_group AS
        WITH people AS MATERIALIZED (%s)
        SELECT pinterest.age_group(age) AS age_group,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY follower_count) AS median_follower_count
        FROM people
        WHERE pinterest.age_group(age) IS NOT NULL
        GROUP BY age_group$sql$, people);

    CREATE VIEW users_joined_by_year AS
    SELECT extract(year FROM date_joined)::integer AS post_year, count(*) AS number_users_joined
    FROM (SELECT DISTINCT user_name, age, date_joined FROM users) AS people
    WHERE extract(year FROM date_joined) BETWEEN 2015 AND 2020
    GROUP BY post_year;

    EXECUTE format($sql$
        CREATE VIEW median_followers_by_join_year AS
        WITH people AS MATERIALIZED (%s)
        SELECT extract(year FROM date_joined)::integer AS post_year,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY follower_count) AS median_follower_count
        FROM people
        WHERE extract(year FROM date_joined) BETWEEN 2015 AND 2020
        GROUP BY post_year$sql$, people);

    EXECUTE format($sql$
        CREATE VIEW median_followers_by_join_year_and_age_group AS
        WITH people AS MATERIALIZED (%s)
        SELECT pinterest.age_group(age) AS age_group,
            extract(year FROM date_joined)::integer AS post_year,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY follower_count) AS median_follower_count
        FROM people
        WHERE pinterest.age_group(age) IS NOT NULL
            AND extract(year FROM date_joined) BETWEEN 2015 AND 2020
        GROUP BY age_group, post_year$sql$, people);

    FOR described IN
        SELECT * FROM (VALUES
            ('most_popular_category_by_country', 'the category with the most posts, by country'),
            ('posts_per_category_by_year', 'posts by year and category, 2018 to 2022'),
            ('most_popular_category_by_year', 'the category with the most posts, by year, 2018 to 2022'),
            ('most_followed_user_by_country', 'the poster with the most followers, by country'),
            ('country_with_most_followed_user', 'the country of the poster with the most followers: one row'),
            ('most_popular_category_by_age_group', 'the category with the most posts, by age group of the users'),
            ('median_followers_by_age_group', 'median follower count of the users, by age group'),
            ('users_joined_by_year', 'number of users who joined, by year, 2015 to 2020'),
            ('median_followers_by_join_year', 'median follower count of the users, by the year they joined, 2015 to 2020'),
            ('median_followers_by_join_year_and_age_group',
             'median follower count of the users, by age group and the year they joined, 2015 to 2020'))
            AS d(relation, description)
    LOOP
        EXECUTE format('COMMENT ON VIEW %I IS %L', described.relation, described.description);
    END LOOP;
END
$$;
COMMENT ON FUNCTION pinterest._create_query_views(name) IS 'used by create_pipeline: makes the query views';

-- Comments on all columns.  Which columns a source table has for the position of a
-- record depends on the wrapper: they are found by name in all three.  Tables that
-- records land in have the columns of their sources.
CREATE FUNCTION pinterest._comment_on_columns(pipeline name) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    described record;
BEGIN
    FOR described IN
        SELECT relname, attname, description
        FROM (VALUES
            ('pin_source', 'index', 'number of the post'),
            ('pin_source', 'idx', 'number of the post, as older emulators name it'),
            ('pin_source', 'unique_id', 'UUID of the post, as text'),
            ('pin_source', 'title', 'title of the post'),
            ('pin_source', 'description', 'description of the post'),
            ('pin_source', 'poster_name', 'name of the poster'),
            ('pin_source', 'follower_count', 'followers of the poster as text, such as 124k'),
            ('pin_source', 'tag_list', 'tags, separated by commas'),
            ('pin_source', 'is_image_or_video', 'kind of the post'),
            ('pin_source', 'image_src', 'URL of the image'),
            ('pin_source', 'downloaded', '1 if the image has been downloaded, else 0'),
            ('pin_source', 'save_location', 'where the image was saved, with words before the path'),
            ('pin_source', 'category', 'category of the post'),
            ('geo_source', 'ind', 'number of the post'),
            ('geo_source', 'timestamp', 'when the post was made, as text'),
            ('geo_source', 'latitude', 'where the post was made, in degrees'),
            ('geo_source', 'longitude', 'where the post was made, in degrees'),
            ('geo_source', 'country', 'where the post was made'),
            ('user_source', 'ind', 'number of the post'),
            ('user_source', 'first_name', 'first name of the user who posted'),
            ('user_source', 'last_name', 'last name of the user who posted'),
            ('user_source', 'age', 'age of the user'),
            ('user_source', 'date_joined', 'when the user joined, as text'),
            (NULL, 'record_path', 'object that holds the record'),
            (NULL, 'record_partition', 'partition of the record'),
            (NULL, 'record_offset', 'offset of the record in its partition'),
            (NULL, 'record_line', 'line of the object on which the record begins'),
            (NULL, 'record_timestamp', 'time of the message'),
            (NULL, 'record_shard_id', 'shard of the record'),
            (NULL, 'record_sequence_number', 'sequence number of the record in its shard'),
            (NULL, 'record_sub_sequence_number', 'place within an aggregated record'),
            (NULL, 'record_partition_key', 'partition key of the record'),
            (NULL, 'record_arrival_timestamp', 'when the record arrived in the stream'),
            ('pin', 'ind', 'number of the post'),
            ('pin', 'unique_id', 'UUID of the post'),
            ('pin', 'title', 'title of the post'),
            ('pin', 'description', 'description of the post'),
            ('pin', 'follower_count', 'followers of the poster'),
            ('pin', 'poster_name', 'name of the poster'),
            ('pin', 'tag_list', 'tags, separated by commas'),
            ('pin', 'is_image_or_video', 'kind of the post'),
            ('pin', 'image_src', 'URL of the image'),
            ('pin', 'save_location', 'path to which the image was saved'),
            ('pin', 'category', 'category of the post'),
            ('geo', 'ind', 'number of the post'),
            ('geo', 'country', 'where the post was made'),
            ('geo', 'coordinates', 'latitude and longitude, in degrees'),
            ('geo', 'timestamp', 'when the post was made'),
            ('users', 'ind', 'number of the post'),
            ('users', 'user_name', 'first and last name of the user who posted'),
            ('users', 'age', 'age of the user'),
            ('users', 'date_joined', 'when the user joined'),
            ('most_popular_category_by_country', 'country', 'where the posts were made'),
            ('most_popular_category_by_country', 'category', 'the category; ties go to the first in alphabetical order'),
            ('most_popular_category_by_country', 'category_count', 'posts of this category in this country'),
            ('posts_per_category_by_year', 'post_year', 'year of the posts'),
            ('posts_per_category_by_year', 'category', 'category of the posts'),
            ('posts_per_category_by_year', 'category_count', 'posts of this category in this year'),
            ('most_popular_category_by_year', 'post_year', 'year of the posts'),
            ('most_popular_category_by_year', 'category', 'the category; ties go to the first in alphabetical order'),
            ('most_popular_category_by_year', 'category_count', 'posts of this category in this year'),
            ('most_followed_user_by_country', 'country', 'where the posts were made'),
            ('most_followed_user_by_country', 'poster_name', 'the poster; ties go to the first in alphabetical order'),
            ('most_followed_user_by_country', 'follower_count', 'followers of this poster'),
            ('country_with_most_followed_user', 'country', 'the country; ties go to the first in alphabetical order'),
            ('country_with_most_followed_user', 'follower_count', 'followers of its most followed poster'),
            ('most_popular_category_by_age_group', 'age_group', 'age group of the users who posted'),
            ('most_popular_category_by_age_group', 'category', 'the category; ties go to the first in alphabetical order'),
            ('most_popular_category_by_age_group', 'category_count', 'posts of this category by this age group'),
            ('median_followers_by_age_group', 'age_group', 'age group of the users'),
            ('median_followers_by_age_group', 'median_follower_count', 'median over users, each counted once'),
            ('users_joined_by_year', 'post_year', 'year in which the users joined'),
            ('users_joined_by_year', 'number_users_joined', 'users who joined, each counted once'),
            ('median_followers_by_join_year', 'post_year', 'year in which the users joined'),
            ('median_followers_by_join_year', 'median_follower_count', 'median over users, each counted once'),
            ('median_followers_by_join_year_and_age_group', 'age_group', 'age group of the users'),
            ('median_followers_by_join_year_and_age_group', 'post_year', 'year in which the users joined'),
            ('median_followers_by_join_year_and_age_group', 'median_follower_count',
             'median over users, each counted once'))
            AS d(relation, attribute, description)
            JOIN pg_class ON relname = relation OR relation IS NULL AND relkind IN ('f', 'r')
                OR relkind = 'r' AND relname LIKE '%' || replace(relation, '_source', '\_table')
            JOIN pg_namespace AS n ON n.oid = relnamespace
            JOIN pg_attribute ON attrelid = pg_class.oid AND attname = attribute
        WHERE nspname = pipeline
    LOOP
        EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L',
            pipeline, described.relname, described.attname, described.description);
    END LOOP;
END
$$;
COMMENT ON FUNCTION pinterest._comment_on_columns(name) IS 'used by create_pipeline: comments on all columns';

-- Refuses what no pipeline can have, before anything is made.
CREATE FUNCTION pinterest._check_pipeline_arguments(
    name text, server text, user_id text, mode text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    argument text := CASE
        WHEN name IS NULL THEN 'name'
        WHEN server IS NULL THEN 'server'
        WHEN user_id IS NULL THEN 'user_id'
        WHEN mode IS NULL THEN 'mode' END;
BEGIN
    IF argument IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', argument);
    ELSIF name = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_name',
            MESSAGE = 'pipeline name must not be empty';
    ELSIF name = '$user' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_name',
            MESSAGE = 'invalid pipeline name "$user"',
            DETAIL = 'In search_path it stands for the schema named like the user, however it is quoted.';
    ELSIF octet_length(name) > current_setting('max_identifier_length')::integer THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = 'pipeline name is too long',
            DETAIL = format('A name has at most %s bytes.', current_setting('max_identifier_length'));
    ELSIF user_id = '' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'user_id must not be empty';
    ELSIF user_id ~ '[/*]' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid user_id "%s"', user_id),
            DETAIL = 'A user_id is part of one name on the wire and cannot contain "/" or "*".',
            HINT = 'Folders belong into location: user_id is what stands before ".pin".';
    ELSIF mode NOT IN ('live', 'landed') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid pipeline mode "%s"', mode),
            HINT = 'The modes are "live" and "landed".';
    ELSIF mode = 'landed' AND octet_length(pinterest._landing_stream(name, 'user')) > current_setting('max_identifier_length')::integer THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = 'pipeline name is too long for mode "landed"',
            DETAIL = format('The name of stream "%s" would have more than %s bytes.',
                pinterest._landing_stream(name, 'user'), current_setting('max_identifier_length'));
    ELSIF mode = 'landed' AND octet_length(pinterest._landed_table(user_id, 'user')) > current_setting('max_identifier_length')::integer THEN
        RAISE EXCEPTION USING
            ERRCODE = 'name_too_long',
            MESSAGE = 'user_id is too long for mode "landed"',
            DETAIL = format('The name of table "%s" would have more than %s bytes.',
                pinterest._landed_table(user_id, 'user'), current_setting('max_identifier_length'));
    END IF;
END
$$;
COMMENT ON FUNCTION pinterest._check_pipeline_arguments(text, text, text, text) IS 'used by create_pipeline: refuses arguments that no pipeline can have';

CREATE FUNCTION pinterest.create_pipeline(
    name text, server text, user_id text, location text DEFAULT NULL, mode text DEFAULT 'live') RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    wrapper name;
    records text[] := '{pin_source, geo_source, user_source}';
BEGIN
    PERFORM pinterest._check_pipeline_arguments(name, server, user_id, mode);

    SELECT pinterest._wrapper_of_server(oid) INTO wrapper
    FROM pg_foreign_server
    WHERE srvname = server;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('server "%s" does not exist', server),
            HINT = 'Make one with CREATE SERVER.';
    END IF;

    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = name) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_schema',
            MESSAGE = format('schema "%s" already exists', name),
            HINT = 'A pipeline needs a schema of its own. Choose another name, or drop a pipeline with pinterest.drop_pipeline().';
    END IF;
    EXECUTE format('CREATE SCHEMA %I', name);
    EXECUTE format('COMMENT ON SCHEMA %I IS %L', name,
        format('Pinterest pipeline of user %s over server %s', user_id, server));
    PERFORM pinterest._create_source_tables(name, wrapper, server, user_id, location);
    IF mode = 'landed' THEN
        PERFORM pinterest._create_landed_tables(name, user_id);
        records := ARRAY(SELECT pinterest._landed_table(user_id, kind) FROM unnest('{pin, geo, user}'::text[]) AS kind);
    END IF;
    PERFORM pinterest._create_cleaned_views(name, records[1], records[2], records[3], latest_first)
    FROM pinterest._source_definition(wrapper, 'pin', user_id, location);
    PERFORM pinterest._create_query_views(name);
    PERFORM pinterest._comment_on_columns(name);
END
$$;
COMMENT ON FUNCTION pinterest.create_pipeline(text, text, text, text, text)
    IS 'creates a schema with foreign tables, cleaned views and query views over a user''s records';

-- Nothing is dropped by CASCADE: what somebody else built on a pipeline makes
-- the plain DROP fail, with PostgreSQL's own list of what depends on it.
CREATE FUNCTION pinterest.drop_pipeline(name text) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    source_names CONSTANT text[] := '{pin_source, geo_source, user_source}';
    view_names CONSTANT text[] := '{pin, geo, users,
        most_popular_category_by_country,
        posts_per_category_by_year, most_popular_category_by_year,
        most_followed_user_by_country, country_with_most_followed_user,
        most_popular_category_by_age_group,
        median_followers_by_age_group,
        users_joined_by_year,
        median_followers_by_join_year,
        median_followers_by_join_year_and_age_group}';
    pipeline oid;
    own oid[];
    sources text;
    views text;
    streams text[];
    targets text[];
    strangers text;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'name must not be null';
    END IF;
    SELECT oid INTO pipeline FROM pg_namespace WHERE nspname = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = format('pipeline "%s" does not exist', name);
    END IF;

    SELECT string_agg(format('%I.%I', name, relname), ', ')
    INTO sources
    FROM pg_class
        JOIN pg_foreign_table ON ftrelid = pg_class.oid
    WHERE relnamespace = pipeline AND relname = ANY (source_names)
        AND pinterest._wrapper_of_server(ftserver) IN ('s3_json', 'kafka_json', 'kinesis_json')
    HAVING count(*) = cardinality(source_names);
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'wrong_object_type',
            MESSAGE = format('schema "%s" is not a pipeline', name),
            DETAIL = format('A pipeline has the foreign tables %s.', array_to_string(source_names, ', ')),
            HINT = 'Use DROP SCHEMA to drop other schemas.';
    END IF;

    -- A stream may outlive its target.
    SELECT array_agg(stream), array_agg(target) FILTER (WHERE to_regclass(target) IS NOT NULL)
    INTO streams, targets
    FROM pinterest._landing_streams(name);

    SELECT array_agg(oid), string_agg(format('%I.%I', name, relname), ', ') FILTER (WHERE relkind = 'v')
    INTO own, views
    FROM pg_class
    WHERE relnamespace = pipeline
        AND (relkind = 'v' AND relname = ANY (view_names)
             OR relkind = 'f' AND relname = ANY (source_names)
             OR relkind = 'r' AND oid = ANY (targets::regclass[]));

    SELECT string_agg(pg_describe_object(classid, objid, 0), ', ' ORDER BY classid, objid)
    INTO strangers
    FROM pg_depend
    WHERE refclassid = 'pg_namespace'::regclass AND refobjid = pipeline AND deptype = 'n'
        AND NOT (classid = 'pg_class'::regclass AND objid = ANY (own));
    IF strangers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('schema of pipeline "%s" holds objects that create_pipeline did not make', name),
            DETAIL = format('It also holds %s.', strangers),
            HINT = 'Move them to another schema, or drop everything with DROP SCHEMA ... CASCADE.';
    END IF;

    -- They refer to their sources by name, so nothing else would tell.
    SELECT string_agg(format('"%s"', stream), ', ' ORDER BY stream)
    INTO strangers
    FROM pinterest.stream_status
    WHERE source = ANY (SELECT format('%I.%I', name, source_name) FROM unnest(source_names) AS source_name)
        AND stream <> ALL (coalesce(streams, '{}'));
    IF strangers IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('other streams read the foreign tables of pipeline "%s"', name),
            DETAIL = format('They are %s.', strangers),
            HINT = 'Drop them first with pinterest.drop_stream().';
    END IF;

    -- First, so that no worker holds what is dropped.
    PERFORM pinterest.drop_stream(stream) FROM unnest(streams) AS stream;
    IF views IS NOT NULL THEN
        EXECUTE 'DROP VIEW ' || views;
    END IF;
    IF targets IS NOT NULL THEN
        EXECUTE 'DROP TABLE ' || array_to_string(targets, ', ');
    END IF;
    EXECUTE 'DROP FOREIGN TABLE ' || sources;
    EXECUTE format('DROP SCHEMA %I', name);
END
$$;
COMMENT ON FUNCTION pinterest.drop_pipeline(text)
    IS 'drops what create_pipeline created; fails if the schema holds anything else or anything depends on it';

-- All of it is one transaction, the caller's: a run that fails changes nothing,
-- and the next one does its work as well.
CREATE PROCEDURE pinterest.run_pipeline(name text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    pipeline record;
    landing record;
    materialized record;
    rows bigint;
    landed text[];
    refreshed integer := 0;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'name must not be null';
    END IF;
    SELECT oid, pg_has_role(nspowner, 'USAGE') AS is_own INTO pipeline FROM pg_namespace WHERE nspname = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = format('pipeline "%s" does not exist', name);
    ELSIF NOT pipeline.is_own THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of pipeline %s', name);
    END IF;

    FOR landing IN SELECT * FROM pinterest._landing_streams(name) LOOP
        rows := pinterest.pull_stream(landing.stream);
        landed := landed || format('%s %s', rows, landing.kind);
    END LOOP;

    -- Those that read others were created after them.
    FOR materialized IN
        SELECT c.oid::regclass AS view
        FROM pg_class AS c
        WHERE relkind = 'm' AND relnamespace = pipeline.oid AND pg_has_role(relowner, 'USAGE')
        ORDER BY c.oid
    LOOP
        EXECUTE format('REFRESH MATERIALIZED VIEW %s', materialized.view);
        refreshed := refreshed + 1;
    END LOOP;

    IF landed IS NULL AND refreshed = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('pipeline "%s" has nothing to run', name),
            DETAIL = 'It has neither streams nor materialized views. The views of a live pipeline read their sources whenever they are queried.',
            HINT = 'Create the pipeline with mode "landed", or materialized views in its schema.';
    END IF;
    RAISE NOTICE USING MESSAGE = format('pipeline "%s": %s', name, concat_ws('; ',
        array_to_string(landed, ', ') || ' records landed',
        CASE WHEN refreshed > 0 THEN format('materialized views refreshed: %s', refreshed) END));
END
$$;
COMMENT ON PROCEDURE pinterest.run_pipeline(text)
    IS 'lands what has come since the last run, and refreshes the materialized views of a pipeline';

--
-- Generated posts
--
-- Every value is drawn by hashing what it belongs to (a post or a poster), the
-- seed and a number for its purpose: the same on every machine and server
-- version, and independent of how many posts are made besides.  The _functions
-- are in language SQL without SET so that the planner inlines them; they are
-- called from generate_posts, which sets the search path.
--

-- A number from 0 to 2^63 - 1.
CREATE FUNCTION pinterest._draw(owner bigint, seed integer, purpose integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
SELECT hashint8extended(owner, seed::bigint * 256 + purpose) & 9223372036854775807
$$;
COMMENT ON FUNCTION pinterest._draw(bigint, integer, integer) IS 'used by generate_posts and emulate_posting: a pseudo-random number';

-- The words that texts are made of.  IMMUTABLE makes them constants of a plan.
CREATE FUNCTION pinterest._words(list text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    RETURN CASE list
        -- eight topics a category, in the order of the categories
        WHEN 'category' THEN '{
            art, beauty, christmas, diy-and-crafts, education, event-planning, finance, home-decor,
            mens-fashion, quotes, tattoos, travel, vehicles}'
        WHEN 'topic' THEN '{
            Watercolour Clouds, Ink Sketches, Oil Pastel Fruit, Clay Figures, Paper Portraits, Gouache Gardens,
            Charcoal Studies, Linocut Birds, Rose Water Toner, Evening Skin Care, Natural Brows, Soft Curls,
            Nail Colours, Oat Face Masks, Braided Updos, Glowing Make-up, Wooden Stars, Pine Wreaths,
            Advent Calendars, Gingerbread Houses, Tree Ribbons, Mantel Garlands, Snow Globes, Gift Wrapping,
            Macrame Knots, Felt Animals, Resin Trays, Pressed Flowers, Yarn Baskets, Candle Moulds,
            Paper Lanterns, Button Jewellery, Times Tables, Reading Corners, Science Jars, Spelling Games,
            Map Puzzles, Classroom Labels, Story Cards, Counting Beads, Balloon Arches, Table Settings,
            Garden Parties, Guest Lists, Dessert Bars, Picnic Baskets, Seating Charts, Party Favours,
            Saving Jars, Monthly Budgets, Debt Trackers, Grocery Plans, Side Incomes, Pension Basics,
            No-Spend Weeks, Cash Envelopes, Linen Curtains, Gallery Walls, Open Shelves, Rattan Lamps,
            Painted Doors, Reading Nooks, Tiled Kitchens, Woven Rugs, Tweed Jackets, Suede Boots, Oxford Shirts,
            Wool Overcoats, Linen Suits, Knit Ties, Denim Layers, Travel Watches, Morning Thoughts,
            Words on Courage, Short Wisdom, Kind Reminders, Lines on Love, Patience Notes, Quiet Mottos,
            Letters to Self, Fine Line Ferns, Tiny Moons, Mountain Outlines, Swallow Pairs, Ankle Bands,
            Botanical Sleeves, Compass Roses, Dotwork Whales, Harbour Towns, Night Trains, Island Ferries,
            Desert Roads, Alpine Huts, Old Markets, Packing Lists, Coastal Walks, Camper Vans, Vintage Scooters,
            Roof Boxes, Chrome Bumpers, Cargo Bikes, Rally Stripes, Leather Seats, Pickup Trucks}'
        WHEN 'title_start' THEN '{
            10 Easy Ideas for, How to Plan, The Best, A Calm Look at, Everything About, 25 Lovely, My Favourite,
            Simple, Beginner Notes on, Weekend Project:, Why We Love, All You Need for, Ten-Minute, Modern,
            A Small Guide to, Unexpected}'
        WHEN 'title_end' THEN '{
            "", "", "", " for Small Spaces", " on a Rainy Sunday", " That Everyone Will Love", " in Five Steps",
            " You Can Try Today", " - Tips & Pictures", " for Every Season", " | A Complete Guide",
            " (With Free Template)", " on a Tight Budget", " for Absolute Beginners",
            " You Have Not Seen Before",
            " - A Long Read With Drawings, Prices, Mistakes and What We Would Do Differently"}'
        WHEN 'sentence' THEN '{
            We tried it at home and took notes., Save this for a quiet afternoon., No special tools are needed.,
            A list of everything you need is at the end.,
            "It takes less time than you think, and most of it is waiting.",
            Our readers sent in their own versions., "Start small, then add a little every week.",
            The pictures show each step from above., Works just as well with what is already in the cupboard.,
            Prices were checked last month., Perfect for beginners & for those who gave up once before.,
            Here is what we would do differently next time., Children can help with nearly all of it.,
            "The second half is about mistakes, and how to mend them.",
            Print the sheet and hang it on the wall., You will find the measurements in both units.,
            It keeps for years when it is stored dry., Ask your neighbours before you begin.,
            Colours are easy to change., Looks far more expensive than it was.,
            Inspired by a visit to the seaside., Pick one idea and finish it today!,
            What began as a joke became our most read page., All links go to small workshops.,
            The short version: patience., "Made by hand, one at a time.",
            "Tag us when you try it, we love to see results.", Suitable for rented flats too.,
            "Twelve variants, from plain to extravagant.", Follow along and pause where you like.,
            There is a video at the bottom of the page., Questions are answered every Friday.}'
        WHEN 'tag_start' THEN '{
            "", "", "Best ", "Easy ", "Modern ", "Vintage ", "Creative ", "Simple ", "Beautiful ", "Homemade ",
            "Minimal ", "Cosy ", "Colourful ", "Classic ", "Inspiring ", "Little "}'
        WHEN 'tag_end' THEN '{
            "", "", "", " Ideas", " Inspiration", " Tips", " For Beginners", " Style", " Tutorial", " Design",
            " At Home", " Looks", " Board", " Photos", " 2021", " Projects"}'
        WHEN 'poster_start' THEN '{
            Amber, Autumn, Bold, Bramble, Bright, Calm, Cedar, Cheerful, Clever, Cloudy, Copper, Coral, Cosy,
            Crisp, Curious, Dapper, Daring, Early, Eager, Fancy, Fern, Fresh, Gentle, Gilded, Golden, Happy,
            Hazel, Honest, Humble, Idle, Ivory, Jolly, Juniper, Keen, Kind, Lemon, Little, Lively, Lucky, Lunar,
            Maple, Mellow, Merry, Misty, Modern, Noble, Olive, Pale, Patient, Plum, Polished, Quiet, Rapid,
            Restless, Rosy, Rustic, Sage, Silver, Simple, Sunny, Swift, Tidy, Velvet, Wandering}'
        WHEN 'poster_noun' THEN '{
            Acorn, Anchor, Atlas, Attic, Badger, Barn, Basket, Beacon, Bicycle, Blossom, Bookshelf, Button,
            Cabin, Candle, Canvas, Carousel, Chapter, Clover, Compass, Cottage, Cricket, Crow, Cupboard, Dahlia,
            Easel, Ferry, Finch, Fox, Garden, Hammock, Harbour, Heron, Inkwell, Jar, Kettle, Kite, Ladder,
            Lantern, Larder, Lighthouse, Lily, Magpie, Marble, Meadow, Mill, Mitten, Notebook, Orchard, Otter,
            Paintbox, Pantry, Pebble, Pepper, Pigeon, Quill, Robin, Scarf, Sparrow, Teapot, Thimble, Umbrella,
            Violet, Willow, Workbench}'
        WHEN 'poster_end' THEN '{
            "", " Blog", " & Co", " Studio", " | Ideas for Every Day", " at Home", .example, " Magazine",
            " Official", " (Handmade)", " Diary", " Workshop", " - Tips, Tricks & Stories", " Club", " Journal",
            " DIY"}'
        WHEN 'first_name' THEN '{
            Aaron, Abigail, Adam, Alice, Amanda, Andrew, Anna, Barbara, Benjamin, Bethany, Brian, Carla,
            Catherine, Charles, Chloe, Daniel, David, Deborah, Diana, Dylan, Edward, Elena, Emily, Eric, Fiona,
            Frank, Gabriel, Grace, Hannah, Harold, Helen, Isaac, Jacob, Janet, Jason, Jessica, Joan, Joshua,
            Julia, Karen, Kevin, Laura, Leah, Linda, Lucas, Marcus, Maria, Martin, Megan, Michael, Monica,
            Nathan, Nicole, Oliver, Patricia, Paul, Rachel, Rebecca, Robert, Sarah, Simon, Sophie, Teresa,
            Victor}'
        WHEN 'last_name_start' THEN '{
            Ash, Black, Brad, Brook, Burn, Clay, Cole, Dal, East, Fair, Glen, Gold, Grey, Hart, Hazel, Heath,
            Hol, Kings, Lang, Long, Mar, Mill, New, North, Oak, Red, Ridge, Ross, Stan, Thorn, West, Whit}'
        WHEN 'last_name_end' THEN '{
            berry, bank, bury, by, combe, dale, den, field, ford, ham, land, ley, man, more, ton, wood}'
        WHEN 'country' THEN '{
            Afghanistan, Albania, Algeria, American Samoa, Andorra, Angola, Anguilla,
            Antarctica (the territory South of 60 deg S), Antigua and Barbuda, Argentina, Armenia, Aruba,
            Australia, Austria, Azerbaijan, Bahamas, Bahrain, Bangladesh, Barbados, Belarus, Belgium, Belize,
            Benin, Bermuda, Bhutan, Bolivia, Bosnia and Herzegovina, Botswana, Bouvet Island (Bouvetoya),
            Brazil, British Indian Ocean Territory (Chagos Archipelago), British Virgin Islands,
            Brunei Darussalam, Bulgaria, Burkina Faso, Burundi, Cambodia, Cameroon, Canada, Cape Verde,
            Cayman Islands, Central African Republic, Chad, Chile, China, Christmas Island,
            Cocos (Keeling) Islands, Colombia, Comoros, Congo, Cook Islands, Costa Rica, Cote d''Ivoire,
            Croatia, Cuba, Cyprus, Czech Republic, Denmark, Djibouti, Dominica, Dominican Republic, Ecuador,
            Egypt, El Salvador, Equatorial Guinea, Eritrea, Estonia, Ethiopia, Falkland Islands (Malvinas),
            Faroe Islands, Fiji, Finland, France, French Guiana, French Polynesia, French Southern Territories,
            Gabon, Gambia, Georgia, Germany, Ghana, Gibraltar, Greece, Greenland, Grenada, Guadeloupe, Guam,
            Guatemala, Guernsey, Guinea, Guinea-Bissau, Guyana, Haiti, Heard Island and McDonald Islands,
            Holy See (Vatican City State), Honduras, Hong Kong, Hungary, Iceland, India, Indonesia, Iran, Iraq,
            Ireland, Isle of Man, Israel, Italy, Jamaica, Japan, Jersey, Jordan, Kazakhstan, Kenya, Kiribati,
            Korea, Kuwait, Kyrgyz Republic, Lao People''s Democratic Republic, Latvia, Lebanon, Lesotho,
            Liberia, Libyan Arab Jamahiriya, Liechtenstein, Lithuania, Luxembourg, Macao, Macedonia, Madagascar,
            Malawi, Malaysia, Maldives, Mali, Malta, Marshall Islands, Martinique, Mauritania, Mauritius,
            Mayotte, Mexico, Micronesia, Moldova, Monaco, Mongolia, Montenegro, Montserrat, Morocco, Mozambique,
            Myanmar, Namibia, Nauru, Nepal, Netherlands, Netherlands Antilles, New Caledonia, New Zealand,
            Nicaragua, Niger, Nigeria, Niue, Norfolk Island, Northern Mariana Islands, Norway, Oman, Pakistan,
            Palau, Palestinian Territory, Panama, Papua New Guinea, Paraguay, Peru, Philippines,
            Pitcairn Islands, Poland, Portugal, Puerto Rico, Qatar, Reunion, Romania, Russian Federation,
            Rwanda, Saint Barthelemy, Saint Helena, Saint Kitts and Nevis, Saint Lucia, Saint Martin,
            Saint Pierre and Miquelon, Saint Vincent and the Grenadines, Samoa, San Marino,
            Sao Tome and Principe, Saudi Arabia, Senegal, Serbia, Seychelles, Sierra Leone, Singapore,
            Slovakia (Slovak Republic), Slovenia, Solomon Islands, Somalia, South Africa,
            South Georgia and the South Sandwich Islands, Spain, Sri Lanka, Sudan, Suriname,
            Svalbard & Jan Mayen Islands, Swaziland, Sweden, Switzerland, Syrian Arab Republic, Taiwan,
            Tajikistan, Tanzania, Thailand, Timor-Leste, Togo, Tokelau, Tonga, Trinidad and Tobago, Tunisia,
            Turkey, Turkmenistan, Turks and Caicos Islands, Tuvalu, Uganda, Ukraine, United Arab Emirates,
            United Kingdom, United States Minor Outlying Islands, United States Virgin Islands,
            United States of America, Uruguay, Uzbekistan, Vanuatu, Venezuela, Vietnam, Wallis and Futuna,
            Western Sahara, Yemen, Zambia, Zimbabwe}'
    END;
END
$$;
COMMENT ON FUNCTION pinterest._words(text) IS 'used by generate_posts: the words that texts are made of';

-- What real texts have beyond ASCII.  A database that is not UTF-8 may not be
-- able to hold it, and gets something plain in its place.
CREATE FUNCTION pinterest._ornaments(list text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RETURN CASE list
            WHEN 'cut' THEN '{..}'
            ELSE array_fill(' *'::text, '{16}') END;
    END IF;
    RETURN CASE list
        -- an ellipsis and a no-break space
        WHEN 'cut' THEN ARRAY[unistr('\2026\00A0')]
        -- emoji, curly quotes and dashes; Cyrillic, Greek and Japanese; letters beyond the first plane
        ELSE string_to_array(unistr(
            ' \+01F60D\+01F60D|: \201CWow!\201D| \2013 Caf\00E9 Edition| \2728| \2665\FE0E| \2708\FE0F|'
            ' \2019n\2019 More| \+01F384| \041B\0435\0442\043E| \03BA\03B1\03BB\03CC| \624B\4F5C\308A|'
            ' \+01D4C1\+01D4CA\+01D4CE|\2122| \00AB\00E0 la carte\00BB| \25D5\203F\25D5| \00BD'), '|') END;
END
$$;
COMMENT ON FUNCTION pinterest._ornaments(text) IS 'used by generate_posts: characters beyond ASCII';

-- Which post is whose, and of which kind.  Rolls are in parts of the 877 posts
-- whose shares are known: 786 images, 26 videos, 65 stories, of which 13 lack
-- the picture and another 10 everything.  Posters have ranks, and the square
-- of an even draw makes low ranks frequent; poster 0 is "unknown".
CREATE FUNCTION pinterest._generated_posts(n integer, seed integer)
    RETURNS TABLE (ind integer, category_number integer, roll integer, poster bigint)
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
SELECT ind, category_number, roll,
    CASE WHEN roll < 867 THEN 1 + (posters * share >> 30) * share / 1073741824 ELSE 0 END
FROM (
    SELECT ind,
        -- where each category begins in the 11,154 posts of the original
        width_bucket(ind::bigint * 11154 / n,
            '{894,1638,2637,3467,4329,5077,5865,6726,7579,8486,9459,10315}'::bigint[]) AS category_number,
        (pinterest._draw(ind, seed, 0) % 877)::integer AS roll,
        pinterest._draw(ind, seed, 1) % 1073741824 AS share,
        n::bigint * 3 / 8 AS posters
    FROM generate_series(0, n - 1) AS ind
    OFFSET 0) AS post
$$;
COMMENT ON FUNCTION pinterest._generated_posts(integer, integer) IS 'used by generate_posts: number and poster of each post';

CREATE FUNCTION pinterest._generated_pins(n integer, seed integer)
    RETURNS TABLE (
        index integer, unique_id uuid, title text, description text, poster_name text, follower_count text,
        tag_list text, is_image_or_video text, image_src text, downloaded integer, save_location text, category text)
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
SELECT ind,
    overlay(overlay(md5_id PLACING '4' FROM 13) PLACING 'a' FROM 17)::uuid,

    CASE WHEN roll >= 867 THEN 'No Title Data Available' ELSE
        (pinterest._words('title_start'))[1 + (t & 15)] || ' '
        || CASE WHEN t >> 16 & 127 = 0 THEN '"' || topic || '"' ELSE topic END
        || (pinterest._words('title_end'))[1 + (t >> 4 & 15)]
        || CASE WHEN (t >> 24) % 1000 < 106 THEN (pinterest._ornaments('text'))[1 + (t >> 8 & 15)] ELSE '' END
        || CASE WHEN (t >> 40) % 1000 = 0 THEN E'\n' ELSE '' END
    END,

    CASE
        WHEN roll >= 812 THEN 'No description available Story format'
        WHEN (d >> 40) % 812 < 15 THEN 'No description available'
        WHEN length(description) > 180 THEN left(description, 178) || (pinterest._ornaments('cut'))[1]
        ELSE description
    END,

    CASE WHEN poster = 0 THEN 'User Info Error' ELSE
        (pinterest._words('poster_start'))[1 + (shuffled & 63)] || ' '
        || (pinterest._words('poster_noun'))[1 + (shuffled >> 6)]
        -- each shuffled number meets each ending once in 16 rounds, so that names are unique
        || (pinterest._words('poster_end'))[1 + (round + shuffled & 15)]
        || CASE WHEN round >= 16 THEN ' ' || (round >> 4) + 1 ELSE '' END
        || CASE
            WHEN p % 1000 < 22 THEN (pinterest._ornaments('text'))[1 + (p >> 16 & 15)]
            WHEN p % 1000 < 38 THEN ' '
            WHEN p % 1000 = 38 THEN ' "at your service"'
            ELSE '' END
    END,

    CASE
        WHEN poster = 0 THEN 'User Info Error'
        WHEN f % 867 < 10 THEN '0'
        WHEN f % 867 < 173 THEN (1 + (f >> 20) % 940)::text
        WHEN f % 867 < 805 THEN
            -- evenly spread over the powers of two, thinner at both ends; a few gain a thousand between posts
            least(985, power_of_two + (f >> 24 & power_of_two - 1)
                + CASE WHEN f >> 40 & 127 = 0 THEN t & 1 ELSE 0 END) || 'k'
        ELSE ('{1,1,1,1,2,2,2,2,2,2,2,2,2,2,3,3,4,4,5,5,5,5,5,5,5,6,8,8,2,2,1,15}'::text[])[1 + (f >> 20 & 31)] || 'M'
    END,

    CASE WHEN roll >= 867 OR (g >> 40) % 867 < 4 THEN 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e' ELSE tags END,

    CASE WHEN roll < 786 THEN 'image' WHEN roll < 812 THEN 'video' ELSE 'multi-video(story page format)' END,

    CASE
        WHEN roll >= 854 THEN 'Image src error.'
        ELSE 'https://img1.example/' || CASE WHEN roll < 786 THEN '' ELSE 'videos/thumbnails/' END || 'originals/'
            || substr(md5_image, 1, 2) || '/' || substr(md5_image, 3, 2) || '/' || substr(md5_image, 5, 2) || '/'
            || md5_image || CASE WHEN roll < 786 THEN '' ELSE '.0000001' END || '.jpg'
    END,

    CASE WHEN roll >= 854 THEN 0 ELSE 1 END,
    'Local save in /data/' || category,
    category
FROM (
    SELECT *,
        sentence_of[1 + (d & 31)]
        || CASE WHEN d >> 20 & 63 = 0 THEN ' We call it "the easy one".' ELSE '' END
        || CASE WHEN (d >> 26) % 100 < 7 THEN (pinterest._ornaments('text'))[1 + (d >> 34 & 15)] ELSE '' END
        || CASE WHEN d % 100 >= 12 THEN ' ' || topic || ': ' || sentence_of[1 + (d >> 5 & 31)] ELSE '' END
        || CASE WHEN d % 100 >= 30 THEN ' ' || sentence_of[1 + (d >> 10 & 31)] ELSE '' END
        || CASE WHEN d % 100 >= 54 THEN ' ' || sentence_of[1 + (d >> 15 & 31)]
            || ' And then: ' || sentence_of[1 + (d >> 21 & 31)] ELSE '' END AS description,
        topics[first_topic] || tag_end[1 + (g >> 4 & 15)]
        || ',' || tag_start[1 + (g >> 8 & 15)] || topics[first_topic + 1]
        || ',' || topics[first_topic + 2] || tag_end[1 + (g >> 12 & 15)]
        || ',' || topics[first_topic + 3]
        || ',' || topics[first_topic + 4]
        || ',' || topics[first_topic + 5] || tag_end[1 + (g >> 36 & 15)]
        || ',' || topics[first_topic + 6]
        || ',' || topics[first_topic + 7]
        || ',' || topic || tag_end[1 + (g >> 48 & 15)] AS tags,
        1 << ('{0,1,2,2,3,3,4,4,5,5,6,6,7,7,8,9}'::integer[])[1 + (f >> 10 & 15)] AS power_of_two
    FROM (
        SELECT ind, roll, poster,
            (pinterest._words('category'))[1 + category_number] AS category,
            (pinterest._words('topic'))[1 + category_number * 8 + (pinterest._draw(ind, seed, 2) & 7)] AS topic,
            1 + category_number * 8 AS first_topic,
            pinterest._draw(ind, seed, 3) AS t,
            pinterest._draw(ind, seed, 4) AS d,
            pinterest._draw(ind, seed, 5) AS g,
            pinterest._draw(poster, seed, 10) AS f,
            pinterest._draw(poster, seed, 11) AS p,
            -- an odd factor makes this one to one
            poster * 2741 & 4095 AS shuffled,
            poster >> 12 AS round,
            md5(format('%s id %s', seed, ind)) AS md5_id,
            md5(format('%s image %s', seed, ind)) AS md5_image
        FROM pinterest._generated_posts(n, seed)
        OFFSET 0) AS post,
        (SELECT pinterest._words('topic') AS topics, pinterest._words('sentence') AS sentence_of,
            pinterest._words('tag_start') AS tag_start, pinterest._words('tag_end') AS tag_end) AS words
    OFFSET 0) AS post
$$;
COMMENT ON FUNCTION pinterest._generated_pins(integer, integer) IS 'used by generate_posts: rows of pinterest_data';

-- Millionths of a degree as degrees, with six significant digits.
CREATE FUNCTION pinterest._six_digits(millionths bigint) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$
SELECT (millionths - millionths % CASE
    WHEN abs(millionths) >= 100000000 THEN 1000
    WHEN abs(millionths) >= 10000000 THEN 100
    WHEN abs(millionths) >= 1000000 THEN 10
    ELSE 1 END) / 1000000::double precision
$$;
COMMENT ON FUNCTION pinterest._six_digits(bigint) IS 'used by generate_posts: millionths of a degree as degrees';

CREATE FUNCTION pinterest._generated_geos(n integer, seed integer)
    RETURNS TABLE (
        ind integer, "timestamp" text, latitude double precision, longitude double precision, country text)
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
SELECT ind,
    -- the 1,824 days from 2017-10-20 to 2022-10-18
    to_char(timestamp '2017-10-20' + t % (1824 * 86400) * interval '1 second', 'YYYY-MM-DD HH24:MI:SS'),
    latitude, longitude,
    -- nearly half of them in the first 13 countries of the alphabet
    (pinterest._words('country'))[1 + (c >> 10) % CASE WHEN c & 1023 < 460 THEN 13 ELSE 243 END]
FROM (
    SELECT ind,
        pinterest._draw(ind, seed, 6) AS t,
        pinterest._draw(poster, seed, 12) AS c,
        pinterest._draw(poster, seed, 13) % 179810000 - 89980000 AS y,
        pinterest._draw(poster, seed, 14) % 358500000 - 179900000 AS x
    FROM pinterest._generated_posts(n, seed)
    OFFSET 0) AS post,
    pinterest._six_digits(y) AS latitude,
    pinterest._six_digits(x) AS longitude
$$;
COMMENT ON FUNCTION pinterest._generated_geos(integer, integer) IS 'used by generate_posts: rows of geolocation_data';

CREATE FUNCTION pinterest._generated_users(n integer, seed integer)
    RETURNS TABLE (ind integer, first_name text, last_name text, age integer, date_joined text)
    LANGUAGE sql STABLE PARALLEL SAFE AS
$$
SELECT ind,
    (pinterest._words('first_name'))[1 + (name & 63)],
    (pinterest._words('last_name_start'))[1 + (name >> 6 & 31)]
    || (pinterest._words('last_name_end'))[1 + (name >> 11 & 15)],
    -- shares in parts of the 2,812 users known
    (CASE
        WHEN a % 2812 < 1269 THEN 20 + (a >> 16) % 5
        WHEN a % 2812 < 2020 THEN 25 + (a >> 16) % 11
        WHEN a % 2812 < 2567 THEN 36 + (a >> 16) % 15
        ELSE 51 + (a >> 16) % 10 END)::integer,
    to_char(
        CASE
            WHEN j % 2812 < 1127 THEN timestamp '2015-10-21' + (j >> 16) % (72 * 86400) * interval '1 second'
            WHEN j % 2812 < 2376 THEN timestamp '2016-01-01' + (j >> 16) % (366 * 86400) * interval '1 second'
            ELSE timestamp '2017-01-01' + (j >> 16) % (292 * 86400) * interval '1 second' END,
        'YYYY-MM-DD HH24:MI:SS')
FROM (
    SELECT ind,
        pinterest._draw(poster, seed, 15) AS name,
        pinterest._draw(poster, seed, 16) AS a,
        pinterest._draw(poster, seed, 17) AS j
    FROM pinterest._generated_posts(n, seed)
    OFFSET 0) AS post
$$;
COMMENT ON FUNCTION pinterest._generated_users(integer, integer) IS 'used by generate_posts: rows of user_data';

-- The default of "schema" is evaluated by the caller, whose current schema it
-- therefore is; the body has a search path of its own.
CREATE FUNCTION pinterest.generate_posts(
    n integer DEFAULT 11154, seed integer DEFAULT 0, schema name DEFAULT current_schema()) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET jit = off AS
$$
DECLARE
    present name;
BEGIN
    IF schema IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = 'no schema has been selected to create in';
    ELSIF n IS NULL OR n < 0 OR seed IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'n must be zero or more, and seed a number';
    END IF;

    SELECT relname INTO present
    FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = schema AND relname IN ('pinterest_data', 'geolocation_data', 'user_data')
    ORDER BY relname
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_table',
            MESSAGE = format('relation "%s" already exists in schema "%s"', present, schema),
            HINT = 'Use the posts that are there, drop them first, or make others in another schema: generate_posts(schema => ...).';
    END IF;

    -- columns and their order as on the wire, so that row_to_json gives the records
    EXECUTE format($sql$
        CREATE TABLE %1$I.pinterest_data (
            index integer PRIMARY KEY, unique_id uuid, title text, description text, poster_name text,
            follower_count text, tag_list text, is_image_or_video text, image_src text, downloaded integer,
            save_location text, category text);
        CREATE TABLE %1$I.geolocation_data (
            ind integer PRIMARY KEY, "timestamp" text, latitude double precision, longitude double precision,
            country text);
        CREATE TABLE %1$I.user_data (
            ind integer PRIMARY KEY, first_name text, last_name text, age integer, date_joined text)
        $sql$, schema);
    EXECUTE format('INSERT INTO %I.pinterest_data SELECT * FROM pinterest._generated_pins($1, $2)', schema)
        USING n, seed;
    EXECUTE format('INSERT INTO %I.geolocation_data SELECT * FROM pinterest._generated_geos($1, $2)', schema)
        USING n, seed;
    EXECUTE format('INSERT INTO %I.user_data SELECT * FROM pinterest._generated_users($1, $2)', schema)
        USING n, seed;
END
$$;
COMMENT ON FUNCTION pinterest.generate_posts(integer, integer, name)
    IS 'creates the tables pinterest_data, geolocation_data and user_data with invented posts, the same for the same seed';

--
-- Emulated posting
--
-- As a procedure it commits each batch.  That rules out a SET clause, so it sets
-- the search path anew in each transaction.
--

CREATE FUNCTION pinterest._refuse_transaction_block(procedure text) RETURNS void
    AS 'MODULE_PATHNAME', 'pinterest_refuse_transaction_block' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION pinterest._refuse_transaction_block(text) IS 'used by emulate_posting: an error inside a transaction block';

-- Columns that two relations have in common, in the order of the first.
CREATE FUNCTION pinterest._common_columns(a regclass, b regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS
$$
    SELECT string_agg(quote_ident(x.attname), ', ' ORDER BY x.attnum)
    FROM pg_attribute AS x JOIN pg_attribute AS y USING (attname)
    WHERE x.attrelid = a AND y.attrelid = b AND x.attnum > 0 AND y.attnum > 0
        AND NOT x.attisdropped AND NOT y.attisdropped
$$;
COMMENT ON FUNCTION pinterest._common_columns(regclass, regclass) IS 'used by emulate_posting: columns that two relations have in common';

-- One of the tables that generate_posts makes, or of a pipeline.
CREATE FUNCTION pinterest._table_to_post(schema name, relation name, hint text) RETURNS regclass
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    found regclass := to_regclass(format('%I.%I', schema, relation));
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('there is no table "%s" in schema "%s"', relation, schema),
            HINT = hint;
    END IF;
    RETURN found;
END
$$;
COMMENT ON FUNCTION pinterest._table_to_post(name, name, text) IS 'used by emulate_posting: a table, or an error with a hint';

-- The INSERT that posts some rows of one source table, named by their keys ($1),
-- in that order.
CREATE FUNCTION pinterest._posting_statement(
    pipeline name, kind text, schema name, relation name, key name) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
    target CONSTANT regclass := pinterest._table_to_post(pipeline, kind || '_source',
        'Make a pipeline with pinterest.create_pipeline().');
    posts CONSTANT regclass := pinterest._table_to_post(schema, relation,
        'Make posts with SELECT pinterest.generate_posts().');
    columns CONSTANT text := pinterest._common_columns(posts, target);
BEGIN
    RETURN format('INSERT INTO %s (%s) SELECT %s FROM %s JOIN unnest($1) WITH ORDINALITY AS p(key, place) ON %I = p.key ORDER BY p.place',
        target, columns, columns, posts, key);
END
$$;
COMMENT ON FUNCTION pinterest._posting_statement(name, text, name, name, name) IS 'used by emulate_posting: the INSERT that posts rows of one table';

CREATE PROCEDURE pinterest.emulate_posting(
    pipeline name, posts bigint DEFAULT 100, pause interval DEFAULT '0',
    batch integer DEFAULT 100, seed integer DEFAULT NULL, schema name DEFAULT current_schema())
    LANGUAGE plpgsql AS
$$
#variable_conflict use_variable
DECLARE
    statements text[];
    keys integer[];
    picked integer[];
    draws integer := seed;
    rows_at_once integer := batch;
    sent bigint := 0;
    told timestamptz := pg_catalog.clock_timestamp();
BEGIN
    PERFORM pinterest._refuse_transaction_block('emulate_posting');
    -- Raises where it is called by a function, before anything is sent
    COMMIT;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    draws := coalesce(draws, floor(random() * 2147483647)::integer);
    IF pipeline IS NULL OR pause IS NULL OR batch IS NULL OR schema IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'pipeline, pause, batch and schema must not be null';
    ELSIF batch < 1 OR posts < 0 OR pause < '0' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'posts and pause must not be negative, and batch not less than 1';
    END IF;
    statements := ARRAY[
        pinterest._posting_statement(pipeline, 'pin', schema, 'pinterest_data', 'index'),
        pinterest._posting_statement(pipeline, 'geo', schema, 'geolocation_data', 'ind'),
        pinterest._posting_statement(pipeline, 'user', schema, 'user_data', 'ind')];
    EXECUTE format('SELECT array_agg(index ORDER BY index) FROM %I.pinterest_data', schema) INTO keys;
    IF keys IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'no_data_found',
            MESSAGE = format('table "pinterest_data" in schema "%s" is empty', schema);
    END IF;
    IF pause > '0' THEN
        rows_at_once := 1;
    END IF;

    -- Where posts is null, for ever
    WHILE posts IS NULL OR sent < posts LOOP
        picked := ARRAY(
            SELECT keys[1 + pinterest._draw(n, draws, 200) % cardinality(keys)]
            FROM generate_series(sent + 1, least(sent + rows_at_once, posts)) AS n
            ORDER BY n);
        EXECUTE statements[1] USING picked;
        EXECUTE statements[2] USING picked;
        EXECUTE statements[3] USING picked;
        COMMIT;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        sent := sent + cardinality(picked);
        IF sent = posts OR clock_timestamp() > told + interval '5 seconds' THEN
            told := clock_timestamp();
            RAISE NOTICE '% posts sent', CASE WHEN posts IS NULL THEN sent::text ELSE format('%s of %s', sent, posts) END;
        END IF;
        IF sent IS DISTINCT FROM posts THEN
            PERFORM pg_sleep_for(pause);
        END IF;
    END LOOP;
END
$$;
COMMENT ON PROCEDURE pinterest.emulate_posting(name, bigint, interval, integer, integer, name)
    IS 'inserts random posts from the tables of generate_posts into the three foreign tables of a pipeline';
