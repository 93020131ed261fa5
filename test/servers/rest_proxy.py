#!/usr/bin/env python3
"""A stand-in of the Kafka REST proxy, version 2 of its interface, that produces into
the cluster it is given.  It answers as proxies of Confluent do: a record that the
cluster refuses has its error inside an answer with status 200.

    rest_proxy.py BOOTSTRAP [--port PORT] [--tls CERTIFICATE KEY]

listens on 127.0.0.1, prints its endpoint as the first line, and ends when its
standard input, if that is a pipe, is closed.  It needs $KAFKA_HOME, the folder
that install-kafka prints.

    GET  /topics, /topics/TOPIC
    POST /topics/TOPIC, /topics/TOPIC/partitions/NUMBER

    POST /-/set     {NAME: VALUE, …}: settings, see DEFAULTS there
    POST /-/reset   the settings as at the start
    GET  /-/log     what was asked since the last time, one line each: method, path,
                    content type, number of records, status
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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

DEFAULTS = {
    # How long a proxy looks for a topic it does not know, seconds; "missing" answers
    # 404 with code 40401 at once
    "unknown_topic": 60,
    "delay": 0,             # seconds before each answer
    "fail_requests": 0,     # so many requests get that status and code
    "status": 500,
    "error_code": 50002,
    "hang": False,          # no answer at all
    "cut": 0,               # the connection is closed after so many bytes of the answer
    # Records that are refused though the others are taken: {NUMBER IN ITS REQUEST: CODE}
    "fail_records": {},
    "bridge": False,        # errors of records as Strimzi's bridge writes them
    "largest_request": None,    # bytes; beyond it 413
    "authorization": None,      # what the header must be
    "answer": None,             # this text instead, with status 200
}
V2 = "application/vnd.kafka.v2+json"
FORMATS = {"application/vnd.kafka.json.v2+json": "json", "application/vnd.kafka.binary.v2+json": "binary"}
ACCEPTED = {V2, "application/vnd.kafka+json", "application/json", "application/*", "*/*"}
FIELDS = {"key", "value", "partition"}
MESSAGE_LIMIT = 1 << 20


class Refused(Exception):
    """The whole request is"""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.answer = status, {"error_code": code, "message": message}


class Cluster:
    def __init__(self, bootstrap):
        import confluent_kafka
        self.kafka = confluent_kafka
        self.producer = confluent_kafka.Producer({
            "bootstrap.servers": bootstrap, "linger.ms": 5, "message.timeout.ms": 5000, "log_level": 0,
            "message.max.bytes": MESSAGE_LIMIT})
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            self.producer.poll(0.1)

    def topics(self):
        return {name: topic for name, topic in self.producer.list_topics(timeout=5).topics.items()
                if not name.startswith("__")}

    def produce(self, topic, records):
        """[(key, value, partition)] to [(partition, offset) or an error]"""
        results = [None] * len(records)
        left = threading.Semaphore(0)

        def delivered(index):
            def callback(error, message):
                results[index] = error or (message.partition(), message.offset())
                left.release()
            return callback

        for index, (key, value, partition) in enumerate(records):
            try:
                self.producer.produce(topic, value, key, partition=-1 if partition is None else partition,
                                      on_delivery=delivered(index))
            except self.kafka.KafkaException as error:
                results[index] = error.args[0]
                left.release()
        for _ in records:
            left.acquire()
        return results


class State:
    def __init__(self):
        self.settings = dict(DEFAULTS)
        self.log = []


STATE = State()
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cluster = None

    def log_message(self, *args):
        pass

    def send(self, status, content):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", V2)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if STATE.settings["cut"]:
            data = data[:STATE.settings["cut"]]
            self.close_connection = True
        self.wfile.write(data)

    def handle_any(self):
        self.count = 0
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = [unquote(part) for part in self.path.partition("?")[0].strip("/").split("/")]
        if path[0] == "-":
            return self.control(path[1])
        if STATE.settings["hang"]:
            time.sleep(600)
        time.sleep(STATE.settings["delay"])
        try:
            status, content = self.answer(path)
        except Refused as refused:
            status, content = refused.answer
        if STATE.settings["answer"] is not None and status == 200:
            content = STATE.settings["answer"].encode()
        with LOCK:
            STATE.log.append(" ".join((self.command, self.path, self.kind() or "-", str(self.count), str(status))))
        self.send(status, content)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def control(self, what):
        with LOCK:
            if what == "set":
                STATE.settings.update(json.loads(self.body))
            elif what == "reset":
                STATE.settings = dict(DEFAULTS)
            lines, STATE.log = STATE.log, []
        data = "".join(line + "\n" for line in lines).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def kind(self):
        return (self.headers.get("Content-Type") or "").split(";")[0].strip()

    def answer(self, path):
        settings = STATE.settings
        if settings["authorization"] not in (None, self.headers.get("Authorization")):
            raise Refused(401, 40101, "Unauthorized")
        with LOCK:
            failing = settings["fail_requests"] > 0
            settings["fail_requests"] -= failing
        if failing:
            raise Refused(settings["status"], settings["error_code"], "failed on request")
        if path[0] != "topics" or len(path) not in (1, 2, 4) or (len(path) == 4 and path[2] != "partitions"):
            raise Refused(404, 404, "HTTP 404 Not Found")
        if self.command == "GET":
            return 200, self.describe(path)
        if self.command != "POST" or len(path) == 1:
            raise Refused(405, 405, "HTTP 405 Method Not Allowed")
        records = self.records()
        self.count = len(records)
        if len(path) == 4:
            records = [(key, value, int(path[3])) for key, value, _ in records]
        return 200, {"offsets": self.produce(path[1], records), "key_schema_id": None, "value_schema_id": None}

    def describe(self, path):
        topics = self.cluster.topics()
        if len(path) == 1:
            return sorted(topics)
        if path[1] not in topics:
            raise Refused(404, 40401, "Topic not found.")
        return {"name": path[1], "configs": {},
                "partitions": [{"partition": number} for number in sorted(topics[path[1]].partitions)]}

    def records(self):
        """[(key, value, partition)] of the body"""
        accepted = (self.headers.get("Accept") or "*/*").split(",")
        limit = STATE.settings["largest_request"]
        format = FORMATS.get(self.kind())
        if not format:
            raise Refused(415, 415, "HTTP 415 Unsupported Media Type")
        if not any(kind.split(";")[0].strip() in ACCEPTED for kind in accepted):
            raise Refused(406, 406, "HTTP 406 Not Acceptable")
        if limit is not None and len(self.body) > limit:
            raise Refused(413, 413, "Request Entity Too Large")
        try:
            request = json.loads(self.body)
        except ValueError as error:
            raise Refused(400, 400, "Malformed JSON: %s" % error)
        if not isinstance(request, dict) or not isinstance(request.get("records"), list) or not request["records"]:
            raise Refused(422, 422, "records may not be empty")
        try:
            return [self.record(record, format) for record in request["records"]]
        except (ValueError, TypeError, AttributeError) as error:
            raise Refused(400, 400, "Bad Request: %s" % error)

    @staticmethod
    def record(record, format):
        def data(field):
            if field is None:
                return None
            if format == "binary":
                return base64.b64decode(field, validate=True)
            return json.dumps(field, separators=(",", ":"), ensure_ascii=False).encode()

        unknown = set(record) - FIELDS
        if unknown:
            raise Refused(422, 422, "Unrecognized field: %s" % min(unknown))
        return data(record.get("key")), data(record.get("value")), record.get("partition")

    def produce(self, topic, records):
        """The entries of "offsets" """
        settings = STATE.settings
        failing = {int(number): code for number, code in settings["fail_records"].items()}
        if topic not in self.cluster.topics():
            if settings["unknown_topic"] == "missing":
                raise Refused(404, 40401, "Topic not found.")
            time.sleep(settings["unknown_topic"])
            message = "Topic %s not present in metadata after %d ms." % (topic, settings["unknown_topic"] * 1000)
            return [self.failure(50003, message) for _ in records]
        taken = [record for number, record in enumerate(records) if number not in failing]
        results = iter(self.cluster.produce(topic, taken))
        return [self.failure(failing[number], "failed on request") if number in failing else self.result(next(results))
                for number in range(len(records))]

    def result(self, result):
        if isinstance(result, tuple):
            answer = {"partition": result[0], "offset": result[1]}
            return answer if STATE.settings["bridge"] else dict(answer, error_code=None, error=None)
        return self.failure(50003 if result.retriable() else 50002, result.str())

    @staticmethod
    def failure(code, message):
        if STATE.settings["bridge"]:
            return {"error_code": 404 if code == 50003 else 500, "message": message}
        return {"partition": None, "offset": None, "error_code": code, "error": message}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2)
    options = parser.parse_args()
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(os.environ["KAFKA_HOME"], "python%d.%d" % sys.version_info[:2]))
    Handler.cluster = Cluster(options.bootstrap)
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("%s://127.0.0.1:%d" % ("https" if options.tls else "http", server.server_port), flush=True)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.read()
    else:
        threading.Event().wait()
    # At once, whatever the producer still has
    os._exit(0)


if __name__ == "__main__":
    main()
