#!/usr/bin/env python3
"""What the measurements share: engines, rounds, figures, data.

What is compared is run in turn, round after round, so that a slow minute of
the machine hits all alike; figures are medians, with minimum and maximum, and
ratios of medians.  Every engine must find the same sums.
"""
import datetime
import glob
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


def with_setting(session, setting, run):
    def set_and_run():
        session.run("set " + setting)
        return run()
    return set_and_run


# ---------------------------------------------------------------- processor time

def postmaster_pid():
    with open(FOLDER + "/data/postmaster.pid") as pidfile:
        return int(pidfile.readline())


def descendants(pid):
    """It, and the processes below it"""
    found = [pid]
    for parent in found:
        for path in glob.glob("/proc/%d/task/*/children" % parent):
            with open(path) as children:
                found += [int(child) for child in children.read().split()]
    return found


def processor_seconds(pid):
    """What a process, those below it and those of them that have ended took, all threads"""
    ticks = 0
    for each in descendants(pid):
        with open("/proc/%d/stat" % each) as stat:
            ticks += sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def thread_seconds(pid):
    """What the main thread of a process took"""
    with open("/proc/%s/task/%s/schedstat" % (pid, pid)) as stat:
        return int(stat.read().split()[0]) / 1e9


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


def foreign_table(session, name, server, location, options=""):
    session.run("create foreign table %s (%s) server %s options (location '%s'%s)" % (
        name, definitions(COLUMNS), server, location, ", " + options if options else ""))


def s3_server(session, name, endpoint):
    session.run("create server %s foreign data wrapper s3_json options"
                " (endpoint '%s', region 'us-east-1', path_style 'true')" % (name, endpoint))
    session.run("create user mapping for current_user server %s options (%s)" % (name, S3_KEYS))


# ---------------------------------------------------------------- servers

class MemServer:
    """bench/mem_server.c with so many objects, made of so many lines"""

    def __init__(self, count, delay_ms, lines=OBJECTS, large=0):
        self.process = subprocess.Popen(
            [FOLDER + "/tools/mem_server", make_pins(lines), str(count), str(delay_ms), str(large)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.process.stdout.readline().strip()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
