#!/usr/bin/env python3
"""A Kinesis server that answers at once.  Standard library only.

    kinesis_server.py FILE [SHARDS [ANSWERS]]

serves the lines of a file as the stream "s", dealt out in turn to the answers of
its shards, which are ready in memory.  It listens on 127.0.0.1, prints its endpoint
as the first line, and ends when its standard input is closed.
"""
import base64
import json
import sys
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LAST_KEY = 2 ** 128 - 1


def answers_of(path, shards, per_shard):
    """bodies[shard][n], each with its share of the lines"""
    with open(path, "rb") as file:
        lines = file.read().splitlines()
    share = -(-len(lines) // (shards * per_shard))
    at = "%.3f" % (time.time() - 60)
    bodies = []
    for shard in range(shards):
        bodies.append([])
        for n in range(per_shard):
            first = (shard * per_shard + n) * share
            records = ",".join(
                '{"SequenceNumber":"4959033827149025660855969253836157109592157598913%06d","ApproximateArrivalTimestamp":%s,'
                '"Data":"%s","PartitionKey":"key-%d"}' % (first + i, at, base64.b64encode(line).decode(), i)
                for i, line in enumerate(lines[first:first + share]))
            bodies[shard].append(('{"Records":[%s],"NextShardIterator":"%d %d","MillisBehindLatest":%d}' % (
                records, shard, n + 1, 0 if n + 1 == per_shard else 1000)).encode())
    return bodies


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = getattr(self, self.headers["X-Amz-Target"].partition(".")[2])(request)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/x-amz-json-1.1\r\n"
                                b"Content-Length: %d\r\n\r\n" % (formatdate(usegmt=True).encode(), len(body)))
        self.connection.sendall(body)

    def DescribeStreamSummary(self, request):
        return {"StreamDescriptionSummary": {"StreamStatus": "ACTIVE", "StreamCreationTimestamp": 1700000000,
                                             "RetentionPeriodHours": 8760, "OpenShardCount": len(bodies)}}

    def ListShards(self, request):
        width = LAST_KEY // len(bodies) + 1
        return {"Shards": [
            {"ShardId": "shardId-%012d" % n, "SequenceNumberRange": {"StartingSequenceNumber": "1"},
             "HashKeyRange": {"StartingHashKey": str(n * width), "EndingHashKey": str(min((n + 1) * width - 1, LAST_KEY))}}
            for n in range(len(bodies))]}

    def GetShardIterator(self, request):
        return {"ShardIterator": "%d 0" % int(request["ShardId"][8:])}

    def GetRecords(self, request):
        shard, n = map(int, request["ShardIterator"].split())
        return bodies[shard][n]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


bodies = answers_of(sys.argv[1], int((sys.argv + ["8"])[2]), int((sys.argv + ["", "4"])[3]) if len(sys.argv) > 3 else 4)
server = Server(("127.0.0.1", 0), Handler)
print("http://127.0.0.1:%d" % server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
