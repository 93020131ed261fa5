"""One file: beside other engines, by two processes, and writing one."""
import os
import shutil
import statistics
import subprocess

import duckdb

from harness import (COLUMNS, FOLDER, PEERS_ONLY, PINS, THREE, Session, definitions, duckdb_engine, figures,
                     foreign_table, interleave, make_pins, pg_engine, progress, ratio, say, verdict, with_setting)


def load_heap(session, path):
    session.run("create table pins_heap (%s)" % definitions(COLUMNS))
    session.run("create type pins_3 as (%s)" % definitions(THREE))
    session.run("create extension file_fdw")
    session.run("create server files foreign data wrapper file_fdw")
    # no byte of JSON text can be the quote or the delimiter: each line is one value
    session.run("create foreign table pins_lines (line text) server files options"
                " (filename '%s', format 'csv', quote e'\\x01', delimiter e'\\x02')" % path)
    session.run("insert into pins_heap select r.* from pins_lines,"
                " json_populate_record(null::pins_heap, line::json) r")
    session.run("vacuum (freeze, analyze) pins_heap")
    session.run("checkpoint")


def scan_part():
    path = make_pins(PINS)
    session = Session()
    progress("loading the heap table")
    load_heap(session, path)
    if not PEERS_ONLY:
        session.run("create server bench_files foreign data wrapper s3_json")
        foreign_table(session, "pins_json", "bench_files", "file://" + path)
    duck = duckdb.connect()
    duck.execute("set threads = 1")

    say("### One file of %d lines, %.0f MB, one process\n" % (PINS, os.path.getsize(path) / 1e6))
    for columns, heap_bar in ((THREE, 1.8), (COLUMNS, 1.4)):
        progress("scan, %d columns" % len(columns))
        record = "pins_3" if columns is THREE else "pins_heap"
        engines = {}
        if not PEERS_ONLY:
            engines["s3_json"] = pg_engine(session, columns, "pins_json")
        engines["heap table"] = pg_engine(session, columns, "pins_heap")
        engines["DuckDB read_json, 1 thread"] = duckdb_engine(duck, columns, path)
        engines["file_fdw + json_populate_record"] = pg_engine(
            session, columns, "pins_lines, json_populate_record(null::%s, line::json)" % record)
        scan_table(columns, interleave(engines), heap_bar)
    session.close()
    say("The scanner alone, the file in memory:\n")
    for columns in ([], THREE, COLUMNS):
        output = subprocess.run([FOLDER + "/tools/scanner", path] + [name for name, _ in columns],
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        say("* " + output.strip())
    say("")


def scan_table(columns, times, heap_bar):
    say("| %d columns | seconds | min..max | million rows/s | s3_json takes | bar |" % len(columns))
    say("|---|---|---|---|---|---|")
    bars = {"heap table": heap_bar, "DuckDB read_json, 1 thread": 1.0, "file_fdw + json_populate_record": 0.1}
    for name, seconds in times.items():
        value = ratio(times, "s3_json", name)
        say("| %s | %s | %.2f | %s | %s |" % (
            name, figures(seconds), PINS / statistics.median(seconds) / 1e6,
            "%.2f ×" % value if value is not None and name in bars else "",
            "≤ %g ×: %s" % (bars[name], verdict(value, bars[name])) if name in bars else ""))
    say("")


# ---------------------------------------------------------------- two processes

def parallel_part():
    if PEERS_ONLY:
        return
    path = make_pins(PINS)
    session = Session()
    session.run("create server parallel_files foreign data wrapper s3_json")
    foreign_table(session, "pins_parallel", "parallel_files", "file://" + path,
                  "format 'lines', estimated_rows '%d'" % PINS)
    say("### The same lines, two processes (one worker beside the leader)\n")
    say("| columns | 1 process, seconds | min..max | 2 processes, seconds | min..max | faster | bar |")
    say("|---|---|---|---|---|---|---|")
    for columns in (THREE, COLUMNS):
        progress("parallel, %d columns" % len(columns))
        query = pg_engine(session, columns, "pins_parallel")
        times = interleave({
            "1": with_setting(session, "max_parallel_workers_per_gather = 0", query),
            "2": with_setting(session, "max_parallel_workers_per_gather = 1", query)})
        gain = ratio(times, "1", "2")
        say("| %d | %s | %s | %.2f × | ≥ 1.7 ×: %s |" % (
            len(columns), figures(times["1"]), figures(times["2"]), gain, "met" if gain >= 1.7 else "MISSED"))
    say("")
    session.close()


# ---------------------------------------------------------------- writing

def write_part():
    """Rows of a table that is in memory, as one record each"""
    if PEERS_ONLY:
        return
    session = Session()
    folder = FOLDER + "/written"
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    session.run("create server write_files foreign data wrapper s3_json")
    session.run("create unlogged table rows_to_write as select i as ind, md5(i::text) as id, 'title ' || i as title,"
                " 'some longer description text for row ' || i as description, i * 7 as follower_count,"
                " timestamptz '2022-10-18 12:00' + i * interval '1 second' as posted, i %% 10 = 0 as b,"
                " i / 3.0::float8 as f from generate_series(1, %d) i" % PINS)
    session.run("create foreign table written (ind int, id text, title text, description text, follower_count int,"
                " posted timestamptz, b bool, f float8) server write_files options (location 'file://%s/')" % folder)
    progress("write")

    def insert():
        for name in os.listdir(folder):
            os.unlink(folder + "/" + name)
        return session.run("insert into written select * from rows_to_write")[0], None

    def copy():
        return session.run("copy (select row_to_json(r) from rows_to_write r) to '%s/copied'" % folder)[0], None

    times = interleave({"s3_json": insert, "copy": copy})
    size = os.path.getsize(folder + "/copied")
    value = ratio(times, "s3_json", "copy")
    say("### Writing %d rows of eight columns, %.0f MB of JSON, into a local folder\n" % (PINS, size / 1e6))
    say("| what | seconds | min..max | s3_json takes | bar |")
    say("|---|---|---|---|---|")
    say("| INSERT INTO written SELECT …, made durable | %s | | |" % figures(times["s3_json"]))
    say("| COPY (SELECT row_to_json(r) …) TO a file, not made durable | %s | %.2f × | ≤ 1 ×: %s |" % (
        figures(times["copy"]), value, verdict(value, 1)))
    say("")
    shutil.rmtree(folder, ignore_errors=True)
    session.close()
