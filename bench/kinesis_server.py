#!/usr/bin/env python3
"""A Kinesis server that answers at once, or at the service's pace.  Standard library only.

    kinesis_server.py FILE SHARDS RECORDS [ANSWERS]

serves the lines of a file as the stream "s", so many an answer, dealt out to its shards,
in CBOR or in JSON, as it is asked.  With ANSWERS each shard gives so many answers, the same lines in all of them, and keeps
to the limits of a shard: who asks more than 5 times a second, or before 2 MB a second
have paid for the answer before, is refused.  Answers are ready in memory.  It
listens on 127.0.0.1, prints its endpoint as the first line, and ends when its standard
input is closed.
"""
import base64
import json
import sys
import threading
import time
from collections import deque
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from os.path import abspath, dirname

sys.path.insert(0, dirname(abspath(__file__)) + "/../test/servers")
import aws_cbor  # noqa: E402

LAST_KEY = 2 ** 128 - 1
READS = 5                       # a second
BYTES = 2 * 1024 * 1024


class Answer:
    """All of a body but its end, which tells how the shard goes on, in both encodings"""

    def __init__(self, lines, first):
        at = round(time.time() - 60, 3)
        records = [{"SequenceNumber": "4959033827149025660855969253836157109592157598913%07d" % (first + n),
                    "ApproximateArrivalTimestamp": at, "Data": line, "PartitionKey": "key-%d" % n}
                   for n, line in enumerate(lines)]
        self.cbor = b"\xbf" + aws_cbor.dumps("Records") + b"\x9f" + b"".join(map(aws_cbor.dumps, records))
        for record in records:
            record["Data"] = base64.b64encode(record["Data"]).decode()
        self.json = b'{"Records":[' + json.dumps(records, separators=(",", ":")).encode()[1:-1]
        self.data = sum(map(len, lines))


class Shard:
    def __init__(self, answers, paced):
        self.answers, self.paced = answers, paced
        self.asked = deque(maxlen=READS)
        self.paid_at = 0.0

    def refuses(self):
        now = time.monotonic()
        if not self.paced:
            return False
        if now < self.paid_at or (len(self.asked) == READS and now - self.asked[0] < 1):
            return True
        self.asked.append(now)
        return False

    def answer(self, number, n, cbor):
        """The pieces of a body"""
        answer = self.answers[n] if n < len(self.answers) else Answer([], 0)
        self.paid_at = time.monotonic() + answer.data / BYTES
        last = n + 1 >= len(self.answers)
        end = {"NextShardIterator": "%d %d" % (number, n + 1), "MillisBehindLatest": 0 if last else 1000}
        if cbor:
            return answer.cbor, b"\xff" + aws_cbor.dumps(end)[1:]
        return answer.json, b"]," + json.dumps(end).encode()[1:]


def shards_of(path, shards, records, answers=None):
    with open(path, "rb") as file:
        lines = [line.rstrip(b"\n") for _, line in zip(range(records * answers), file)] if answers else \
            file.read().splitlines()
    ready = [Answer(lines[first:first + records], first) for first in range(0, len(lines), records)]
    if answers:
        return [Shard(ready, True) for _ in range(shards)]
    return [Shard(ready[n::shards], False) for n in range(shards)]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_POST(self):
        kind = self.headers["Content-Type"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.coding = aws_cbor if "cbor" in kind else json
        status, *parts = getattr(self, self.headers["X-Amz-Target"].partition(".")[2])(self.coding.loads(body))
        parts = [self.encode(part) if isinstance(part, dict) else part for part in parts]
        self.connection.sendall(b"HTTP/1.1 %d -\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (
            status, formatdate(usegmt=True).encode(), kind.encode(), sum(map(len, parts))))
        for part in parts:
            self.connection.sendall(part)

    def encode(self, part):
        encoded = self.coding.dumps(part)
        return encoded if isinstance(encoded, bytes) else encoded.encode()

    def DescribeStreamSummary(self, request):
        return 200, {"StreamDescriptionSummary": {"StreamStatus": "ACTIVE", "StreamCreationTimestamp": 1700000000,
                                                  "RetentionPeriodHours": 8760, "OpenShardCount": len(shards)}}

    def ListShards(self, request):
        width = LAST_KEY // len(shards) + 1
        return 200, {"Shards": [
            {"ShardId": "shardId-%012d" % n, "SequenceNumberRange": {"StartingSequenceNumber": "1"},
             "HashKeyRange": {"StartingHashKey": str(n * width), "EndingHashKey": str(min((n + 1) * width - 1, LAST_KEY))}}
            for n in range(len(shards))]}

    def GetShardIterator(self, request):
        return 200, {"ShardIterator": "%d 0" % int(request["ShardId"][8:])}

    def GetRecords(self, request):
        number, n = map(int, request["ShardIterator"].split())
        if shards[number].refuses():
            return 400, {"__type": "ProvisionedThroughputExceededException", "message": "Rate exceeded for shard"}
        return 200, *shards[number].answer(number, n, self.coding is aws_cbor)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


shards = shards_of(sys.argv[1], *map(int, sys.argv[2:]))
server = Server(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
