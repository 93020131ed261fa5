-- Options of kafka_json, without a broker: what is taken, what is refused and with
-- which reason, who may set what, and that messages hold no secret.

\set SHOW_CONTEXT never
\set VERBOSITY default

-- Messages name the user
CREATE ROLE regress_kafka_super SUPERUSER;
SET SESSION AUTHORIZATION regress_kafka_super;

-- A server needs brokers
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json;
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" '');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'a:9092,,b');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'a:9092,');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'a:0');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'a:65536');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'a:b');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'a b');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'me:hush-hush@a:9092');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'SASL_SSL://a:9092');
CREATE SERVER kafka_server FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a, b.example:9093 ,127.0.0.1:9092,[::1]:9092,[::1]');

-- Values: enums in any case, numbers in librdkafka's ranges
ALTER SERVER kafka_server OPTIONS (ADD "isolation.level" 'READ_UNCOMMITTED', ADD "socket.keepalive.enable" 'on',
    ADD "socket.timeout.ms" '20000', ADD "compression.type" 'zstd', ADD "compression.level" '-1', ADD "linger.ms" '0',
    ADD "client.id" 'me', ADD partitioner 'murmur2_random');
ALTER SERVER kafka_server OPTIONS (SET "isolation.level" 'serializable');
ALTER SERVER kafka_server OPTIONS (SET "socket.keepalive.enable" 'maybe');
ALTER SERVER kafka_server OPTIONS (SET "socket.timeout.ms" '5');
ALTER SERVER kafka_server OPTIONS (SET "socket.timeout.ms" '5s');
ALTER SERVER kafka_server OPTIONS (SET "socket.timeout.ms" '0x5000');
ALTER SERVER kafka_server OPTIONS (SET "socket.timeout.ms" '99999999999');
ALTER SERVER kafka_server OPTIONS (SET "compression.type" 'bzip2');
ALTER SERVER kafka_server OPTIONS (SET "compression.level" '-2');
ALTER SERVER kafka_server OPTIONS (SET "linger.ms" '0.5');
ALTER SERVER kafka_server OPTIONS (SET "client.id" '');
ALTER SERVER kafka_server OPTIONS (SET partitioner 'mine');
ALTER SERVER kafka_server OPTIONS (ADD acks '0');
ALTER SERVER kafka_server OPTIONS (ADD acks '1');
ALTER SERVER kafka_server OPTIONS (ADD acks '1', ADD "enable.idempotence" 'false');
ALTER SERVER kafka_server OPTIONS (SET "enable.idempotence" 'yes');
ALTER SERVER kafka_server OPTIONS (SET acks 'all', SET "enable.idempotence" 'yes');
ALTER SERVER kafka_server OPTIONS (DROP "socket.timeout.ms", DROP "compression.type", DROP "compression.level",
    DROP "linger.ms", DROP partitioner, DROP acks, DROP "enable.idempotence");

-- How to sign in: what belongs together
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'tls');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'SASL_SSL');
ALTER SERVER kafka_server OPTIONS (ADD "sasl.mechanism" 'PLAIN');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "sasl.mechanism" 'PLAIN');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'SASL_SSL', ADD "sasl.mechanism" 'GSSAPI');
ALTER SERVER kafka_server OPTIONS (ADD "ssl.ca.pem" 'x');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_plaintext', ADD "sasl.mechanism" 'plain', ADD "ssl.ca.pem" 'x');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "ssl.ca.pem" 'x', ADD "ssl.ca.location" '/ca.pem');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "ssl.certificate.location" '/client.pem');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "ssl.key.location" '/client.key');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "ssl.key.location" '/client.key',
    ADD "ssl.certificate.location" '/client.pem', ADD "ssl.keystore.location" '/client.p12');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "ssl.ca.location" 'ca.pem');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'ssl', ADD "ssl.ca.location" '/ca.pem',
    ADD "ssl.certificate.location" '/client.pem', ADD "ssl.key.location" '/client.key');
