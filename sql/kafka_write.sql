-- Writing to topics as far as it goes without a cluster: options, EXPLAIN, and what
-- is refused before anything is sent.

\set VERBOSITY default
CREATE SERVER kw FOREIGN DATA WRAPPER kafka_json OPTIONS ("bootstrap.servers" 'localhost:1');

-- The URL of a proxy, and what goes with it
ALTER SERVER kw OPTIONS (ADD rest_proxy 'proxy:8082');
ALTER SERVER kw OPTIONS (ADD rest_proxy 'ftp://proxy');
ALTER SERVER kw OPTIONS (ADD rest_proxy 'http://me:secret@proxy');
ALTER SERVER kw OPTIONS (ADD rest_proxy 'http://proxy/stage?x=1');
ALTER SERVER kw OPTIONS (ADD rest_proxy 'http://proxy/a b');
ALTER SERVER kw OPTIONS (ADD rest_prox 'http://proxy');
ALTER SERVER kw OPTIONS (ADD ca_file '/etc/ssl/ca.pem');
ALTER SERVER kw OPTIONS (ADD rest_proxy 'https://proxy.example/stage/');
ALTER SERVER kw OPTIONS (ADD ca_file 'ca.pem');
CREATE USER MAPPING FOR CURRENT_USER SERVER kw OPTIONS (rest_proxy_user 'me');
CREATE USER MAPPING FOR CURRENT_USER SERVER kw OPTIONS (rest_proxy_password 'secret');
CREATE USER MAPPING FOR CURRENT_USER SERVER kw OPTIONS (rest_proxy_user 'me', rest_proxy_password 'secret');

-- EXPLAIN shows where it goes
CREATE FOREIGN TABLE kw_posts (n int, key text OPTIONS (metadata 'key'), value json OPTIONS (metadata 'value'),
    "offset" bigint OPTIONS (metadata 'offset'), headers json OPTIONS (metadata 'headers'))
    SERVER kw OPTIONS (topic 'posts');
EXPLAIN (COSTS off) INSERT INTO kw_posts (n) VALUES (1);

-- Refused with the first row, before anybody is asked
INSERT INTO kw_posts (n, headers) VALUES (1, '[]');
INSERT INTO kw_posts (n, "offset") VALUES (1, 1);
INSERT INTO kw_posts (n, value) VALUES (1, '{}');
ALTER SERVER kw OPTIONS (DROP rest_proxy);
EXPLAIN (COSTS off) INSERT INTO kw_posts (n) VALUES (1);
INSERT INTO kw_posts (n, "offset") VALUES (1, 1);
INSERT INTO kw_posts (n, headers) VALUES (1, '{"key": "value"}');
INSERT INTO kw_posts SELECT WHERE false;
ALTER FOREIGN TABLE kw_posts ADD COLUMN key2 bytea OPTIONS (metadata 'key');
INSERT INTO kw_posts (n) VALUES (1);
ALTER FOREIGN TABLE kw_posts DROP COLUMN key2;
ALTER FOREIGN TABLE kw_posts OPTIONS (ADD updatable 'false');
INSERT INTO kw_posts (n) VALUES (1);
UPDATE kw_posts SET n = 1;
DELETE FROM kw_posts;

SET client_min_messages = warning;
DROP SERVER kw CASCADE;
