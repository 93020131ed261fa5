-- generate_posts: the same seed gives the same posts everywhere, in the shapes
-- and shares of the original data; posters, people and places are one to one.

CREATE SCHEMA posts;
SET search_path = posts;
SELECT pinterest.generate_posts();
SELECT count(*), min(index), max(index), count(DISTINCT unique_id) FROM pinterest_data;
SELECT count(*), min(ind), max(ind) FROM geolocation_data;
SELECT count(*), min(ind), max(ind) FROM user_data;

-- columns in the order of the wire
SELECT attrelid::regclass AS source, string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
FROM pg_attribute
WHERE attrelid IN ('pinterest_data'::regclass, 'geolocation_data'::regclass, 'user_data'::regclass) AND attnum > 0
GROUP BY attrelid ORDER BY attrelid::regclass::text COLLATE "C";

-- the same values on every machine, version, encoding and setting
SELECT sum(('x' || left(md5(concat_ws('|', index, unique_id, follower_count, tag_list, is_image_or_video, image_src,
    downloaded, save_location, category)), 8))::bit(32)::bigint) AS pins FROM pinterest_data;
SELECT sum(('x' || left(md5(row_to_json(g)::text), 8))::bit(32)::bigint) AS geos FROM geolocation_data AS g;
SELECT sum(('x' || left(md5(row_to_json(u)::text), 8))::bit(32)::bigint) AS users FROM user_data AS u;

-- the size of a record, in bytes as UTF-8 where the database has that
SELECT avg(octet_length(row_to_json(p)::text)) BETWEEN 690 AND 730 AS mean_size,
    max(octet_length(row_to_json(p)::text)) < 1000 AS max_size,
    max(length(title)) < 200 AND max(length(description)) <= 180 AND max(length(poster_name)) < 115 AS short
FROM pinterest_data AS p;

-- categories are blocks of the index
SELECT category, count(*), min(index), max(index) FROM pinterest_data GROUP BY category ORDER BY min(index);

-- which sentinels come together
SELECT is_image_or_video AS kind, downloaded,
    title = 'No Title Data Available' AS title,
    description LIKE 'No description available%' AS description,
    poster_name = 'User Info Error' AS poster,
    follower_count = 'User Info Error' AS followers,
    tag_list LIKE 'N,o,%' AS tags,
    image_src = 'Image src error.' AS image,
    count(*)
FROM pinterest_data
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
ORDER BY is_image_or_video COLLATE "C", 2, 3, 4, 5, 6, 7, 8;

-- follower counts
SELECT regexp_replace(follower_count, '\d+', 'N') AS spelling, count(*), max(pinterest.parse_follower_count(follower_count))
FROM pinterest_data GROUP BY 1 ORDER BY 3 NULLS FIRST;

-- people
SELECT count(*) AS posters, count(DISTINCT poster) = count(*) AND count(DISTINCT person) = count(*)
    AND count(DISTINCT place) = count(*) AS one_to_one
FROM (
    SELECT DISTINCT poster_name AS poster, (first_name, last_name, age, date_joined)::text AS person,
        (latitude, longitude, country)::text AS place
    FROM pinterest_data JOIN geolocation_data AS g ON g.ind = index JOIN user_data AS u ON u.ind = index) AS p;
SELECT pinterest.age_group(age) AS age_group, count(*), min(age), max(age)
FROM user_data GROUP BY 1 ORDER BY 3;
SELECT left(date_joined, 4) AS joined, count(*), min(date_joined) >= '2015-10-21' AS from_start, max(date_joined) < '2017-10-21' AS to_end
FROM user_data GROUP BY 1 ORDER BY 1;

-- times and places
SELECT left("timestamp", 4) AS posted, count(*), min("timestamp") >= '2017-10-20' AS from_start,
    max("timestamp") < '2022-10-19' AS to_end
FROM geolocation_data GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE pinterest.parse_timestamp("timestamp") IS NULL) AS no_time,
    count(DISTINCT country) AS countries, count(*) FILTER (WHERE country < 'B' COLLATE "C") AS with_a,
    bool_and(latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180) AS on_earth
FROM geolocation_data;

-- any number of posts, any seed
CREATE SCHEMA other_posts;
SELECT pinterest.generate_posts(100, 1, 'other_posts');
SELECT count(*), count(DISTINCT o.category) AS categories, count(*) FILTER (WHERE o.unique_id = p.unique_id) AS same
FROM other_posts.pinterest_data AS o JOIN pinterest_data AS p USING (index);
DROP TABLE other_posts.pinterest_data, other_posts.geolocation_data, other_posts.user_data;
SET search_path = other_posts;
SELECT pinterest.generate_posts(0);
SELECT count(*) FROM pinterest_data;
DROP TABLE pinterest_data, geolocation_data, user_data;
SELECT pinterest.generate_posts(1, -2147483648);
SELECT count(*) FROM pinterest_data JOIN geolocation_data ON ind = index JOIN user_data USING (ind);

-- refused
\set VERBOSITY terse
SELECT pinterest.generate_posts();
SELECT pinterest.generate_posts(-1);
SELECT pinterest.generate_posts(NULL);
SELECT pinterest.generate_posts(1, NULL);
SELECT pinterest.generate_posts(1, 0, 'no such schema');
SET search_path = '';
SELECT pinterest.generate_posts(1);
RESET search_path;

SET client_min_messages = warning;
DROP SCHEMA posts, other_posts CASCADE;
