#!/usr/bin/env python3
"""A stand-in of an API gateway before Kinesis, as the developer guide of Amazon API
Gateway makes one ("Create a REST API as an Amazon Kinesis proxy").  Standard library
only.

    api_gateway.py KINESIS [--port PORT] [--tls CERTIFICATE KEY]

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
    GET  /-/body    the body of the last request
"""
import argparse
import base64
import json
import os
import ssl
import stat
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aws_signature

DEFAULTS = {
    # Errors of Kinesis have status 200, as they do where nobody has mapped them
    "plain_200": False,
    "unsigned": True,       # requests need no signature
    "keys": {},             # {ID: [SECRET, TOKEN or null]}: signatures are checked
    "hang": False,          # no answer at all
    "fail_requests": 0,     # so many get that status and message
    "status": 500,
    "message": "Internal server error",
    "answer": None,         # this text instead, with status 200
    "cut": False,           # the connection is closed in the middle of the answer
    # Records of a request that the service refuses, by number, and the code
    "refuse": [],
    "code": "InternalFailure",
    "refuse_requests": 1,   # in so many requests
}
# To sign with: emulators do not look, but insist that there is something
AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=GATEWAY/20240101/us-east-1/kinesis/aws4_request, "
                 "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64)
state = {"settings": dict(DEFAULTS), "log": [], "body": b""}
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


def filled_in(data, key):
    """A template puts the key between quotes as it is"""
    return json.loads('{"Data": "%s", "PartitionKey": "%s"}' % (encode(data), key))


def record_of(body):
    """The template for one record: $util.base64Encode($input.json('$.Data'))"""
    return filled_in(json.dumps(body["Data"], separators=(",", ":"), ensure_ascii=False), body["PartitionKey"])


def records_of(body):
    """That for several: $util.base64Encode($elem.data)"""
    return {"Records": [filled_in(as_velocity(elem["data"]), elem["partition-key"]) for elem in body["records"]]}


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
        if b"Missing Authentication Token" in data:
            self.send_header("x-amzn-ErrorType", "MissingAuthenticationTokenException")
        self.send_header("Content-Type", "application/json")
        self.send_header("x-amzn-RequestId", "00000000-0000-0000-0000-000000000002")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if state["settings"]["cut"] and not self.path.startswith("/-/"):
            data = data[:len(data) // 2]
            self.close_connection = True
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

    def put_records(self, arguments):
        """Without those that are to be refused"""
        settings = state["settings"]
        records = arguments["Records"]
        with lock:
            refused = {number for number in settings["refuse"] if settings["refuse_requests"] > 0}
            settings["refuse_requests"] -= bool(refused)
        kept = [record for number, record in enumerate(records) if number not in refused]
        answers = []
        if kept:
            status, data = self.ask("PutRecords", {**arguments, "Records": kept})
            if status != 200:
                return status, data
            answers = json.loads(data)["Records"]
        for number in sorted(refused):
            answers.insert(number, {"ErrorCode": settings["code"], "ErrorMessage": "Not now."})
        return 200, json.dumps({"FailedRecordCount": len(refused), "Records": answers}).encode()

    def answer(self, body):
        settings = state["settings"]
        path = self.path.strip("/").split("/")
        route = ROUTES.get((self.command, len(path) - 2, path[3] if len(path) == 4 else None))
        if path[:2] != ["test", "streams"] or route is None:
            return 403, b'{"message":"Missing Authentication Token"}'
        if not self.signed() and not settings["unsigned"]:
            return 403, b'{"message":"Missing Authentication Token"}'
        if settings["keys"] and not self.signature_fits(body):
            return 403, b'{"message":"The request signature we calculated does not match the signature you provided."}'
        with lock:
            failing = settings["fail_requests"] > 0
            settings["fail_requests"] -= failing
        if failing:
            return settings["status"], json.dumps({"message": settings["message"]}).encode()
        action, arguments_of = route
        try:
            arguments = arguments_of(json.loads(body or b"{}"))
        except (ValueError, KeyError, TypeError):
            return 400, b'{"message":"Could not parse request body into json"}'
        if len(path) > 2:
            arguments["StreamName"] = path[2]
        if settings["answer"] is not None:
            return 200, settings["answer"].encode()
        if action == "PutRecords" and settings["refuse"]:
            return self.put_records(arguments)
        return self.ask(action, arguments)

    def signature_fits(self, body):
        """Is the request signed for this service, in this region, with one of the keys?"""
        credential = aws_signature.credential_of(self.headers)
        secret, token = state["settings"]["keys"].get(credential and credential[0], (None, None))
        return (secret is not None and credential[2:4] == ["us-east-1", "execute-api"] and
                self.headers.get("X-Amz-Security-Token") == token and
                credential[5] == aws_signature.signature_of(self.headers, secret, self.command, self.path, body))

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
            state["body"] = body
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
            elif what == "body":
                data = state["body"]
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
    parser.add_argument("--tls", nargs=2)
    arguments = parser.parse_args()
    Handler.kinesis = arguments.kinesis.rstrip("/")
    server = Server(("127.0.0.1", arguments.port), Handler)
    if arguments.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*arguments.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print("%s://127.0.0.1:%d" % ("https" if arguments.tls else "http", server.server_port), flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.read()
    else:
        threading.Event().wait()


main()
