"""Streams of a server in memory: beside the same records in a file, and at the pace of shards."""
import re
import subprocess
import sys

from harness import (COLUMNS, HERE, PEERS_ONLY, PINS, THREE, Session, definitions, figures, foreign_table,
                     interleave, make_pins, pg_engine, progress, ratio, say)

SHARDS = 8
RECORDS = 10000                 # an answer, of 7 MB or 10 MB as JSON
PACED_SHARDS = (1, 4, 16, 64)
READS = 5                       # a second, as in kinesis_server.py
BYTES = 2 * 1024 * 1024
PACED = (("2 MB a second", 2000, 16), ("5 answers a second", 100, 51))


class Kinesis:
    """bench/kinesis_server.py, with a foreign table on its stream"""

    def __init__(self, session, table, path, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, HERE + "/kinesis_server.py", path, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        endpoint = self.process.stdout.readline().strip()
        session.run("create server %s_server foreign data wrapper kinesis_json options (endpoint '%s')" % (
            table, endpoint))
        session.run("create user mapping for current_user server %s_server options"
                    " (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123')" % table)
        session.run("create foreign table %s (%s) server %s_server options (stream 's')" % (
            table, definitions(COLUMNS), table))

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def decode_table(session, path):
    progress("kinesis, answers at once")
    kinesis = Kinesis(session, "pins_stream", path, SHARDS, RECORDS)
    session.run("create server kinesis_files foreign data wrapper s3_json")
    foreign_table(session, "pins_beside", "kinesis_files", "file://" + path)
    session.run("set pinterest.kinesis_pacing = off")
    say("### A stream of %d records in %d shards, answers of %d records at once\n" % (PINS, SHARDS, RECORDS))
    say("| columns | s3_json, a file of them, seconds | min..max | kinesis_json, seconds | min..max | speed of s3_json | bar |")
    say("|---|---|---|---|---|---|---|")
    for columns in (THREE, COLUMNS):
        times = interleave({"file": pg_engine(session, columns, "pins_beside"),
                            "stream": pg_engine(session, columns, "pins_stream")})
        share = ratio(times, "file", "stream")
        say("| %d | %s | %s | %.0f %% | ≥ 60 %%: %s |" % (
            len(columns), figures(times["file"]), figures(times["stream"]), share * 100,
            "met" if share >= 0.6 else "MISSED"))
    say("")
    session.run("reset pinterest.kinesis_pacing")
    kinesis.stop()


def least_seconds(path, records, answers):
    """What the limits of a shard allow, and bytes: the first answer is free, each other one waits for the one before"""
    with open(path, "rb") as lines:
        sizes = [len(line) - 1 for _, line in zip(range(records * (answers - 1)), lines)]
    return max(sum(sizes) / BYTES, (answers - 1) / READS), sum(sizes)


def paced_table(session, path):
    say("### Shards at the pace of the service, %d columns\n" % len(COLUMNS))
    say("| limit | shards | seconds | what the limits allow | MB/s | refused | of the limit | bar |")
    say("|---|---|---|---|---|---|---|---|")
    for limit, records, answers in PACED:
        least, size = least_seconds(path, records, answers)
        for shards in PACED_SHARDS:
            progress("kinesis, %d shards at %s" % (shards, limit))
            table = "pins_paced_%d_%d" % (records, shards)
            kinesis = Kinesis(session, table, path, shards, records, answers)
            _, plan = session.run("explain (analyze, timing off) select * from " + table)
            plan = "\n".join(plan)
            rows, seconds, refused = (float(re.search(pattern, plan).group(1)) for pattern in (
                r"actual rows=(\d+)", r"Execution Time: ([0-9.]+)", r"Throttled: (\d+)"))
            seconds /= 1000
            if rows != shards * records * answers:
                raise SystemExit("read %d records of %d" % (rows, shards * records * answers))
            say("| %s | %d | %.2f | %.2f | %.1f | %d | %.0f %% | ≥ 95 %%: %s |" % (
                limit, shards, seconds, least, shards * size / seconds / 1e6, refused, least / seconds * 100,
                "met" if least / seconds >= 0.95 else "MISSED"))
            kinesis.stop()
    say("")


def kinesis_part():
    if PEERS_ONLY:
        return
    path = make_pins(PINS)
    session = Session()
    decode_table(session, path)
    paced_table(session, path)
    say("The backend's largest resident size was %.0f MB.\n" % (session.peak_kb() / 1024))
    session.close()
