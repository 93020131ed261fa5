#!/usr/bin/env python3
"""A stand-in of an API gateway before Kinesis, as the developer guide of Amazon API
Gateway makes one ("Create a REST API as an Amazon Kinesis proxy").  Standard library
only.

    api_gateway.py KINESIS [--port PORT]

listens on 127.0.0.1, hands requests on to the Kinesis server with that endpoint,
prints its own URL as the first line, and ends when its standard input, if that is a
pipe, is closed.

    GET    /test/streams                    ListStreams, its first page
    GET    /test/streams/NAME               DescribeStream, its first page
    POST   /test/streams/NAME               CreateStream
    DELETE /test/streams/NAME               DeleteStream
    PUT    /test/streams/NAME/record        PutRecord
    PUT    /test/streams/NAME/records       PutRecords

    POST /-/set     {NAME: VALUE, …}: settings, see DEFAULTS there
    POST /-/reset   the settings as at the start
    GET  /-/log     what was asked since the last time, one line each: method, path,
                    signed or unsigned, status
"""
import argparse
import base64
import json
import os
import stat
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DEFAULTS = {
    # Errors of Kinesis have status 200, as they do where nobody has mapped them
    "plain_200": False,
    "unsigned": True,       # requests need no signature
    "hang": False,          # no answer at all
}
# To sign with: emulators do not look, but insist that there is something
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=GATEWAY/20240101/us-east-1/kinesis/aws4_request, "
                 "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)
state = {"settings": dict(DEFAULTS), "log": []}
lock = threading.Lock()


def as_velocity(value):
    """What a template makes of a value: text as it is, all else as Java prints it"""
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s=%s" % (name, as_velocity(part)) for name, part in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(as_velocity, value))
    return value if isinstance(value, str) else json.dumps(value)


def encode(text):
    return base64.b64encode(text.encode()).decode()


def record_of(body):
    """The template for one record: $util.base64Encode($input.json('$.Data'))"""
    data = json.dumps(body["Data"], separators=(",", ":"), ensure_ascii=False)
    return {"Data": encode(data), "PartitionKey": body["PartitionKey"]}


def records_of(body):
    """That for several: $util.base64Encode($elem.data)"""
    return {"Records": [{"Data": encode(as_velocity(elem["data"])), "PartitionKey": elem["partition-key"]}
                        for elem in body["records"]]}


def first_page(data):
    """A description with 100 shards at most, as the service gives it"""
    answer = json.loads(data)
    description = answer["StreamDescription"]
    description["HasMoreShards"] = description["HasMoreShards"] or len(description["Shards"]) > 100
    del description["Shards"][100:]
    return json.dumps(answer).encode()


# method, number of path elements behind "streams", the last of two: action, its arguments
ROUTES = {
    ("GET", 0, None): ("ListStreams", lambda body: {}),
    ("GET", 1, None): ("DescribeStream", lambda body: {}),
    ("POST", 1, None): ("CreateStream", lambda body: {"ShardCount": body.get("ShardCount", 5)}),
    ("DELETE", 1, None): ("DeleteStream", lambda body: {}),
    ("PUT", 2, "record"): ("PutRecord", record_of),
    ("PUT", 2, "records"): ("PutRecords", records_of),
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    kinesis = None

    def log_message(self, *args):
        pass

    def send(self, status, data):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-amzn-RequestId", "00000000-0000-0000-0000-000000000002")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def ask(self, action, arguments):
        request = urllib.request.Request(self.kinesis + "/", json.dumps(arguments).encode(), {
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Kinesis_20131202." + action,
            "X-Amz-Date": "20240101T000000Z", "Authorization": AUTHORIZATION})
        try:
            with urllib.request.urlopen(request) as answer:
                data = answer.read()
                return 200, first_page(data) if action == "DescribeStream" else data
        except urllib.error.HTTPError as error:
            return (200 if state["settings"]["plain_200"] else error.code), error.read()

    def answer(self, body):
        path = self.path.strip("/").split("/")
        route = ROUTES.get((self.command, len(path) - 2, path[3] if len(path) == 4 else None))
        if path[:2] != ["test", "streams"] or route is None:
            return 403, b'{"message":"Missing Authentication Token"}'
        if not self.signed() and not state["settings"]["unsigned"]:
            return 403, b'{"message":"Missing Authentication Token"}'
        action, arguments_of = route
        try:
            arguments = arguments_of(json.loads(body or b"{}"))
        except (ValueError, KeyError, TypeError):
            return 400, b'{"message":"Could not parse request body into json"}'
        if len(path) > 2:
            arguments["StreamName"] = path[2]
        return self.ask(action, arguments)

    def signed(self):
        return "/execute-api/aws4_request" in self.headers.get("Authorization", "")

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith("/-/"):
            return self.control(self.path[3:], body)
        if state["settings"]["hang"]:
            time.sleep(600)
        status, data = self.answer(body)
        with lock:
            state["log"].append("%s %s %s %d" % (self.command, self.path, "signed" if self.signed() else "unsigned", status))
        self.send(status, data)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def control(self, what, body):
        data = b""
        with lock:
            if what == "set":
                state["settings"].update(json.loads(body))
            elif what == "reset":
                state["settings"] = dict(DEFAULTS)
            elif what == "log":
                data = "".join(line + "\n" for line in state["log"]).encode()
                state["log"] = []
        self.send(200, data)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinesis")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    Handler.kinesis = arguments.kinesis.rstrip("/")
    server = Server(("127.0.0.1", arguments.port), Handler)
    print("http://127.0.0.1:%d" % server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.read()
    else:
        threading.Event().wait()


main()
