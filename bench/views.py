"""The ten views of a pipeline, as DuckDB and Spark are asked for them.

The same definitions as in the manual of the pipeline: one row for each ind, the
latest; "most popular" settles equals by the alphabet; people count once, with
the followers of their latest post that has any.
"""

SCHEMAS = {
    "pin": ["index INTEGER", "idx INTEGER", "unique_id VARCHAR", "title VARCHAR", "description VARCHAR",
            "poster_name VARCHAR", "follower_count VARCHAR", "tag_list VARCHAR", "is_image_or_video VARCHAR",
            "image_src VARCHAR", "downloaded INTEGER", "save_location VARCHAR", "category VARCHAR"],
    "geo": ["ind INTEGER", "timestamp VARCHAR", "latitude DOUBLE", "longitude DOUBLE", "country VARCHAR"],
    "user": ["ind INTEGER", "first_name VARCHAR", "last_name VARCHAR", "age INTEGER", "date_joined VARCHAR"],
}

MISSING = """'No Title Data Available', 'No description available Story format', 'No description available',
    'User Info Error', 'N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e', 'Image src error.'"""

# view -> query, in words that both engines know.  The views read pin, geo and
# users; top() and latest() below write what DISTINCT ON does
AGE_GROUP = """CASE WHEN age < 18 THEN NULL WHEN age <= 24 THEN '18-24' WHEN age <= 35 THEN '25-35'
    WHEN age <= 50 THEN '36-50' WHEN age > 50 THEN '+50' END"""


def latest(columns, keys, order, source):
    """One row for each value of the keys: the first by the order"""
    return "SELECT %s FROM (SELECT *, row_number() OVER (PARTITION BY %s ORDER BY %s) AS place FROM (%s) AS s) AS t" \
        " WHERE place = 1" % (columns, keys, order, source)


BY_COUNTRY = """SELECT country, category, count(*) AS category_count FROM pin JOIN geo USING (ind)
    WHERE country IS NOT NULL AND category IS NOT NULL GROUP BY country, category"""
BY_YEAR = """SELECT post_year, category, count(*) AS category_count
    FROM (SELECT CAST(extract(year FROM posted) AS INTEGER) AS post_year, category
        FROM pin JOIN geo USING (ind) WHERE category IS NOT NULL) AS post
    WHERE post_year BETWEEN 2018 AND 2022 GROUP BY post_year, category"""
BY_AGE = """SELECT %s AS age_group, category, count(*) AS category_count FROM pin JOIN users USING (ind)
    WHERE %s IS NOT NULL AND category IS NOT NULL GROUP BY 1, category""" % (AGE_GROUP, AGE_GROUP)
FOLLOWED = latest("country, poster_name, follower_count", "country", "follower_count DESC, poster_name", """
    SELECT country, poster_name, follower_count FROM pin JOIN geo USING (ind)
    WHERE country IS NOT NULL AND poster_name IS NOT NULL AND follower_count IS NOT NULL""")
PEOPLE = latest("user_name, age, date_joined, follower_count", "user_name, age, date_joined",
                "posted DESC NULLS LAST, ind DESC", """
    SELECT ind, user_name, age, date_joined, posted, follower_count
    FROM users JOIN pin USING (ind) JOIN geo USING (ind) WHERE follower_count IS NOT NULL""")
YEAR_JOINED = "CAST(extract(year FROM date_joined) AS INTEGER)"
MEDIAN = "percentile_cont(0.5) WITHIN GROUP (ORDER BY follower_count)"

QUERIES = {
    "most_popular_category_by_country": latest(
        "country, category, category_count", "country", "category_count DESC, category", BY_COUNTRY),
    "posts_per_category_by_year": BY_YEAR,
    "most_popular_category_by_year": latest(
        "post_year, category, category_count", "post_year", "category_count DESC, category", BY_YEAR),
    "most_followed_user_by_country": FOLLOWED,
    "country_with_most_followed_user":
        "SELECT country, follower_count FROM (%s) AS f ORDER BY follower_count DESC, country LIMIT 1" % FOLLOWED,
    "most_popular_category_by_age_group": latest(
        "age_group, category, category_count", "age_group", "category_count DESC, category", BY_AGE),
    "median_followers_by_age_group":
        "SELECT %s AS age_group, %s AS median_follower_count FROM (%s) AS people WHERE %s IS NOT NULL GROUP BY 1"
        % (AGE_GROUP, MEDIAN, PEOPLE, AGE_GROUP),
    "users_joined_by_year":
        "SELECT %s AS post_year, count(*) AS number_users_joined"
        " FROM (SELECT DISTINCT user_name, age, date_joined FROM users) AS people"
        " WHERE %s BETWEEN 2015 AND 2020 GROUP BY 1" % (YEAR_JOINED, YEAR_JOINED),
    "median_followers_by_join_year":
        "SELECT %s AS post_year, %s AS median_follower_count FROM (%s) AS people"
        " WHERE %s BETWEEN 2015 AND 2020 GROUP BY 1" % (YEAR_JOINED, MEDIAN, PEOPLE, YEAR_JOINED),
    "median_followers_by_join_year_and_age_group":
        "SELECT %s AS age_group, %s AS post_year, %s AS median_follower_count FROM (%s) AS people"
        " WHERE %s IS NOT NULL AND %s BETWEEN 2015 AND 2020 GROUP BY 1, 2"
        % (AGE_GROUP, YEAR_JOINED, MEDIAN, PEOPLE, AGE_GROUP, YEAR_JOINED),
}



