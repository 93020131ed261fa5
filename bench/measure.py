#!/usr/bin/env python3
"""The measurements of bench/run, which prepares everything and calls this.

What is compared is run in turn, round after round, so that a slow minute of
the machine hits all alike; figures are medians, with minimum and maximum, and
ratios of medians.  Every engine must find the same sums.
"""
import datetime
import math
import os
import re
import statistics
import subprocess
import sys
import time

import duckdb

FOLDER = os.environ["BENCH_FOLDER"]
TOP = os.environ["BENCH_TOP"]
BIN = os.environ["BENCH_BIN"]
HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
PINS = int(os.environ.get("PINS", "1000000"))
PEERS_ONLY = bool(os.environ.get("PEERS_ONLY"))
OBJECTS = 11000
CONNECTIONS = (16, 64, 128)
DELAY_MS = 20

COLUMNS = [("index", "integer"), ("unique_id", "text"), ("title", "text"), ("description", "text"),
           ("poster_name", "text"), ("follower_count", "text"), ("tag_list", "text"),
           ("is_image_or_video", "text"), ("image_src", "text"), ("downloaded", "integer"),
           ("save_location", "text"), ("category", "text")]
THREE = [c for c in COLUMNS if c[0] in ("index", "follower_count", "category")]
# What a signed GET carries; the memory server does not look at it
SIGNED_HEADERS = ["Authorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20221018/us-east-1/s3/aws4_request,"
                  "SignedHeaders=host;if-match;x-amz-content-sha256;x-amz-date,Signature=" + "0" * 64,
                  "x-amz-content-sha256: " + "0" * 64, "x-amz-date: 20221018T120000Z",
                  'If-Match: "' + "0" * 32 + '"']
S3_KEYS = "access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123'"


def say(text):
    print(text, flush=True)


def progress(text):
    print("bench: " + text, file=sys.stderr, flush=True)


# ---------------------------------------------------------------- engines