ALTER SERVER kafka_server OPTIONS (SET "security.protocol" 'plaintext');
ALTER SERVER kafka_server OPTIONS (DROP "ssl.ca.location", DROP "ssl.certificate.location", DROP "ssl.key.location",
    SET "security.protocol" 'sasl_plaintext', ADD "sasl.mechanism" 'scram-sha-512');
ALTER SERVER kafka_server OPTIONS (DROP "sasl.mechanism");
ALTER SERVER kafka_server OPTIONS (DROP "security.protocol");
ALTER SERVER kafka_server OPTIONS (DROP "security.protocol", DROP "sasl.mechanism");

-- AWS_MSK_IAM
ALTER SERVER kafka_server OPTIONS (ADD "sasl.mechanism" 'AWS_MSK_IAM');
ALTER SERVER kafka_server OPTIONS (ADD region 'eu-west-1');
ALTER SERVER kafka_server OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/reader');
ALTER SERVER kafka_server OPTIONS (ADD "sasl.mechanism" 'AWS_MSK_IAM', ADD region 'eu-west-1',
    ADD "security.protocol" 'sasl_plaintext');
ALTER SERVER kafka_server OPTIONS (ADD "sasl.mechanism" 'aws_msk_iam', ADD region 'eu-west-1', ADD role_arn 'reader');
ALTER SERVER kafka_server OPTIONS (ADD "sasl.mechanism" 'aws_msk_iam', ADD region 'eu-west-1', ADD profile 'x');
ALTER SERVER kafka_server OPTIONS (ADD "sasl.mechanism" 'aws_msk_iam', ADD region 'eu-west-1', ADD credential_source 'chain');
ALTER SERVER kafka_server OPTIONS (DROP "sasl.mechanism");
ALTER SERVER kafka_server OPTIONS (DROP region);
ALTER SERVER kafka_server OPTIONS (DROP region, SET "bootstrap.servers"
    'b-1.demo.x1.c2.kafka.eu-west-1.amazonaws.com:9098,b-2.demo.x1.c2.kafka.eu-west-1.amazonaws.com:9098');
ALTER SERVER kafka_server OPTIONS (SET "bootstrap.servers"
    'b-1.demo.x1.c2.kafka.eu-west-1.amazonaws.com:9098,b-2.demo.x1.c2.kafka.eu-west-2.amazonaws.com:9098');
ALTER SERVER kafka_server OPTIONS (DROP "sasl.mechanism", DROP credential_source, SET "bootstrap.servers" 'a:9092');

-- OAUTHBEARER
ALTER SERVER kafka_server OPTIONS (ADD "sasl.oauthbearer.scope" 'x');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'default');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'oidc');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'oidc', ADD "sasl.oauthbearer.token.endpoint.url" 'http://id.example/token');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'oidc', ADD "sasl.oauthbearer.token.endpoint.url" 'id.example/token');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'oidc', ADD "sasl.oauthbearer.token.endpoint.url" 'https://me:hush-hush@id.example/token');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'oidc', ADD "sasl.oauthbearer.token.endpoint.url" 'https://id.example/token',
    ADD "sasl.oauthbearer.extensions" 'logicalCluster=lkc-1,auth=x');
ALTER SERVER kafka_server OPTIONS (ADD "security.protocol" 'sasl_ssl', ADD "sasl.mechanism" 'OAUTHBEARER',
    ADD "sasl.oauthbearer.method" 'oidc', ADD "sasl.oauthbearer.token.endpoint.url" 'https://id.example/oauth2/v1/token?x=y',
    ADD "sasl.oauthbearer.extensions" 'logicalCluster=lkc-1,identityPoolId=pool-1', ADD "sasl.oauthbearer.scope" 'kafka');
ALTER SERVER kafka_server OPTIONS (SET "sasl.mechanism" 'PLAIN');

