-- The cleaning functions: every spelling the records use gives its value, and
-- everything else NULL; no text raises an error.

-- parse_follower_count: units, in any case, blanks around
SELECT t, pinterest.parse_follower_count(t) AS count
FROM unnest(ARRAY['831', '0', '124k', '124K', '1M', '15m', '1.2M', '3B', '2.5b', '1.250k', ' 7k ', E'\t42\r\n',
    '007', '1.0', '1.000000000000000000000000k', '9223372036854775807', '9223372036854775k',
    '9223372036.854775807B']) WITH ORDINALITY AS x(t, n)
ORDER BY n;

-- not a count: words, no digits, half a follower, signs, overflow
SELECT t, pinterest.parse_follower_count(t) IS NULL AS refused
FROM unnest(ARRAY['User Info Error', '', ' ', 'k', 'M', '.', '.5k', '5.', '5.k', '1.2', '1.2345k', '-5', '+5', '-1k',
    '1 k', '1 000', '1,000', '1kk', '1e3', '0x10', '12T', 'NaN', '9223372036854775808', '9223372036854776k',
    '9223372036.854775808B', '99999999999999999999999999M', '1.2.3k', 'k1']) WITH ORDINALITY AS x(t, n)
ORDER BY n;

-- strip_save_location
SELECT t, pinterest.strip_save_location(t) AS location
FROM unnest(ARRAY['Local save in /data/mens-fashion', '/data/art', 'local save in /data/art',
    ' Local save in /data/art', 'Local save in', 'Local save in ', '']) WITH ORDINALITY AS x(t, n)
ORDER BY n;

-- null_if_missing: exactly the texts that mean "missing", and blank ones
SELECT t, pinterest.null_if_missing(t) IS NULL AS missing
FROM unnest(ARRAY['No Title Data Available', 'No description available Story format', 'No description available',
    'User Info Error', 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e', 'Image src error.', '', ' ', E' \t\r\n\f\x0b',
    'no title data available', 'No description available ', 'User Info Errors', 'Untitled', '.', 'null']) WITH ORDINALITY AS x(t, n)
ORDER BY n;

-- other text comes back unchanged, short, long and compressed alike
CREATE TEMP TABLE kept (t text);
INSERT INTO kept SELECT repeat('a b ', n) FROM unnest('{1, 31, 32, 1000, 100000}'::integer[]) AS n;
SELECT length(t), pinterest.null_if_missing(t) = t AS same, pinterest.strip_save_location(t) = t AS same,
    length(pinterest.strip_save_location('Local save in ' || t)) AS stripped
FROM kept ORDER BY 1;
DROP TABLE kept;

-- parse_timestamp: the four spellings, with and without a fraction
SET datestyle = 'ISO, DMY';
SELECT t, pinterest.parse_timestamp(t) AS moment
FROM unnest(ARRAY['2020-08-28 03:52:47', '2020-08-28T03:52:47', '2020:08:28 03:52:47', '08/28/2020, 03:52:47',
    '08/09/2020, 03:52:47', '2020-02-29 23:59:59', '2000-02-29 00:00:00', '0001-01-01 00:00:00',
    '9999-12-31 23:59:59.999999', '2020-08-28 03:52:47.5', '08/28/2020, 03:52:47.000001']) WITH ORDINALITY AS x(t, n)
ORDER BY n;

-- no moment of the calendar, or no spelling of the four
SELECT t, pinterest.parse_timestamp(t) IS NULL AS refused
FROM unnest(ARRAY['2021-02-29 00:00:00', '1900-02-29 00:00:00', '2020-02-30 00:00:00', '2020-04-31 00:00:00',
    '2020-13-01 00:00:00', '2020-00-01 00:00:00', '2020-01-00 00:00:00', '0000-01-01 00:00:00',
    '2020-08-28 24:00:00', '2020-08-28 23:60:00', '2020-08-28 23:59:60', '28/08/2020, 03:52:47',
    '', ' ', 'now', 'infinity', 'today', '2020-08-28', '2020-08-28 03:52', '2020-08-28  03:52:47',
    '2020-8-28 03:52:47', '20-08-28 03:52:47', '2020/08/28 03:52:47', '2020:08:28T03:52:47', '2020-08:28 03:52:47',
    '08/28/2020 03:52:47', '08-28-2020, 03:52:47', '2020-08-28 03:52:47Z', '2020-08-28 03:52:47+00',
    '2020-08-28 03:52:47.', '2020-08-28 03:52:47.1234567', '2020-08-28 03:52:47,5', ' 2020-08-28 03:52:47',
    '2020-08-28 03:52:47 ', '2020-08-28t03:52:47', '-020-08-28 03:52:47', 'User Info Error']) WITH ORDINALITY AS x(t, n)
ORDER BY n;
RESET datestyle;

-- age_group, at its edges
SELECT age, pinterest.age_group(age)
FROM unnest('{-1, 0, 17, 18, 24, 25, 35, 36, 50, 51, 60, 2147483647, -2147483648}'::integer[]) WITH ORDINALITY AS x(age, n)
ORDER BY n;

-- NULL in, NULL out; safe to index and to run in parallel
SELECT pinterest.parse_follower_count(NULL) IS NULL AND pinterest.strip_save_location(NULL) IS NULL
    AND pinterest.null_if_missing(NULL) IS NULL AND pinterest.parse_timestamp(NULL) IS NULL
    AND pinterest.age_group(NULL) IS NULL AS all_null;
SELECT proname, provolatile, proisstrict, proparallel
FROM pg_proc
WHERE pronamespace = 'pinterest'::regnamespace
    AND proname IN ('parse_follower_count', 'strip_save_location', 'null_if_missing', 'parse_timestamp', 'age_group')
ORDER BY proname COLLATE "C";
