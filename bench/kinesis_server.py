#!/usr/bin/env python3
"""A Kinesis server that answers at once, or at the service's pace.  Standard library only.

    kinesis_server.py FILE SHARDS RECORDS [ANSWERS]

serves the lines of a file as the stream "s", so many an answer, dealt out to its shards.
With ANSWERS each shard gives so many answers, the same lines in all of them, and keeps
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

LAST_KEY = 2 ** 128 - 1
READS = 5                       # a second
BYTES = 2 * 1024 * 1024


class Answer:
    """All of a body but its end, which tells how the shard goes on"""

    def __init__(self, lines, first):
        at = "%.3f" % (time.time() - 60)
        records = ",".join(
            '{"SequenceNumber":"4959033827149025660855969253836157109592157598913%07d","ApproximateArrivalTimestamp":%s,'
            '"Data":"%s","PartitionKey":"key-%d"}' % (first + n, at, base64.b64encode(line).decode(), n)
            for n, line in enumerate(lines))
        self.body = b'{"Records":[' + records.encode()
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

    def answer(self, number, n):
        if n == len(self.answers):
            return 200, b'{"Records":[', b'],"NextShardIterator":"%d %d","MillisBehindLatest":0}' % (number, n)
        answer = self.answers[n]
        self.paid_at = time.monotonic() + answer.data / BYTES
        end = '],"NextShardIterator":"%d %d","MillisBehindLatest":%d}' % (
            number, n + 1, 0 if n + 1 == len(self.answers) else 1000)
        return 200, answer.body, end.encode()


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
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, *parts = getattr(self, self.headers["X-Amz-Target"].partition(".")[2])(request)
        parts = [json.dumps(part).encode() if isinstance(part, dict) else part for part in parts]
        self.connection.sendall(b"HTTP/1.1 %d -\r\nDate: %s\r\nContent-Type: application/x-amz-json-1.1\r\n"
                                b"Content-Length: %d\r\n\r\n" % (
                                    status, formatdate(usegmt=True).encode(), sum(map(len, parts))))
        for part in parts:
            self.connection.sendall(part)

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
        return shards[number].answer(number, n)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


shards = shards_of(sys.argv[1], *map(int, sys.argv[2:]))
server = Server(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