def missing(column):
    return "CASE WHEN trim(%s) = '' OR %s IN (%s) THEN NULL ELSE %s END" % (column, column, MISSING, column)


def followers(regex, number):
    """'124k' and the like"""
    unit = "CASE lower(right(trim(follower_count), 1)) WHEN 'k' THEN 1000 WHEN 'm' THEN 1000000" \
        " WHEN 'b' THEN 1000000000 ELSE 1 END"
    return "CASE WHEN %s THEN CAST(CAST(%s AS DECIMAL(18, 6)) * %s AS BIGINT) END" % (
        regex % ("trim(follower_count)", "'^[0-9]+([.][0-9]+)?[kKmMbB]?$'"), number, unit)


def cleaned(source, file_name, regex, number):
    """view -> query.  What engines spell differently: what to read, the file of a record,
    a match with a regular expression, and a follower count without its unit"""
    pin = ", ".join("%s AS %s" % (missing(name), name) for name in (
        "title", "description", "poster_name", "tag_list", "is_image_or_video", "image_src", "category"))
    count = followers(regex, number)
    place = missing("regexp_replace(save_location, '^Local save in ', '')")
    order = "file DESC"
    read = "SELECT *, %s AS file FROM %s" % (file_name, "%s")
    return {
        "pin": latest("ind, unique_id, %s, %s AS follower_count, %s AS save_location" % (pin, count, place),
                      "ind", order, "SELECT *, coalesce(index, idx) AS ind FROM (%s) AS r"
                      " WHERE coalesce(index, idx) IS NOT NULL" % (read % source("pin"))),
        "geo": latest("ind, %s AS country, latitude, longitude, CAST(timestamp AS TIMESTAMP) AS posted"
                      % missing("country"), "ind", order,
                      "SELECT * FROM (%s) AS r WHERE ind IS NOT NULL AND (timestamp IS NOT NULL OR latitude IS NOT NULL"
                      " OR longitude IS NOT NULL OR country IS NOT NULL)" % (read % source("geo"))),
        "users": latest("ind, %s || ' ' || %s AS user_name, age, CAST(date_joined AS TIMESTAMP) AS date_joined"
                        % (missing("first_name"), missing("last_name")), "ind", order,
                        "SELECT * FROM (%s) AS r WHERE ind IS NOT NULL AND (first_name IS NOT NULL"
                        " OR last_name IS NOT NULL OR age IS NOT NULL OR date_joined IS NOT NULL)" % (read % source("user"))),
    }


def duckdb_views(folder, topic):
    """Statements that make the three cleaned views, straight over read_json"""
    def source(kind):
        return "read_json('%s/topics/%s.%s/partition=*/*.json', format = 'newline_delimited', filename = true," \
            " hive_partitioning = false, columns = {%s})" % (
                folder, topic, kind, ", ".join("'%s': '%s'" % tuple(column.split()) for column in SCHEMAS[kind]))
    views = cleaned(source, "filename", "regexp_matches(%s, %s)", "rtrim(trim(follower_count), 'kKmMbB')")
    return ["CREATE VIEW %s AS %s" % view for view in views.items()]


def spark_views(spark, folder, topic):
    """Makes the same views in a Spark session, each topic read once and kept"""
    for kind, columns in SCHEMAS.items():
        schema = ", ".join(columns).replace("VARCHAR", "STRING")
        spark.read.schema(schema).json("%s/topics/%s.%s/partition=*" % (folder, topic, kind)) \
            .selectExpr("*", "input_file_name() AS file_read").cache().createOrReplaceTempView(kind + "_source")
    views = cleaned(lambda kind: kind + "_source", "file_read", "%s RLIKE %s",
                    "rtrim('kKmMbB', trim(follower_count))")
    for name, query in views.items():
        spark.sql(query).createOrReplaceTempView(name)

