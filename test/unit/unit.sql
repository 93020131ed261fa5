-- Cases, one a row: what is called, what it must give.  Speaks TAP.

SET client_min_messages = error;
DROP SCHEMA IF EXISTS pinterest_unit CASCADE;
CREATE SCHEMA pinterest_unit;
SET search_path = pinterest_unit;
SET timezone = 'UTC';
SET datestyle = 'ISO';

CREATE FUNCTION unit_url_encode(text, boolean) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_url_decode(text, boolean) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_endpoint(text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_http_date(text) RETURNS bigint AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_iso_date(text) RETURNS timestamptz AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_address(text, integer) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_query(text[]) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_sign(text, text, text, text, text, text, text, text, text[], text)
    RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_msk_iam_token(text, text, text, text, bigint, text) RETURNS text AS :'module' LANGUAGE C;
CREATE FUNCTION unit_msk_iam_region(text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_signing_key(text, text, text, text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_hash(text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_sign_many(integer) RETURNS void AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_xml(text) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_listing(text, boolean, text) RETURNS text AS :'module' LANGUAGE C;
CREATE FUNCTION unit_cbor_number(bytea) RETURNS double precision AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_cbor_skip(bytea) RETURNS integer AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_cbor_string(bytea) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_error_body(integer, bytea) RETURNS text AS :'module' LANGUAGE C STRICT;
CREATE FUNCTION unit_aftermath(text) RETURNS integer AS :'module' LANGUAGE C STRICT;

CREATE TEMP TABLE cases (n serial, name text, call text, expected text);

-- An expectation that starts with "!" is a pattern for the error's message and
-- detail.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
    detail text;
BEGIN
    EXECUTE 'SELECT (' || call || ')::text' INTO result;
    RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN '!' || sqlstate || ' ' || sqlerrm || ' ' || detail;
END $$;

--
-- URLs
--
INSERT INTO cases (name, call, expected) VALUES
('encode: unreserved', $$unit_url_encode('AZaz09-._~', false)$$, 'AZaz09-._~'),
('encode: reserved', $$unit_url_encode(' !"#$%&''()*+,:;<=>?@[]', false)$$,
 '%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%3A%3B%3C%3D%3E%3F%40%5B%5D'),
('encode: slash in a value', $$unit_url_encode('a/b', false)$$, 'a%2Fb'),
('encode: slash in a path', $$unit_url_encode('a//b/../c', true)$$, 'a//b/../c'),
('encode: UTF-8', $$unit_url_encode('ü日', false)$$, '%C3%BC%E6%97%A5'),
('decode', $$unit_url_decode('a%20b%2Bc%2f', false)$$, 'a b+c/'),
('decode: plus stays', $$unit_url_decode('a+b', false)$$, 'a+b'),
('decode: plus is a blank', $$unit_url_decode('a+b%2B', true)$$, 'a b+'),
('decode: cut off', $$unit_url_decode('a%2', false)$$, 'NULL'),
('decode: no hex', $$unit_url_decode('a%zz', false)$$, 'NULL'),
('decode: zero byte', $$unit_url_decode('a%00b', false)$$, 'NULL'),
('endpoint: https', $$unit_endpoint('https://S3.Example.com')$$, 'tls s3.example.com 0 s3.example.com'),
('endpoint: port', $$unit_endpoint('http://127.0.0.1:9000/')$$, 'plain 127.0.0.1 9000 127.0.0.1:9000 literal'),
('endpoint: default port', $$unit_endpoint('https://h:443')$$, 'tls h 0 h'),
('endpoint: other default port', $$unit_endpoint('http://h:443')$$, 'plain h 443 h:443'),
('endpoint: IPv6', $$unit_endpoint('http://[::1]:9000')$$, 'plain [::1] 9000 [::1]:9000 literal'),
('endpoint: no scheme', $$unit_endpoint('s3.example.com')$$, '!HV024.*http'),
('endpoint: other scheme', $$unit_endpoint('ftp://h')$$, '!HV024.*http'),
('endpoint: path', $$unit_endpoint('http://h/x')$$, '!HV024.*path'),
('endpoint: query', $$unit_endpoint('http://h?x')$$, '!HV024.*query'),
('endpoint: fragment', $$unit_endpoint('http://h#x')$$, '!HV024.*fragment'),
('endpoint: no host', $$unit_endpoint('http://:80')$$, '!HV024.*no host'),
('endpoint: bad port', $$unit_endpoint('http://h:70000')$$, '!HV024.*port'),
('endpoint: port 0', $$unit_endpoint('http://h:0')$$, '!HV024.*port'),
('endpoint: blank', $$unit_endpoint('http://a b')$$, '!HV024.*characters'),
('endpoint: line break', $$unit_endpoint(E'http://a\r\nb')$$, '!HV024.*characters'),
('endpoint: bad IPv6', $$unit_endpoint('http://[::x]')$$, '!HV024.*IPv6'),
('endpoint: a password is not repeated', $$unit_endpoint('http://me:geheim@h')$$,
 '!HV024 invalid endpoint It must not hold a user name or password');

--
-- Dates
--
INSERT INTO cases (name, call, expected) VALUES
('HTTP date', $$unit_http_date('Sun, 06 Nov 1994 08:49:37 GMT')$$, '784111777'),
('HTTP date: leap day', $$unit_http_date('Thu, 29 Feb 2024 00:00:00 GMT')$$, '1709164800'),
('HTTP date: no such day', $$unit_http_date('Wed, 29 Feb 2023 00:00:00 GMT')$$, 'NULL'),
('HTTP date: other zone', $$unit_http_date('Sun, 06 Nov 1994 08:49:37 CET')$$, 'NULL'),
('HTTP date: obsolete form', $$unit_http_date('Sunday, 06-Nov-94 08:49:37 GMT')$$, 'NULL'),
('HTTP date: something behind', $$unit_http_date('Sun, 06 Nov 1994 08:49:37 GMT ')$$, 'NULL'),
('HTTP date: empty', $$unit_http_date('')$$, 'NULL'),
('ISO date', $$unit_iso_date('2024-01-31T17:50:30.000Z')$$, '2024-01-31 17:50:30+00'),
('ISO date: microseconds', $$unit_iso_date('2024-01-31T17:50:30.1234567Z')$$, '2024-01-31 17:50:30.123456+00'),
('ISO date: no fraction', $$unit_iso_date('2024-01-31T17:50:30Z')$$, '2024-01-31 17:50:30+00'),
('ISO date: zone', $$unit_iso_date('2024-01-31T17:50:30+01:30')$$, '2024-01-31 16:20:30+00'),
('ISO date: zone west', $$unit_iso_date('2024-01-31T23:50:30-01:00')$$, '2024-02-01 00:50:30+00'),
('ISO date: no zone', $$unit_iso_date('2024-01-31T17:50:30')$$, 'NULL'),
('ISO date: no time', $$unit_iso_date('2024-01-31')$$, 'NULL'),
('ISO date: month 13', $$unit_iso_date('2024-13-31T17:50:30Z')$$, 'NULL'),
('ISO date: hour 24', $$unit_iso_date('2024-01-31T24:00:00Z')$$, 'NULL'),
('ISO date: empty fraction', $$unit_iso_date('2024-01-31T17:50:30.Z')$$, 'NULL');

--
-- Addresses
--
INSERT INTO cases (name, call, expected)
SELECT format('address %s, policy %s', a, p), format('unit_address(%L, %s)', a, p), coalesce(e, 'NULL')
FROM (VALUES
('8.8.8.8', 0, NULL), ('127.0.0.1', 0, 'loopback'), ('127.9.9.9', 0, 'loopback'), ('0.0.0.0', 0, 'loopback'),
('10.1.2.3', 0, 'private'), ('172.16.0.1', 0, 'private'), ('172.31.255.255', 0, 'private'), ('172.32.0.1', 0, NULL),
('192.168.0.1', 0, 'private'), ('192.169.0.1', 0, NULL), ('100.64.0.1', 0, 'private'), ('100.127.0.1', 0, 'private'),
('100.128.0.1', 0, NULL), ('169.254.169.254', 0, 'link-local'), ('224.0.0.1', 0, 'multicast or reserved'),
('255.255.255.255', 0, 'multicast or reserved'),
('2001:4860:4860::8888', 0, NULL), ('::1', 0, 'loopback'), ('::', 0, 'loopback'), ('fc00::1', 0, 'private'),
('fd12::1', 0, 'private'), ('fe80::1', 0, 'link-local'), ('fd00:ec2::254', 0, 'instance metadata'),
('::ffff:127.0.0.1', 0, 'loopback'), ('::ffff:10.0.0.1', 0, 'private'), ('::ffff:169.254.169.254', 0, 'link-local'),
('::ffff:8.8.8.8', 0, NULL), ('64:ff9b::169.254.169.254', 0, 'link-local'), ('::169.254.169.254', 0, 'link-local'),
('127.0.0.1', 1, NULL), ('10.1.2.3', 1, NULL), ('::1', 1, NULL), ('fc00::1', 1, NULL), ('::ffff:10.0.0.1', 1, NULL),
('169.254.169.254', 1, 'link-local'), ('169.254.170.2', 1, 'link-local'), ('fe80::1', 1, 'link-local'),
('fd00:ec2::254', 1, 'instance metadata'), ('::ffff:169.254.169.254', 1, 'link-local'),
('64:ff9b::a9fe:a9fe', 1, 'link-local'),
('169.254.169.254', 2, NULL), ('fd00:ec2::254', 2, NULL), ('127.0.0.1', 2, NULL)) v(a, p, e);

--
-- Signatures: the examples of the S3 API reference
--
CREATE FUNCTION example(method text, path text, query text, headers text[],
    hash text DEFAULT 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
RETURNS text LANGUAGE sql AS $$
    SELECT unit_sign('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'us-east-1', 's3',
        '20130524T000000Z', method, path, query,
        array['host', 'examplebucket.s3.amazonaws.com', 'x-amz-content-sha256', hash,
              'x-amz-date', '20130524T000000Z'] || headers, hash) $$;

INSERT INTO cases (name, call, expected) VALUES
('signing key', $$unit_signing_key('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', 'us-east-1', 's3', '20130524T000000Z')$$,
 'dbb893acc010964918f1fd433add87c70e8b0db6be30c1fbeafefa5ec6ba8378'),
('hash of nothing', $$unit_hash('')$$, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
('hash of a body', $$unit_hash('Welcome to Amazon S3.')$$,
 '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'),
('sign: GET with Range', $$example('GET', '/test.txt', '', array['range', 'bytes=0-9'])$$,
 'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'),
('sign: list', $$substring(example('GET', '/', unit_query(array['prefix', 'J', 'max-keys', '2']), '{}') FROM 'Signature=(.*)')$$,
 '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'),
('sign: name without value', $$substring(example('GET', '/', unit_query(array['lifecycle', '']), '{}') FROM 'Signature=(.*)')$$,
 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'),
('sign: PUT', $$substring(example('PUT', '/' || unit_url_encode('test$file.text', true), '',
    array['date', 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    unit_hash('Welcome to Amazon S3.')) FROM 'Signature=(.*)')$$,
 '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd'),
('sign: S3 does not normalise', $$example('GET', '/a//b/../c', '', '{}') <> example('GET', '/a/c', '', '{}')$$, 'true'),
('sign: blanks in values count once', $$example('GET', '/', '', array['x-amz-a', '  a   b ']) = example('GET', '/', '', array['x-amz-a', 'a b'])$$, 'true'),
('query: sorted after encoding', $$unit_query(array['b', '2', 'a b', '/', 'a', '+', 'A', NULL, 'a', ' '])$$,
 'a=%20&a=%2B&a%20b=%2F&b=2'),
('query: empty', $$unit_query('{}')$$, '');

-- Other services: the path is normalised, then encoded again.  The vectors of the
-- published test suite: AKIDEXAMPLE, service "service".
CREATE FUNCTION suite(path text) RETURNS text LANGUAGE sql AS $$
    SELECT substring(unit_sign('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', 'us-east-1', 'service',
        '20150830T123600Z', 'GET', path, '',
        array['host', 'example.amazonaws.com', 'x-amz-date', '20150830T123600Z'],
        'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855') FROM 'Signature=(.*)') $$;
INSERT INTO cases (name, call, expected)
SELECT 'other services: ' || path, format('suite(%L) = suite(%L)', path, same), 'true'
FROM (VALUES ('/', '/'), ('//', '/'), ('/./', '/'), ('/a/..', '/'), ('/a/../..', '/'), ('/./a', '/a'),
      ('//a//', '/a/'), ('/a/b/..', '/a/'), ('/a/.', '/a/'), ('/a/./b/../c', '/a/c')) v(path, same);
INSERT INTO cases (name, call, expected) VALUES
('other services: get-vanilla', $$suite('/')$$, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'),
('other services: encoded twice', $$suite('/a%20b') <> suite('/a b')$$, 'true');

--
-- Tokens for MSK
--

-- The URL in a token, and its end
CREATE FUNCTION msk_url(key text, secret text, session text, region text, at timestamptz, agent text DEFAULT 'test/1')
    RETURNS text LANGUAGE sql AS $$
    SELECT split_part(t, ' ', 1) || ' ' ||
        convert_from(decode(rpad(body, (length(body) + 3) / 4 * 4, '='), 'base64'), 'UTF8')
    FROM (SELECT t, translate(split_part(t, ' ', 2), '-_', '+/') AS body
          FROM unit_msk_iam_token(key, secret, session, region, extract(epoch FROM at)::bigint, agent) AS t OFFSET 0) x
$$;
CREATE FUNCTION msk_signature(url text) RETURNS text LANGUAGE sql AS
    $$SELECT substring(url FROM 'X-Amz-Signature=([0-9a-f]*)&')$$;

INSERT INTO cases (name, call, expected) VALUES
('MSK: token', $$unit_msk_iam_token('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', NULL, 'eu-west-1',
    1704164645, 'aws-msk-iam-sasl-signer-c/1.0')$$,
 '1704165545000 aHR0cHM6Ly9rYWZrYS5ldS13ZXN0LTEuYW1hem9uYXdzLmNvbS8_QWN0aW9uPWthZmthLWNsdXN0ZXIlM0FDb25uZWN0JlgtQW16LUFsZ29yaXRobT1BV1M0LUhNQUMtU0hBMjU2JlgtQW16LUNyZWRlbnRpYWw9QUtJREVYQU1QTEUlMkYyMDI0MDEwMiUyRmV1LXdlc3QtMSUyRmthZmthLWNsdXN0ZXIlMkZhd3M0X3JlcXVlc3QmWC1BbXotRGF0ZT0yMDI0MDEwMlQwMzA0MDVaJlgtQW16LUV4cGlyZXM9OTAwJlgtQW16LVNpZ25lZEhlYWRlcnM9aG9zdCZYLUFtei1TaWduYXR1cmU9OGU0NmJkNjc4N2UwOWI3YzU4ZmFhYTA0ZDM2MTU0Mzc4ZDRkZmNkYTk5ZjA3Mjk5NDkxMmQ1ZTRkOWE2NGI4ZSZVc2VyLUFnZW50PWF3cy1tc2staWFtLXNhc2wtc2lnbmVyLWMlMkYxLjA'),
('MSK: URL', $$msk_url('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', NULL, 'eu-west-1',
    '2024-01-02 03:04:05Z', 'aws-msk-iam-sasl-signer-c/1.0')$$,
 '1704165545000 https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240102%2Feu-west-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20240102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=8e46bd6787e09b7c58faaa04d36154378d4dfcda99f072994912d5e4d9a64b8e&User-Agent=aws-msk-iam-sasl-signer-c%2F1.0'),
('MSK: session token', $$msk_url('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    'IQoJb3JpZ2luX2VjEXAMPLE//token+with/special==', 'eu-west-1', '2024-01-02 03:04:05Z', 'aws-msk-iam-sasl-signer-c/1.0')$$,
 '1704165545000 https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20240102%2Feu-west-1%2Fkafka-cluster%2Faws4_request&X-Amz-Date=20240102T030405Z&X-Amz-Expires=900&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEXAMPLE%2F%2Ftoken%2Bwith%2Fspecial%3D%3D&X-Amz-SignedHeaders=host&X-Amz-Signature=11ed40631ca785fc6b985287fb0b383d119adb2d1af85b6a66bc3f6bced6cc01&User-Agent=aws-msk-iam-sasl-signer-c%2F1.0'),
('MSK: length with a session token', $$length(split_part(unit_msk_iam_token('AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    'IQoJb3JpZ2luX2VjEXAMPLE//token+with/special==', 'eu-west-1', 1704164645, 'aws-msk-iam-sasl-signer-c/1.0'), ' ', 2))$$, '612'),
('MSK: other keys, region and time', $$msk_signature(msk_url('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    NULL, 'us-east-1', '2026-01-02 03:04:05Z'))$$, '6c06dd9fe8d30912131ef953413afa6e8a1b2155b6b93c39690c5eaa5d4e7b7d'),
('MSK: the same with a session token', $$msk_signature(msk_url('AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
    'SESSION/TOKEN+x==', 'us-east-1', '2026-01-02 03:04:05Z'))$$, 'd8e7de2a94c0764fa02154ee8350a6ad499eb391379941dd6afe410d51471723'),
('MSK: the program is not signed', $$msk_url('AK', 's', NULL, 'eu-west-1', '2024-01-02 03:04:05Z', 'a/1') =
    replace(msk_url('AK', 's', NULL, 'eu-west-1', '2024-01-02 03:04:05Z', 'b/1'), '=b%2F1', '=a%2F1')$$, 'true'),
('MSK: no padding, no character of plain base64', $$(SELECT bool_and(t !~ '[=+/]')
    FROM generate_series(1, 60) AS n, unit_msk_iam_token('AKID' || n, 's', repeat('~?>', n), 'eu-west-1', 1704164645, 'a/1') AS t)$$, 'true'),
('MSK region: broker', $$unit_msk_iam_region('b-1.demo.x1y2z3.c2.kafka.eu-west-1.amazonaws.com:9098')$$, 'eu-west-1'),
('MSK region: public', $$unit_msk_iam_region('b-2-public.demo.x1y2z3.c2.kafka.us-gov-west-1.amazonaws.com:9198')$$, 'us-gov-west-1'),
('MSK region: serverless', $$unit_msk_iam_region('boot-abc1.c1.kafka-serverless.ap-southeast-2.amazonaws.com')$$, 'ap-southeast-2'),
('MSK region: VPC endpoint', $$unit_msk_iam_region('vpce-0123.kafka.us-east-1.vpce.amazonaws.com:14001')$$, 'us-east-1'),
('MSK region: VPC endpoint of a broker', $$unit_msk_iam_region('b-1.scram.demo.x1.vpce-0123.kafka.us-east-1.vpce.amazonaws.com')$$, 'us-east-1'),
('MSK region: China', $$unit_msk_iam_region('b-1.demo.x1y2z3.c2.kafka.cn-north-1.amazonaws.com.cn:9098')$$, 'cn-north-1'),
('MSK region: capitals, final dot', $$unit_msk_iam_region('B-1.demo.c2.KAFKA.EU-West-1.AmazonAWS.com.:9098')$$, 'eu-west-1'),
('MSK region: other host', $$unit_msk_iam_region('kafka.eu-west-1.example.com:9098')$$, 'NULL'),
('MSK region: suffix in the middle', $$unit_msk_iam_region('b-1.kafka.eu-west-1.amazonaws.com.example.com')$$, 'NULL'),
('MSK region: other service', $$unit_msk_iam_region('s3.eu-west-1.amazonaws.com')$$, 'NULL'),
('MSK region: a name that ends like it', $$unit_msk_iam_region('b-1.notkafka.eu-west-1.amazonaws.com')$$, 'NULL'),
('MSK region: none', $$unit_msk_iam_region('b-1.kafka..amazonaws.com')$$, 'NULL'),
('MSK region: only the suffix', $$unit_msk_iam_region('.amazonaws.com')$$, 'NULL'),
('MSK region: no region', $$unit_msk_iam_region('kafka.eu_west.amazonaws.com')$$, 'NULL'),
('MSK region: address', $$unit_msk_iam_region('[::1]:9098')$$, 'NULL'),
('MSK region: nothing', $$unit_msk_iam_region('')$$, 'NULL');

--
-- XML
--
INSERT INTO cases (name, call, expected) VALUES
('xml: plain', $$unit_xml('<a><b>x</b></a>')$$, '<a <b x /b /a END'),
('xml: declaration, comment, blanks', $$unit_xml(E'<?xml version="1.0"?>\n<!-- <x> -->\n<a>x<!-- y -->z</a>\n')$$, '<a x z /a END'),
('xml: self-closing', $$unit_xml('<a><b/><c  /><d x="/>"/></a>')$$, '<a <b /b <c /c <d /d /a END'),
('xml: namespaces', $$unit_xml('<s:a xmlns:s="u"><s:b>x</s:b></s:a>')$$, '<a <b x /b /a END'),
('xml: entities', $$unit_xml('<a>&quot;&amp;&lt;&gt;&apos;&#65;&#x42;&#xe9;</a>')$$, '<a "&<>''ABé /a END'),
('xml: CDATA', $$unit_xml('<a><![CDATA[<&>]]></a>')$$, '<a <&> /a END'),
('xml: unknown entity', $$unit_xml('<a>&eacute;</a>')$$, '<a !it holds an unknown character reference'),
('xml: zero', $$unit_xml('<a>&#0;</a>')$$, '<a !it holds an unknown character reference'),
('xml: surrogate', $$unit_xml('<a>&#xD800;</a>')$$, '<a !it holds an unknown character reference'),
('xml: bare ampersand', $$unit_xml('<a>x & y</a>')$$, '<a !it holds an unknown character reference'),
('xml: wrong order', $$unit_xml('<a><b></a></b>')$$, '<a <b !tags are not closed in the order they were opened'),
('xml: cut off', $$unit_xml('<a><b>x</b>')$$, '<a <b x /b !it ends too early'),
('xml: cut off in a tag', $$unit_xml('<a><b')$$, '<a !an opening tag is cut off'),
('xml: empty', $$unit_xml('')$$, '!it is empty'),
('xml: text', $$unit_xml('hello')$$, '!text stands outside of its elements'),
('xml: two roots', $$unit_xml('<a/><b/>')$$, '<a /a !something follows its end'),
('xml: doctype', $$unit_xml('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')$$, '!it holds a document type declaration'),
('xml: deep', $$unit_xml(repeat('<a>', 40)) LIKE '%!its elements are nested too deep'$$, 'true');

--
-- Listings
--
CREATE FUNCTION object(key text, rest text DEFAULT '<Size>5</Size>') RETURNS text LANGUAGE sql AS $$
    SELECT '<Contents><Key>' || key || '</Key><LastModified>2024-01-31T17:50:30.000Z</LastModified>' || rest ||
        '</Contents>' $$;
CREATE FUNCTION listing(inner_xml text, after text DEFAULT NULL, ordered boolean DEFAULT true) RETURNS text
LANGUAGE sql AS $$
    SELECT unit_listing('<?xml version="1.0"?><ListBucketResult xmlns="x">' || inner_xml || '</ListBucketResult>',
        ordered, after) $$;
INSERT INTO cases (name, call, expected) VALUES
('listing: empty', $$listing('<KeyCount>0</KeyCount><IsTruncated>false</IsTruncated><Prefix/>')$$, 'end'),
('listing: one', $$listing(object('a', '<ETag>&quot;e&quot;</ETag><Size>5</Size>'))$$, 'a|"e"|5|2024-01-31 17:50:30+00;end'),
('listing: no ETag', $$listing(object('a'))$$, 'a|-|5|2024-01-31 17:50:30+00;end'),
('listing: not encoded', $$listing(object('a+b%20c &amp; d'))$$, 'a+b%20c & d|-|5|2024-01-31 17:50:30+00;end'),
('listing: encoded, told last', $$listing(object('a+b%20c%2B') || '<EncodingType>url</EncodingType>')$$, 'a b c+|-|5|2024-01-31 17:50:30+00;end'),
('listing: badly encoded', $$listing('<EncodingType>url</EncodingType>' || object('a%2'))$$, '!HV000.*not encoded'),
('listing: token', $$listing('<NextContinuationToken>t/+=</NextContinuationToken>' || object('a') || '<IsTruncated>true</IsTruncated>')$$,
 'a|-|5|2024-01-31 17:50:30+00;t/+='),
('listing: no token', $$listing('<IsTruncated>true</IsTruncated>')$$, '!HV000.*without a token'),
('listing: token of the last page', $$listing('<IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken>')$$, 'end'),
('listing: unknown elements', $$listing('<New><Key>z</Key></New>' || object('a', '<Size>5</Size><Owner><ID>Size</ID><Key>q</Key></Owner>'))$$,
 'a|-|5|2024-01-31 17:50:30+00;end'),
('listing: common prefixes', $$listing('<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>')$$, 'end'),
('listing: descending', $$listing(object('b') || object('a'))$$, '!HV000.*ascend'),
('listing: twice', $$listing(object('b') || object('b'))$$, '!HV000.*ascend'),
('listing: a page again', $$listing(object('b'), 'b')$$, '!HV000.*page comes twice'),
('listing: bytes, not letters', $$listing(object('Z') || object('a') || object('é'))$$,
 'Z|-|5|2024-01-31 17:50:30+00;a|-|5|2024-01-31 17:50:30+00;é|-|5|2024-01-31 17:50:30+00;end'),
('listing: directory bucket', $$listing(object('b') || object('a'), NULL, false)$$,
 'b|-|5|2024-01-31 17:50:30+00;a|-|5|2024-01-31 17:50:30+00;end'),
('listing: no size', $$listing(object('a', ''))$$, '!HV000.*no size'),
('listing: bad size', $$listing(object('a', '<Size>-5</Size>'))$$, '!HV000.*no number'),
('listing: huge size', $$listing(object('a', '<Size>99999999999999999999</Size>'))$$, '!HV000.*no number'),
('listing: bad time', $$listing('<Contents><Key>a</Key><Size>5</Size><LastModified>now</LastModified></Contents>')$$, '!HV000.*no time'),
('listing: no time', $$listing('<Contents><Key>a</Key><Size>5</Size></Contents>')$$, '!HV000.*no LastModified'),
('listing: no key', $$listing(object(''))$$, '!HV000.*no key'),
('listing: line break in the ETag', $$listing(object('a', '<Size>5</Size><ETag>x&#13;&#10;Evil: y</ETag>'))$$, '!HV000.*control'),
('listing: cut off', $$unit_listing('<ListBucketResult>' || object('a'), true, NULL)$$, '!HV000.*ends too early'),
('listing: HTML', $$unit_listing('<!DOCTYPE html><html><body>Sign in</body></html>', true, NULL)$$, '!HV000.*web page: "Sign in"'),
('listing: empty answer', $$unit_listing('', true, NULL)$$, '!HV000'),
('listing: an error with status 200', $$unit_listing('<Error><Code>InternalError</Code><Message>m</Message></Error>', true, NULL)$$, '!HV000.*InternalError');

--
-- Error bodies
--
INSERT INTO cases (name, call, expected) VALUES
('error: S3', $$unit_error_body(403, '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>1</RequestId></Error>')$$,
 'AccessDenied|Access Denied|error|final'),
('error: STS', $$unit_error_body(400, '<ErrorResponse xmlns="x"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate</Message></Error></ErrorResponse>')$$,
 'Throttling|Rate|error|slow'),
('error: JSON', $$unit_error_body(400, convert_to('{"__type":"com.amazonaws.kinesis#ResourceNotFoundException","message":"Stream \"s\" not found"}', 'UTF8'))$$,
 'ResourceNotFoundException|Stream \"s\" not found|error|final'),
('error: slow down', $$unit_error_body(503, '<Error><Code>SlowDown</Code><Message>Reduce</Message></Error>')$$, 'SlowDown|Reduce|error|slow'),
('error: internal', $$unit_error_body(500, '<Error><Code>InternalError</Code></Error>')$$, 'InternalError||error|retry'),
('error: request timeout', $$unit_error_body(400, '<Error><Code>RequestTimeout</Code></Error>')$$, 'RequestTimeout||error|retry'),
('error: not implemented', $$unit_error_body(501, '')$$, '||error|final'),
('error: no body', $$unit_error_body(502, '')$$, '||error|retry'),
('error: HTML', $$unit_error_body(502, '<html><head><title>Bad</title></head><body>Gateway</body></html>')$$, '|Bad Gateway|html|retry'),
('error: garbage', $$unit_error_body(403, convert_to(E'\x1b[31mred\x07 \n\n text', 'UTF8'))$$, '|[31mred text|garbage|final'),
('error: half of it', $$unit_error_body(403, '<Error><Code>AccessDenied</Code><Mess')$$, 'AccessDenied||error|final'),
('error: the string to sign stays out', $$unit_error_body(403, '<Error><Code>SignatureDoesNotMatch</Code><Message>m</Message><StringToSign>AWS4</StringToSign><SignatureProvided>abc</SignatureProvided></Error>')$$,
 'SignatureDoesNotMatch|m|error|final'),
('error: echoed secrets', $$unit_error_body(403, '<Error><Code>X</Code><Message>AKIDTEST secretkeytest123 tokentokentoken Signature=abc</Message></Error>')$$,
 'X|******** **************** ***************|error|final'),
('error: long', $$length(unit_error_body(403, ('<Error><Code>X</Code><Message>' || repeat('long ', 1000) || '</Message></Error>')::bytea)) < 450$$, 'true');

INSERT INTO cases (name, call, expected) VALUES
('error: CBOR', $$unit_error_body(400, '\xbf'::bytea || '\x66' || '__type'::bytea || '\x71' || 'a.b#SomeException'::bytea || '\x61' || 'x'::bytea || '\x820102' ||
    '\x67' || 'message'::bytea || '\x65' || 'so it'::bytea || '\xff')$$, 'SomeException|so it|error|final'),
('error: half of it, in CBOR', $$unit_error_body(503, '\xa2'::bytea || '\x66' || '__type'::bytea || '\x78ff' || 'SlowDown'::bytea)$$, '|?f__typex?SlowDown|garbage|slow');

--
-- CBOR: RFC 8949, appendix A
--
INSERT INTO cases (name, call, expected)
SELECT 'CBOR: number ' || bytes, format('unit_cbor_number(%L)', '\x' || bytes), number
FROM (VALUES ('00', '0'), ('17', '23'), ('1818', '24'), ('1903e8', '1000'), ('1a000f4240', '1000000'), ('1b000000e8d4a51000', '1000000000000'),
    ('1bffffffffffffffff', '1.8446744073709552e+19'), ('20', '-1'), ('3903e7', '-1000'), ('f90001', '5.960464477539063e-08'), ('f93c00', '1'), ('f97bff', '65504'),
    ('f9c400', '-4'), ('f97e00', 'NaN'), ('fa47c35000', '100000'), ('fb3ff199999999999a', '1.1'), ('fbc010666666666666', '-4.1'), ('c11a514b67b0', '1363896240'),
    ('c1fb41d452d9ec200000', '1363896240.5'), ('c1c100', '0'), ('f4', 'NULL'), ('f6', 'NULL'), ('6130', 'NULL'), ('1903', 'NULL'), ('', 'NULL'), ('c1', 'NULL'), ('1c', 'NULL'))
    AS v (bytes, number);
INSERT INTO cases (name, call, expected)
SELECT 'CBOR: length of ' || bytes, format('unit_cbor_skip(%L)', '\x' || bytes), length
FROM (VALUES ('f6', '1'), ('f8ff00', '2'), ('d74401020304', '6'), ('826161a161626163', '8'), ('9f018202039f0405ffff', '10'), ('bf61610161629f0203ffff00', '11'),
    ('5f42010243030405ff', '9'), ('80', '1'), ('a0', '1'), ('9f', 'NULL'), ('8201', 'NULL'), ('a101', 'NULL'), ('ff', 'NULL'), ('5f', 'NULL'), ('1f', 'NULL'), ('430102', 'NULL'),
    ('9bffffffffffffffff', 'NULL'), ('bbffffffffffffffff', 'NULL'), ('7bffffffffffffffff61', 'NULL'), (repeat('81', 60) || '00', '61'), (repeat('81', 70) || '00', 'NULL'))
    AS v (bytes, length);
INSERT INTO cases (name, call, expected) VALUES
('CBOR: string', $$unit_cbor_string('\x6449455446')$$, 'IETF'),
('CBOR: string in pieces', $$unit_cbor_string('\x7f657374726561646d696e67ff')$$, 'streaming'),
('CBOR: string in no pieces', $$unit_cbor_string('\x5fff')$$, ''),
('CBOR: string without its end', $$unit_cbor_string('\x7f6573747265616d')$$, 'NULL'),
('CBOR: string with a number in it', $$unit_cbor_string('\x7f617300ff')$$, 'NULL'),
('CBOR: no string', $$unit_cbor_string('\x80')$$, 'NULL');

--
-- Work after an error that fails itself
--
INSERT INTO cases (name, call, expected) VALUES
('aftermath: as many interrupts are held as before', $$unit_aftermath('failed')$$, '0');

SELECT '1..' || count(*) FROM cases;
SELECT CASE WHEN good THEN 'ok ' || n || ' - ' || name
       ELSE 'not ok ' || n || ' - ' || name || E'\n#      got: ' || got || E'\n# expected: ' || expected END
FROM (SELECT *, CASE WHEN expected LIKE '!%' THEN got ~ ('^!' || substr(expected, 2)) ELSE got = expected END AS good
      FROM (SELECT *, outcome(call) AS got FROM cases OFFSET 0) c) r ORDER BY n;
DROP SCHEMA pinterest_unit CASCADE;
