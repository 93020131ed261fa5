"""INSERT into a stream of an emulator: beside requests that were made before."""
import base64
import concurrent.futures
import http.client
import json
import os
import socket
import statistics
import subprocess
import time
import urllib.parse
import urllib.request

from harness import (COLUMNS, FOLDER, HERE, PEERS_ONLY, ROUNDS, Session, definitions, figures, foreign_table,
                     make_pins, progress, ratio, say)

ROWS = 100000
SHARDS = 16
BATCH = 500
CONNECTIONS = 4                 # of the bare client; INSERT begins with as many
# Emulators do not look at signatures, but want one
HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Date": "20240101T000000Z",
           "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDTEST/20240101/us-east-1/kinesis/aws4_request, "
                            "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64}


class Emulator:
    """A fresh one, with the tests' own script"""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        folder = FOLDER + "/kinesis"
        self.endpoint = subprocess.run(
            [HERE + "/../test/servers/start-kinesis", folder, str(port), "ferrokinesis"], check=True,
            stdout=subprocess.PIPE, text=True).stdout.strip()
        with open(folder + "/server.pid") as pid:
            self.pid = int(pid.read())

    def call(self, action, body):
        request = urllib.request.Request(self.endpoint + "/", json.dumps(body).encode(),
                                         {**HEADERS, "X-Amz-Target": "Kinesis_20131202." + action})
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"{}")

    def fresh_stream(self, name):
        """In the place of that of the round before"""
        if name in self.call("ListStreams", {})["StreamNames"]:
            self.call("DeleteStream", {"StreamName": name})
            while name in self.call("ListStreams", {})["StreamNames"]:
                time.sleep(0.01)
        self.call("CreateStream", {"StreamName": name, "ShardCount": SHARDS})
        while self.call("DescribeStreamSummary", {"StreamName": name})["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
            time.sleep(0.01)

    def cpu(self):
        return cpu_of(self.pid)

    def stop(self):
        os.kill(self.pid, 15)


def cpu_of(pid):
    """Seconds of the processor that a process has had"""
    with open("/proc/%s/stat" % pid) as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_bodies(stream):
    """The requests that put the pins, ready to be sent"""
    with open(make_pins(ROWS), "rb") as lines:
        records = [{"Data": base64.b64encode(line.rstrip(b"\n")).decode(), "PartitionKey": "%016x" % number}
                   for number, line in enumerate(lines)]
    return [json.dumps({"StreamName": stream, "Records": records[at:at + BATCH]}).encode()
            for at in range(0, len(records), BATCH)]


def send(endpoint, bodies):
    connection = http.client.HTTPConnection(urllib.parse.urlparse(endpoint).netloc)
    for body in bodies:
        connection.request("POST", "/", body, {**HEADERS, "X-Amz-Target": "Kinesis_20131202.PutRecords"})
        answer = connection.getresponse().read()
        if b'"FailedRecordCount":0' not in answer.replace(b" ", b""):
            raise SystemExit("the emulator refused records: %s" % answer[:200])
    connection.close()


def bare(emulator, bodies):
    emulator.fresh_stream("bare")
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(lambda n: send(emulator.endpoint, bodies[n::CONNECTIONS]), range(CONNECTIONS)))
    return time.perf_counter() - start


def insert(emulator, session):
    """Seconds, and those of the backend's processor"""
    emulator.fresh_stream("inserted")
    before = cpu_of(session.pid)
    seconds, _ = session.run("insert into inserted select * from pins_to_put")
    return seconds, cpu_of(session.pid) - before


def prepare(session, emulator):
    session.run("create server put_files foreign data wrapper s3_json")
    foreign_table(session, "pins_file_to_put", "put_files", "file://" + make_pins(ROWS), "format 'lines'")
    session.run("create table pins_to_put as select * from pins_file_to_put")
    session.run("create server bench_streams foreign data wrapper kinesis_json options (endpoint '%s')" % emulator.endpoint)
    session.run("create user mapping for current_user server bench_streams options"
                " (access_key_id 'AKIDTEST', secret_access_key 'secretkeytest123')")
    session.run("create foreign table inserted (%s) server bench_streams options (stream 'inserted')" % definitions(COLUMNS))


def kinesis_write_part():
    if PEERS_ONLY:
        return
    emulator = Emulator()
    session = Session()
    times = {"bare": [], "insert": []}
    cpu = []
    emulator_cpu = []
    try:
        prepare(session, emulator)
        bodies = make_bodies("bare")
        for number in range(ROUNDS + 1):
            progress("kinesis_write, round %d" % number)
            before = emulator.cpu()
            seconds = bare(emulator, bodies)
            between = emulator.cpu()
            inserted, backend = insert(emulator, session)
            # the first round is not counted
            if number > 0:
                times["bare"].append(seconds)
                times["insert"].append(inserted)
                cpu.append(backend)
                emulator_cpu.append(between - before)
        report(times, cpu, emulator_cpu)
    finally:
        session.close()
        emulator.stop()


def report(times, cpu, emulator_cpu):
    say("### INSERT of %d rows into a stream of an emulator (ferrokinesis), %d shards\n" % (ROWS, SHARDS))
    say("| what | seconds | min..max | thousand records/s | speed of the bare client |")
    say("|---|---|---|---|---|")
    say("| requests made before, %d connections | %s | %.0f | |" % (
        CONNECTIONS, figures(times["bare"]), ROWS / statistics.median(times["bare"]) / 1000))
    say("| INSERT of 12 columns | %s | %.0f | %.0f %% |" % (
        figures(times["insert"]), ROWS / statistics.median(times["insert"]) / 1000, ratio(times, "bare", "insert") * 100))
    say("")
    say("The backend's processor takes %.1f µs a record, the emulator's %.1f.\n" % (
        statistics.median(cpu) / ROWS * 1e6, statistics.median(emulator_cpu) / ROWS * 1e6))