-- Names that are none: each with its reason, and nothing of them is done
DO $$
DECLARE
    name text;
    detail text;
    hint text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'plugin.library.paths', 'ssl.engine.location', 'ssl.providers', 'sasl.kerberos.kinit.cmd', 'sasl.kerberos.keytab',
        'offset.store.path', 'offset.store.method', 'enable.ssl.certificate.verification', 'sasl.oauthbearer.config',
        'enable.sasl.oauthbearer.unsecure.jwt', 'group.id', 'enable.auto.commit', 'auto.offset.reset',
        'enable.partition.eof', 'allow.auto.create.topics', 'transactional.id', 'queued.min.messages',
        'max.in.flight.requests.per.connection', 'retries', 'debug', 'log_level', 'log.queue', 'statistics.interval.ms',
        'internal.termination.signal', 'test.mock.num.brokers', 'interceptors', 'opaque', 'metadata.broker.list',
        'sasl.mechanisms', 'compression.codec', 'sasl.jaas.config', 'ssl.truststore.location', 'ssl.keystore.type',
        'client.dns.lookup', 'key.deserializer', 'dr_cb', 'boostrap.servers', 'ssl.ca.locaton', 'endpoint']
    LOOP
        BEGIN
            EXECUTE format('ALTER SERVER kafka_server OPTIONS (ADD %I ''/hush-hush'')', name);
        EXCEPTION WHEN fdw_invalid_option_name THEN
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RAISE NOTICE '%: % %', name, detail, left(hint, 200);
        END;
    END LOOP;
END
$$;

