"""The ten views of a pipeline over a local folder, each reading its sources afresh."""
import os
import subprocess
import time

import duckdb

import views
from harness import (BIN, FOLDER, OBJECTS, PEERS_ONLY, ROUNDS, TOP, Session, figures, interleave, progress, ratio, say,
                     verdict)

TOPIC = "bench"


def make_lake(session):
    """The folder of an S3 sink: three topics, one object a record"""
    lake = FOLDER + "/lake"
    session.run("select pinterest.generate_posts(%d, 1)" % OBJECTS)
    for kind, table, key in (("pin", "pinterest_data", "index"), ("geo", "geolocation_data", "ind"),
                             ("user", "user_data", "ind")):
        lines = subprocess.Popen(
            [BIN + "/psql", "-XqAt", "-h", FOLDER, "-p", "5432", "postgres", "-c",
             "copy (select row_to_json(t) from %s t order by t.%s)"
             " to stdout (format csv, quote e'\\x01', delimiter e'\\x02')" % (table, key)], stdout=subprocess.PIPE)
        subprocess.run([TOP + "/scripts/sink-folder", lake, "%s.%s" % (TOPIC, kind)], stdin=lines.stdout, check=True)
        lines.wait()
    return lake


def plain(value):
    """The same for all engines: numbers without their type"""
    try:
        return "%.10g" % float(value)
    except ValueError:
        return value


def answers(rows):
    """Rows, in no order"""
    return "\n".join(sorted("|".join(plain(str(value)) for value in row) for row in rows))


def s3_json_views(session, lake):
    session.run("create server lake foreign data wrapper s3_json")
    session.run("select pinterest.create_pipeline('live', 'lake', '%s', location => 'file://%s')" % (TOPIC, lake))
    session.run("set max_parallel_workers_per_gather = 2")

    def run():
        took = [session.run("select * from live." + view) for view in views.QUERIES]
        return sum(seconds for seconds, _ in took), [answers(line.split("|") for line in lines) for _, lines in took]
    return run


def duckdb_views(lake):
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    for statement in views.duckdb_views(lake, TOPIC):
        connection.execute(statement)

    def run():
        start = time.perf_counter()
        results = [connection.execute(query).fetchall() for query in views.QUERIES.values()]
        return time.perf_counter() - start, [answers(rows) for rows in results]
    return run


def spark_views(lake):
    """It reads each topic once, and keeps it"""
    from pyspark.sql import SparkSession
    spark = SparkSession.builder.master("local[2]").appName("bench").config("spark.ui.enabled", "false") \
        .config("spark.ui.showConsoleProgress", "false") \
        .config("spark.driver.memory", "4g").config("spark.sql.shuffle.partitions", "2").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")

    def run():
        start = time.perf_counter()
        spark.catalog.clearCache()
        views.spark_views(spark, lake, TOPIC)
        results = [spark.sql(query).collect() for query in views.QUERIES.values()]
        return time.perf_counter() - start, [answers(rows) for rows in results]
    return run


def views_part():
    if PEERS_ONLY:
        return
    session = Session()
    progress("making the folder of a sink")
    lake = make_lake(session)
    engines = {"s3_json": s3_json_views(session, lake), "DuckDB read_json, 2 threads": duckdb_views(lake)}
    if os.environ.get("BENCH_SPARK"):
        engines["Spark local[2]"] = spark_views(lake)
    progress("views")
    times = interleave(engines, min(ROUNDS, 3))
    say("### The ten views over 3 × %d files of one record\n" % OBJECTS)
    say("| engine | seconds | min..max | s3_json takes | bar |")
    say("|---|---|---|---|---|")
    bars = {"DuckDB read_json, 2 threads": 0.5, "Spark local[2]": 0.2}
    for name, seconds in times.items():
        value = ratio(times, "s3_json", name)
        say("| %s | %s | %s | %s |" % (
            name, figures(seconds), "%.2f ×" % value if name in bars else "",
            "≤ %g ×: %s" % (bars[name], verdict(value, bars[name])) if name in bars else ""))
    say("")
    session.close()
