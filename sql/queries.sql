-- The ten query views over a folder of records: groups, ties, people counted
-- once, true medians, and what counts in no group.

\set folder `echo "${PG_ABS_BUILDDIR:-$PWD}/results/queries"`
\setenv FOLDER :folder
\! for kind in pin geo user; do mkdir -p "$FOLDER/topics/u1.$kind/partition=0"; done
\set pins :folder '/topics/u1.pin/partition=0/u1.pin+0+0000000000.json'
\set geos :folder '/topics/u1.geo/partition=0/u1.geo+0+0000000000.json'
\set users :folder '/topics/u1.user/partition=0/u1.user+0+0000000000.json'
\set location 'file://' :folder

CREATE TEMP TABLE post (ind integer, country text, posted text, category text, poster text, followers text,
    first_name text, age integer, joined text);
COPY post FROM STDIN (DELIMITER '|');
1|Albania|2018-01-01 00:00:00|art|alma|10k|Ann|20|2015-11-01 00:00:00
2|Albania|2018-12-31T23:59:59|Beauty|Zed|10k|Bob|24|2015-11-02 00:00:00
3|Chad|2022:12:31 23:59:59|art|Cy|1M|Cy|25|2016-01-01 00:00:00
4|Chad|12/31/2017, 23:59:59|travel|Cy|2M|Cy|25|2016-01-01 00:00:00
5|Chad|2023-01-01 00:00:00|travel|Di|User Info Error|Di|36|2017-03-03 00:00:00
6| |2019-01-01 00:00:00|art|Ed|9M|Ed|17|2020-12-31 23:59:59
7|Fiji|not a time|art|Fay|500|Fay|51|2014-12-31 23:59:59
8|Fiji|2019-05-05 00:00:00|\N|Gus|600|Gus|52|2021-01-01 00:00:00
9|Guam|2020-01-01 00:00:00|art|Hal|1k|Hal|20|2016-05-05 00:00:00
10|Guam|2020-06-01 00:00:00|art|Hal|User Info Error|Hal|20|2016-05-05 00:00:00
11|Guam|2021-01-01 00:00:00|travel|Ida|3k|Ida|20|2016-06-06 00:00:00
12|Guam|2021-01-01 00:00:00|travel|Ida|4k|Ida|20|2016-06-06 00:00:00
13|Guam|2021-02-02 00:00:00|quotes|User Info Error|7|Ida|40|2016-06-06 00:00:00
14|\N|\N|travel|Jo|50M|\N|\N|\N
15|\N|\N|\N|\N|\N|Zoe|30|2015-12-12 00:00:00
16|Iran|never|art|Kay|99M|Kay|45|2017-07-07 00:00:00
17|Iran|2018-01-01 00:00:00|art|Kay|8k|Kay|45|2017-07-07 00:00:00
\.

-- post 14 has neither geo nor user record, user record 15 neither pin nor geo
\pset format unaligned
\pset tuples_only on
SELECT json_build_object('index', ind, 'category', category, 'poster_name', poster, 'follower_count', followers)
FROM post WHERE ind <> 15 ORDER BY ind \g :pins
SELECT json_build_object('ind', ind, 'timestamp', posted, 'latitude', 1.5, 'longitude', -2, 'country', country)
FROM post WHERE ind NOT IN (14, 15) ORDER BY ind \g :geos
SELECT json_build_object('ind', ind, 'first_name', first_name, 'last_name', 'Ash', 'age', age, 'date_joined', joined)
FROM post WHERE ind <> 14 ORDER BY ind \g :users
\pset format aligned
\pset tuples_only off
\! chmod -R a+rX "$FOLDER"
DROP TABLE post;

CREATE SERVER queries_lake FOREIGN DATA WRAPPER s3_json;
SELECT pinterest.create_pipeline('queries', server => 'queries_lake', user_id => 'u1', location => :'location');
SET search_path = queries;

-- equals go by the alphabet of "C": Beauty before art, Zed before alma; a post
-- without country or category is in no such group
SELECT * FROM most_popular_category_by_country ORDER BY country COLLATE "C";
SELECT * FROM most_followed_user_by_country ORDER BY country COLLATE "C";
SELECT * FROM country_with_most_followed_user;

-- 2018 to 2022, to the second
SELECT * FROM posts_per_category_by_year ORDER BY post_year, category COLLATE "C";
SELECT * FROM most_popular_category_by_year ORDER BY post_year;

-- posts by age group; nobody below 18
SELECT * FROM most_popular_category_by_age_group ORDER BY age_group COLLATE "C";

-- people, each with their latest post that has a count: Cy 1M, Hal 1k, Ida of
-- 20 years 4k, Kay 8k; Di and Zoe have none, and count as joined only
SELECT * FROM users_joined_by_year ORDER BY post_year;
SELECT * FROM median_followers_by_age_group ORDER BY age_group COLLATE "C";
SELECT * FROM median_followers_by_join_year ORDER BY post_year;
SELECT * FROM median_followers_by_join_year_and_age_group ORDER BY age_group COLLATE "C", post_year;

-- column types
SELECT attrelid::regclass AS view, string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'queries'::regnamespace AND relkind = 'v' AND attnum > 0
GROUP BY attrelid ORDER BY attrelid::regclass::text COLLATE "C";

-- the same questions to an empty folder have no answer, and no error (the
-- notices that say so name the folder)
\! for kind in pin geo user; do mkdir -p "$FOLDER/topics/u2.$kind/partition=0"; done; chmod -R a+rX "$FOLDER"
SELECT pinterest.create_pipeline('queries_empty', server => 'queries_lake', user_id => 'u2', location => :'location');
SET client_min_messages = warning;
SELECT (SELECT count(*) FROM queries_empty.most_popular_category_by_country)
    + (SELECT count(*) FROM queries_empty.country_with_most_followed_user)
    + (SELECT count(*) FROM queries_empty.users_joined_by_year)
    + (SELECT count(*) FROM queries_empty.median_followers_by_join_year_and_age_group) AS answers;

RESET client_min_messages;
RESET search_path;
SELECT pinterest.drop_pipeline('queries'), pinterest.drop_pipeline('queries_empty');
DROP SERVER queries_lake;
\! rm -rf "$FOLDER"
