"""Many objects of one record in a bucket."""
import glob
import importlib.util
import math
import os
import statistics
import subprocess
import sys
import time

import duckdb

from harness import (CONNECTIONS, DELAY_MS, FOLDER, HERE, OBJECTS, PEERS_ONLY, ROUNDS, SIGNED_HEADERS, THREE, TOP,
                     MemServer, Session, curl_engine, figures, foreign_table, interleave, make_files, pg_engine,
                     progress, ratio, s3_server, say, verdict, with_setting)


CLICKHOUSE = bool(os.environ.get("BENCH_CLICKHOUSE"))


def start_versitygw(folder):
    """A bucket that holds the folder's files"""
    port = subprocess.run(
        [sys.executable, "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"],
        check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    endpoint = subprocess.run([TOP + "/test/servers/start-s3", "versitygw", FOLDER + "/s3", port],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    progress("putting objects into versitygw")
    subprocess.run([sys.executable, TOP + "/test/servers/put_folder.py", endpoint, "bench", folder],
                   check=True, stdout=subprocess.DEVNULL)
    return endpoint


def write_urls(name, endpoint, sign):
    keys = "".join("topics/bench/partition=0/bench+0+%010d.json\n" % i for i in range(OBJECTS))
    path = "%s/urls_%s" % (FOLDER, name)
    with open(path, "w") as out:
        if sign:
            subprocess.run([sys.executable, HERE + "/presign.py", endpoint, "bench"],
                           input=keys, stdout=out, text=True, check=True)
        else:
            out.writelines("%s/bench/%s\n" % (endpoint, key.replace("+", "%2B").replace("=", "%3D"))
                           for key in keys.splitlines())
    return path


def objects_part():
    session = Session()
    notes = []
    memory = MemServer(OBJECTS, 0)
    delayed = MemServer(OBJECTS, DELAY_MS)
    say("### %d objects of one record, over HTTP\n" % OBJECTS)
    say("| server | connections | curl loop, seconds | min..max | s3_json, seconds | min..max | s3_json takes | bar |")
    say("|---|---|---|---|---|---|---|---|")
    for name, label, endpoint in (("gw", "versitygw", start_versitygw(make_files(OBJECTS))), ("mem", "memory", memory.endpoint),
                                  ("delay", "memory, %d ms" % DELAY_MS, delayed.endpoint)):
        urls = write_urls(name, endpoint, name == "gw")
        if not PEERS_ONLY:
            s3_server(session, "bench_" + name, endpoint)
            foreign_table(session, "objects_" + name, "bench_" + name, "s3://bench/topics/bench/")
        for connections in CONNECTIONS:
            progress("objects, %s, %d connections" % (label, connections))
            engines = {"curl": curl_engine(urls, connections)}
            if not PEERS_ONLY:
                query = pg_engine(session, THREE, "objects_" + name)
                engines["s3_json"] = with_setting(
                    session, "pinterest.s3_connections = %d" % connections, query)
            if name == "mem":
                engines["signed"] = curl_engine(urls, connections, SIGNED_HEADERS)
            times = interleave(engines)
            objects_row(label, connections, times)
            if name == "mem":
                notes.append("* %d connections: %s s%s" % (
                    connections, figures(times["signed"]).replace(" | ", " s, "),
                    "; s3_json takes %.2f ×" % ratio(times, "s3_json", "signed") if "s3_json" in times else ""))
    say("\nThe curl loop against the memory server, when its requests carry the headers of a signature:\n")
    say("\n".join(notes) + "\n")
    memory.stop()
    delayed.stop()
    session.close()


def objects_row(label, connections, times):
    value = ratio(times, "s3_json", "curl")
    bar = "≤ 1.25 ×: " + verdict(value, 1.25)
    if label.endswith("ms"):
        ideal = math.ceil(OBJECTS / connections) * DELAY_MS / 1000
        to_ideal = statistics.median(times["s3_json"]) / ideal if "s3_json" in times else None
        bar += "; ≤ 1.25 × %.2f s: %s" % (ideal, verdict(to_ideal, 1.25))
    say("| %s | %d | %s | %s | %s | %s |" % (
        label, connections, figures(times["curl"]),
        figures(times["s3_json"]) if "s3_json" in times else "|",
        "" if value is None else "%.2f ×" % value, bar))


# ---------------------------------------------------------------- at a distance

def duckdb_s3_engine(endpoint, threads):
    """DuckDB with its httpfs, as many requests in flight as threads; it keeps what it has
    fetched as long as a connection lives, so each round has one of its own"""
    secret = "create secret (type s3, provider config, key_id 'AKIDTEST', secret 'secretkeytest123'," \
        " region 'us-east-1', endpoint '%s', url_style 'path', use_ssl false)" % endpoint.replace("http://", "")
    sql = "select %s from read_json('s3://bench/topics/bench/partition=0/*.json'," \
        " format = 'newline_delimited', columns = {%s})" % (
            ", ".join('sum("%s")' % name if kind == "integer" else "sum(strlen(%s))" % name for name, kind in THREE),
            ", ".join("'%s': '%s'" % (name, "INTEGER" if kind == "integer" else "VARCHAR") for name, kind in THREE))

    def run():
        connection = duckdb.connect()
        load_httpfs(connection)
        connection.execute("set threads = %d" % threads)
        connection.execute(secret)
        start = time.perf_counter()
        row = connection.execute(sql).fetchone()
        seconds = time.perf_counter() - start
        connection.close()
        return seconds, [int(value) for value in row]
    return run


def clickhouse_engine(endpoint, threads):
    """ClickHouse in this process; it has as many threads as requests in flight as well"""
    import chdb

    sql = "select %s from s3('%s/bench/topics/bench/partition=0/*.json', 'AKIDTEST', 'secretkeytest123'," \
        " 'JSONEachRow', '%s') settings max_threads = %d, input_format_skip_unknown_fields = 1" % (
            ", ".join("sum(%s)" % name if kind == "integer" else "sum(length(%s))" % name for name, kind in THREE),
            endpoint,
            ", ".join("%s %s" % (name, "Int32" if kind == "integer" else "String") for name, kind in THREE), threads)

    def run():
        start = time.perf_counter()
        row = str(chdb.query(sql))
        return time.perf_counter() - start, [int(value) for value in row.split(",")]
    return run


def load_httpfs(connection):
    folder = os.path.dirname(importlib.util.find_spec("duckdb_extension_httpfs").origin)
    found = glob.glob(folder + "/extensions/*/httpfs.duckdb_extension")
    connection.execute("load '%s'" % found[0])


def distance_part():
    server = MemServer(OBJECTS, DELAY_MS)
    session = Session()
    if not PEERS_ONLY:
        s3_server(session, "bench_distance", server.endpoint)
        foreign_table(session, "objects_distance", "bench_distance", "s3://bench/topics/bench/")
    say("### A folder of %d objects, %d ms a request\n" % (OBJECTS, DELAY_MS))
    say("| requests in flight | s3_json, seconds | min..max | the latency alone | less the first page, that takes | bar"
        " | DuckDB with httpfs, seconds | min..max | s3_json takes | ClickHouse, seconds | min..max | s3_json takes |")
    say("|---|---|---|---|---|---|---|---|---|---|---|---|")
    best = {}
    for connections in (64, 128, 256):
        progress("distance, %d requests in flight" % connections)
        engines = {"DuckDB": duckdb_s3_engine(server.endpoint, connections)}
        if CLICKHOUSE:
            engines["ClickHouse"] = clickhouse_engine(server.endpoint, connections)
        if not PEERS_ONLY:
            engines["s3_json"] = with_setting(session, "pinterest.s3_connections = %d" % connections,
                                              pg_engine(session, THREE, "objects_distance"))
        times = interleave(engines, min(ROUNDS, 3))
        distance_row(connections, times)
        for name, seconds in times.items():
            best[name] = min(best.get(name, math.inf), statistics.median(seconds))
    if "s3_json" in best:
        value = best["DuckDB"] / best["s3_json"]
        say("\nEach at its best setting: s3_json %.2f s, DuckDB %.2f s, %.1f × as long (bar ≥ 5 ×: %s)%s.\n" % (
            best["s3_json"], best["DuckDB"], value, "met" if value >= 5 else "MISSED",
            "; ClickHouse %.2f s, %.1f × as long" % (best["ClickHouse"], best["ClickHouse"] / best["s3_json"])
            if CLICKHOUSE else ""))
    server.stop()
    session.close()


def distance_row(connections, times):
    ideal = math.ceil(OBJECTS / connections) * DELAY_MS / 1000
    value = None if "s3_json" not in times else (statistics.median(times["s3_json"]) - DELAY_MS / 1000) / ideal
    peers = ["%s | %s" % (figures(times[name]) if name in times else "|",
                          "%.2f ×" % ratio(times, "s3_json", name) if ratio(times, "s3_json", name) else "")
             for name in ("DuckDB", "ClickHouse")]
    say("| %d | %s | %.2f | %s | ≤ 1.15 ×: %s | %s |" % (
        connections, figures(times["s3_json"]) if "s3_json" in times else "|", ideal,
        "" if value is None else "%.2f ×" % value, verdict(value, 1.15), " | ".join(peers)))