-- Secrets are for user mappings
ALTER SERVER kafka_server OPTIONS (ADD "sasl.username" 'me', ADD "sasl.password" 'hush-hush');
ALTER SERVER kafka_server OPTIONS (ADD "ssl.key.pem" 'hush-hush');
ALTER SERVER kafka_server OPTIONS (ADD "ssl.key.password" 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("sasl.password" 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("sasl.username" 'me');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("sasl.username" 'me', "sasl.password" '');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("sasl.username" 'me', "sasl.pasword" 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("ssl.key.pem" 'hush-hush');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("ssl.certificate.pem" 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("sasl.oauthbearer.client.id" 'x');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS (access_key_id 'AKID');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("security.protocol" 'ssl');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server OPTIONS ("ssl.ca.location" '/ca.pem');
CREATE USER MAPPING FOR CURRENT_USER SERVER kafka_server
    OPTIONS ("sasl.username" 'me', "sasl.password" 'hush-hush', "ssl.key.pem" 'hush-hush', "ssl.certificate.pem" 'x',
             "ssl.key.password" 'hush-hush', "sasl.oauthbearer.client.id" 'x', "sasl.oauthbearer.client.secret" 'hush-hush',
             access_key_id 'AKID', secret_access_key 'hush-hush');

-- Files of the server, and what is the machine's, are for those who may read them, and for superusers
CREATE ROLE regress_kafka;
GRANT USAGE ON FOREIGN DATA WRAPPER kafka_json TO regress_kafka;
SET ROLE regress_kafka;
CREATE SERVER kafka_own FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a', "security.protocol" 'ssl', "ssl.ca.location" '/etc/ca.pem');
CREATE SERVER kafka_own FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a', "security.protocol" 'ssl', "ssl.crl.location" '/etc/crl.pem');
CREATE SERVER kafka_own FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a', "security.protocol" 'ssl', "ssl.key.location" '/etc/key.pem', "ssl.certificate.location" '/etc/key.pem');
CREATE SERVER kafka_own FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a', "security.protocol" 'ssl', "ssl.keystore.location" '/etc/key.p12');
CREATE SERVER kafka_own FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a', "sasl.mechanism" 'AWS_MSK_IAM', region 'eu-west-1', credential_source 'instance');
CREATE SERVER kafka_own FOREIGN DATA WRAPPER kafka_json
    OPTIONS ("bootstrap.servers" 'a', "sasl.mechanism" 'AWS_MSK_IAM', region 'eu-west-1');
RESET ROLE;
GRANT pg_read_server_files TO regress_kafka;
SET ROLE regress_kafka;
ALTER SERVER kafka_own OPTIONS (ADD "ssl.ca.location" '/etc/ca.pem');
RESET ROLE;

-- What is missing to sign in, or may not be lent, is told before anything is tried
CREATE FOREIGN TABLE kafka_table (a int) SERVER kafka_own OPTIONS (topic 't');
GRANT SELECT ON kafka_table TO regress_kafka;
SELECT * FROM kafka_table;
CREATE USER MAPPING FOR PUBLIC SERVER kafka_own;
SELECT * FROM kafka_table;
ALTER SERVER kafka_own OPTIONS (DROP "ssl.ca.location", DROP region, SET "sasl.mechanism" 'PLAIN', ADD "security.protocol" 'sasl_ssl');
SELECT * FROM kafka_table;
ALTER SERVER kafka_own OPTIONS (SET "sasl.mechanism" 'OAUTHBEARER', ADD "sasl.oauthbearer.method" 'oidc',
    ADD "sasl.oauthbearer.token.endpoint.url" 'https://id.example/token');
SELECT * FROM kafka_table;
ALTER SERVER kafka_own OPTIONS (DROP "sasl.mechanism", DROP "sasl.oauthbearer.method", DROP "sasl.oauthbearer.token.endpoint.url",
    SET "security.protocol" 'ssl', ADD "ssl.ca.location" '/etc/ca.pem');
REVOKE pg_read_server_files FROM regress_kafka;
SET ROLE regress_kafka;
SELECT * FROM kafka_table;
RESET ROLE;
ALTER SERVER kafka_own OPTIONS (SET "ssl.ca.location" '/etc/ca.pem', ADD "ssl.certificate.location" '/client.pem', ADD "ssl.key.location" '/client.key');
ALTER USER MAPPING FOR PUBLIC SERVER kafka_own OPTIONS ("ssl.certificate.pem" 'x', "ssl.key.pem" 'hush-hush');
SELECT * FROM kafka_table;
ALTER SERVER kafka_own OPTIONS (DROP "ssl.certificate.location", DROP "ssl.key.location", DROP "ssl.ca.location");
\set VERBOSITY terse
SELECT * FROM kafka_table;
\set VERBOSITY default
EXPLAIN (VERBOSE, COSTS off) SELECT * FROM kafka_table;
ALTER SERVER kafka_own OPTIONS (DROP "security.protocol");
SELECT * FROM kafka_table;
ALTER USER MAPPING FOR PUBLIC SERVER kafka_own
    OPTIONS (DROP "ssl.certificate.pem", DROP "ssl.key.pem", ADD "sasl.username" 'me', ADD "sasl.password" 'hush-hush');
SELECT * FROM kafka_table;

-- A wrapper without the validator: what it lets through is refused when it is used
CREATE FOREIGN DATA WRAPPER kafka_unchecked HANDLER pinterest.kafka_json_handler;
CREATE SERVER kafka_unchecked FOREIGN DATA WRAPPER kafka_unchecked
    OPTIONS ("bootstrap.servers" 'a', "plugin.library.paths" '/hush-hush');
CREATE FOREIGN TABLE kafka_unchecked (a int) SERVER kafka_unchecked OPTIONS (topic 't');
SELECT * FROM kafka_unchecked;
ALTER SERVER kafka_unchecked OPTIONS (DROP "plugin.library.paths", ADD "socket.timeout.ms" '5');
SELECT * FROM kafka_unchecked;

SELECT srvoptions FROM pg_foreign_server WHERE srvname IN ('kafka_server', 'kafka_own') ORDER BY srvname;

SET client_min_messages = warning;
DROP FOREIGN DATA WRAPPER kafka_unchecked CASCADE;
DROP SERVER kafka_server CASCADE;
DROP SERVER kafka_own CASCADE;
DROP OWNED BY regress_kafka;
DROP ROLE regress_kafka;
RESET SESSION AUTHORIZATION;
DROP OWNED BY regress_kafka_super CASCADE;
DROP ROLE regress_kafka_super;