class Session:
    """A psql, and so a backend, of its own"""

    def __init__(self):
        self.psql = subprocess.Popen(
            [BIN + "/psql", "-X", "-q", "-A", "-t", "-h", FOLDER, "-p", "5432", "postgres"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.run("set client_min_messages = warning")
        self.run("\\timing on")
        self.pid = self.run("select pg_backend_pid()")[1][0]

    def run(self, sql):
        """Seconds, and the lines of the result"""
        self.psql.stdin.write(sql + ("" if sql.startswith("\\") else ";") + "\n\\echo -- done\n")
        self.psql.stdin.flush()
        lines = []
        seconds = 0.0
        for line in self.psql.stdout:
            line = line.rstrip("\n")
            took = re.match(r"Time: ([0-9.]+) ms", line)
            if line == "-- done":
                return seconds, lines
            if "ERROR:" in line or "FATAL:" in line:
                raise SystemExit("%s\n%s" % (sql, line))
            if took:
                seconds += float(took.group(1)) / 1000
            else:
                lines.append(line)
        raise SystemExit("the server closed the connection in: " + sql)

    def peak_kb(self):
        with open("/proc/%s/status" % self.pid) as status:
            return int(re.search(r"VmHWM:\s*(\d+)", status.read()).group(1))

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def pg_sums(columns):
    return ", ".join("sum(%s)" % name if kind == "integer" else "sum(octet_length(%s))" % name
                     for name, kind in columns)


def definitions(columns):
    return ", ".join("%s %s" % column for column in columns)


def pg_engine(session, columns, source):
    sql = "select %s from %s" % (pg_sums(columns), source)

    def run():
        seconds, lines = session.run(sql)
        return seconds, [int(value) for value in lines[0].split("|")]
    return run


def duckdb_engine(connection, columns, path):
    sums = ", ".join('sum("%s")' % name if kind == "integer" else "sum(strlen(%s))" % name
                     for name, kind in columns)
    schema = ", ".join("'%s': '%s'" % (name, "INTEGER" if kind == "integer" else "VARCHAR")
                       for name, kind in columns)
    sql = "select %s from read_json('%s', format = 'newline_delimited', columns = {%s})" % (sums, path, schema)

    def run():
        start = time.perf_counter()
        row = connection.execute(sql).fetchone()
        return time.perf_counter() - start, [int(value) for value in row]
    return run


def curl_engine(urls, connections, headers=()):
    def run():
        output = subprocess.run([FOLDER + "/tools/curl_loop", urls, str(connections), *headers],
                                check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        return float(output[0]), None
    return run


# ---------------------------------------------------------------- rounds and tables

def interleave(engines, rounds=ROUNDS):
    """name -> seconds of each round, after one that is not counted"""
    times = {name: [] for name in engines}
    results = {}
    for number in range(rounds + 1):
        for name, run in engines.items():
            seconds, result = run()
            if result is not None:
                results[name] = result
            if number > 0:
                times[name].append(seconds)
    if len({tuple(result) for result in results.values()}) > 1:
        raise SystemExit("the engines disagree: %s" % results)
    return times


def figures(times):
    return "%.3f | %.3f..%.3f" % (statistics.median(times), min(times), max(times))


def ratio(times, name, other):
    if name not in times or other not in times:
        return None
    return statistics.median(times[name]) / statistics.median(times[other])


def verdict(value, bar):
    return "not measured" if value is None else "%.2f, %s" % (value, "met" if value <= bar else "MISSED")


def machine():
    with open("/proc/cpuinfo") as info:
        model = re.search(r"model name\s*: (.*)", info.read()).group(1)
    version = subprocess.run([BIN + "/postgres", "--version"], stdout=subprocess.PIPE, text=True).stdout.split()[2]
    commit = subprocess.run(["git", "-C", TOP, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True).stdout.strip() or "unknown"
    say("%s, commit %s. %d × %s, Linux %s. PostgreSQL %s, DuckDB %s. %d rounds.\n" % (
        datetime.date.today(), commit, os.cpu_count(), model, os.uname().release, version,
        duckdb.__version__, ROUNDS))


# ---------------------------------------------------------------- data

def server_may_read(path):
    os.chmod(path, 0o755 if os.path.isdir(path) else 0o644)
    return path


def make_pins(count):
    path = "%s/pins_%d.ndjson" % (FOLDER, count)
    if not os.path.exists(path):
        progress("making %d pins" % count)
        with open(path, "wb") as out:
            subprocess.run([sys.executable, HERE + "/pins.py", str(count)], stdout=out, check=True)
        server_may_read(path)
    return path


def make_files(count):
    """A folder of one-record objects, named as the memory server names them"""
    folder = "%s/objects_%d" % (FOLDER, count)
    below = folder + "/topics/bench/partition=0"
    if not os.path.exists(folder):
        progress("making %d objects" % count)
        os.makedirs(below)
        with open(make_pins(count), "rb") as lines:
            for number, line in enumerate(lines):
                with open("%s/bench+0+%010d.json" % (below, number), "wb") as out:
                    out.write(line)
    return folder


def foreign_table(session, name, server, location):
    session.run("create foreign table %s (%s) server %s options (location '%s')" % (
        name, definitions(COLUMNS), server, location))


def s3_server(session, name, endpoint):
    session.run("create server %s foreign data wrapper s3_json options"
                " (endpoint '%s', region 'us-east-1', path_style 'true')" % (name, endpoint))
    session.run("create user mapping for current_user server %s options (%s)" % (name, S3_KEYS))


# ---------------------------------------------------------------- scan

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


# ---------------------------------------------------------------- objects

class MemServer:
    def __init__(self, count, delay_ms):
        self.process = subprocess.Popen(
            [FOLDER + "/tools/mem_server", make_pins(OBJECTS), str(count), str(delay_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.process.stdout.readline().strip()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def start_versitygw():
    folder = make_files(OBJECTS)
    port = subprocess.run(
        [sys.executable, "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"],
        check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    endpoint = subprocess.run([TOP + "/test/servers/start-s3", "versitygw", FOLDER + "/s3", port],
                              check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    progress("putting %d objects into versitygw" % OBJECTS)
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
    for name, label, endpoint in (("gw", "versitygw", start_versitygw()), ("mem", "memory", memory.endpoint),
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
                engines["s3_json"] = with_connections(session, connections, query)
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


def with_connections(session, connections, query):
    def run():
        session.run("set pinterest.s3_connections = %d" % connections)
        return query()
    return run


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


# ---------------------------------------------------------------- memory

def peak_of(table):
    session = Session()
    session.run("select %s from %s" % (pg_sums(COLUMNS), table))
    peak = session.peak_kb()
    session.close()
    return peak / 1024


def memory_part():
    if PEERS_ONLY:
        return
    session = Session()
    servers = [MemServer(1000, 0), MemServer(100000, 0)]
    session.run("create server memory_files foreign data wrapper s3_json")
    pairs = []
    for label, small, large in (
            ("lines of one file", "file://" + make_pins(PINS // 100), "file://" + make_pins(PINS)),
            ("files of one record", "file://%s/" % make_files(1000), "file://%s/" % make_files(100000))):
        pairs.append((label, ("memory_files", small), ("memory_files", large)))
    for number, server in enumerate(servers):
        s3_server(session, "memory_%d" % number, server.endpoint)
    pairs.append(("objects of one record over HTTP", ("memory_0", "s3://bench/"), ("memory_1", "s3://bench/")))

    say("### Peak memory of the backend, all 12 columns\n")
    say("| what | the data once, MB | 100 times, MB | more | bar |")
    say("|---|---|---|---|---|")
    for number, (label, *tables) in enumerate(pairs):
        progress("memory, " + label)
        peaks = []
        for size, (server, location) in enumerate(tables):
            name = "memory_table_%d_%d" % (number, size)
            foreign_table(session, name, server, location)
            peaks.append(peak_of(name))
        more = peaks[1] - peaks[0]
        say("| %s | %.1f | %.1f | %+.1f | ≤ 10 MB: %s |" % (
            label, peaks[0], peaks[1], more, "met" if more <= 10 else "MISSED"))
    say("")
    for server in servers:
        server.stop()
    session.close()


def main():
    parts = {"scan": scan_part, "objects": objects_part, "memory": memory_part}
    wanted = sys.argv[1:] or list(parts)
    for name in wanted:
        if name not in parts:
            raise SystemExit("no part %s: scan, objects or memory" % name)
    machine()
    if not PEERS_ONLY:
        session = Session()
        session.run("create extension pinterest_pipeline")
        session.close()
    for name in wanted:
        parts[name]()


if __name__ == "__main__":
    main()
