#!/usr/bin/env python3
"""A Kinesis server that does what it is told.  Standard library only.  It answers in
JSON or in CBOR, as it is asked.

    fault_kinesis.py [--port PORT]

listens on 127.0.0.1, prints its endpoint as the first line, and ends when its
standard input, if that is a pipe, is closed.  It reads streams: ListStreams,
DescribeStreamSummary, ListShards, GetShardIterator and GetRecords; makes and drops
them: CreateStream, DeleteStream; and takes PutRecords.  What they hold is said
beforehand, by a POST of JSON:

    /-/stream    {"name": …, "shards": [SHARD, …], "retention": HOURS (24),
                 "status": "ACTIVE", "page": shards a page (1000), "created": ms,
                 "largest": bytes of a record (1 MiB), "rate": records that a shard
                 takes a second (all), "account": whose it is (one's own)}
                 makes a stream, in the place of one of that name; with "copies": N
                 also N that are called NAME001 and so on
    /-/delete    {"name": …}
    /-/trim      {"name": …, "shard": …, "to": N}: its first N records are gone
    /-/add       {"name": …, "shard": …, "records": [RECORD, …], "closed": bool}
    /-/set       {"clock": seconds that the service is ahead,
                  "keys": {ID: [SECRET, TOKEN or null]}: signatures are checked,
                  "expired": [ID, …]: these have ended,
                  "looks": how often DescribeStreamSummary tells that a stream is
                  CREATING or DELETING (1),
                  "cbor": "as AWS"; "text": data is base64, times are seconds;
                  "pieces": strings come in pieces; "none": it does not know CBOR}
    /-/fault     {"fault": NAME, "op": ACTION or "any", "shard": …, "times": N,
                 "after": N, …}: as in fault_s3.py
    /-/records   {"name": …}: what there is, as [shard, key, base64]
    /-/turns     {"shard": …, "turns": [TURN, …]}: what its next subscriptions are sent,
                 see fan_out.py
    /-/cut       {}: closes the connections that answers are sent on
    /-/counters  {}: what was asked since the last time: for each action how often, the
                 most requests at a time, for each shard when records were asked for,
                 "puts": how many records each PutRecords had, and "cbor": how
                 many requests were in CBOR

SHARD is {"id": …, "parents": [ID, …], "range": [FIRST, LAST], "closed": bool,
"records": [RECORD, …], "batch": records an answer (10000), "empty": {"N": so many
empty answers before record N}, "behind": milliseconds that every answer says,
"start": and "end": sequence numbers}.  With "generate": {"count": N, "data": …} the
records need not be told; "{}" in the data is the number.

RECORD is {"data": text, or "base64": text, "key": "k", "at": milliseconds (a minute
ago), "sequence": number (1000, 1001, …)}.

Faults: hang, hang_body, close, half (of the body; hang_half: and then nothing, reset:
the connection is), tail ("bytes" behind the body), garbage, html, error
("status", "type", "message"), latency ("ms", then the answer), no_date, xml
(an error of the front end), refuse (of a PutRecords the "entries": numbers from 0,
or those with the "keys", with "type" and "message"), silent (it is done, and the
connection closed).
"""
import argparse
import base64
import collections
import hashlib
import json
import os
import socket
import stat
import struct
import sys
import threading
import time
from calendar import timegm
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aws_cbor
import aws_signature
import fan_out
import http2_answer

LAST_KEY = 2 ** 128 - 1
OWN_ACCOUNT = "123456789012"
lock = threading.Lock()
streams = {}
faults = []
turns = {}                      # shard: [turn, ...]
consumers = {}                  # ARN of stream, name: looks until it is active
settings = {"clock": 0, "keys": {}, "expired": [], "looks": 1, "cbor": "as AWS"}
counters = {}
sending = set()                 # connections
now_in_flight = 0


class Refused(Exception):
    def __init__(self, code, message, status=400):
        self.code, self.message, self.status = code, message, status


def now():
    return time.time() + settings["clock"]


def record_in_cbor(record):
    if settings["cbor"] == "text":
        return dict(record, ApproximateArrivalTimestamp=record["ApproximateArrivalTimestamp"] / 1000)
    try:
        return dict(record, Data=base64.b64decode(record["Data"], validate=True))
    except ValueError:          # stays what it is, a text
        return record


def in_cbor(answer):
    if "Records" in answer:
        answer = dict(answer, Records=[record_in_cbor(record) for record in answer["Records"]])
    return aws_cbor.dumps(answer, settings["cbor"] == "pieces")


class Shard:
    def __init__(self, what):
        self.id = what["id"]
        self.parents = what.get("parents", [])
        self.range = [str(key) for key in what.get("range", [0, LAST_KEY])]
        self.closed = what.get("closed", False)
        self.batch = what.get("batch", 10000)
        self.empty = {int(n): count for n, count in what.get("empty", {}).items()}
        self.behind = what.get("behind")
        self.start = str(what.get("start", 1))
        self.end = str(what.get("end", 10 ** 30))
        self.took_at = collections.deque()
        self.trimmed = 0
        self.records = []
        self.add(what.get("records", []))

    def add(self, records):
        for record in records:
            number = int(record.get("sequence", 1000 + len(self.records)))
            data = record["base64"] if "base64" in record else \
                base64.b64encode(record["data"].encode()).decode()
            at = float(record.get("at", (now() - 60) * 1000))
            self.records.append((number, at, {
                "SequenceNumber": str(number), "ApproximateArrivalTimestamp": at / 1000,
                "Data": data, "PartitionKey": record.get("key", "k")}))

    def takes(self, rate):
        """Has it room for a record now, at so many a second?"""
        while self.took_at and self.took_at[0] < time.monotonic() - 1:
            self.took_at.popleft()
        if rate is not None and len(self.took_at) >= rate:
            return False
        self.took_at.append(time.monotonic())
        return True

    def put(self, record):
        self.add([{"base64": record["Data"], "key": record["PartitionKey"], "at": now() * 1000}])
        return {"SequenceNumber": str(self.records[-1][0]), "ShardId": self.id}

    def listed(self):
        listed = {"ShardId": self.id,
                  "HashKeyRange": {"StartingHashKey": self.range[0], "EndingHashKey": self.range[1]},
                  "SequenceNumberRange": {"StartingSequenceNumber": self.start}}
        if self.closed:
            listed["SequenceNumberRange"]["EndingSequenceNumber"] = self.end
        for name, parent in zip(("ParentShardId", "AdjacentParentShardId"), self.parents):
            listed[name] = parent
        return listed

    def position(self, kind, request):
        if kind == "TRIM_HORIZON":
            return 0
        if kind == "AT_TIMESTAMP":
            for n, (_, at, _) in enumerate(self.records):
                if at >= request["Timestamp"] * 1000:
                    return n
            return len(self.records)
        wanted = int(request["StartingSequenceNumber"])
        if wanted not in (number for number, _, _ in self.records[self.trimmed:]):
            raise Refused("InvalidArgumentException", "StartingSequenceNumber %d is none of shard %s" % (wanted, self.id))
        for n, (number, _, _) in enumerate(self.records):
            if number > wanted or (kind == "AT_SEQUENCE_NUMBER" and number == wanted):
                return n
        return len(self.records)

    def answer(self, stream, at, given):
        """From a record on, after so many empty ones"""
        at = max(at, self.trimmed)
        empty = given < self.empty.get(at, 0)
        records = [] if empty else [record for _, _, record in self.records[at:at + self.batch]]
        end = at + len(records) == len(self.records) and not empty
        answer = {"Records": records, "MillisBehindLatest": 0 if end else 1000 * (len(self.records) - at)}
        if self.behind is not None:
            answer["MillisBehindLatest"] = self.behind
        if end and self.closed:
            answer["ChildShards"] = [
                {"ShardId": shard.id, "ParentShards": shard.parents, "HashKeyRange": shard.listed()["HashKeyRange"]}
                for shard in stream.shards if self.id in shard.parents]
        else:
            answer["NextShardIterator"] = stream.iterator(self, at + len(records), given + 1 if empty else 0)
        return answer


class Stream:
    def __init__(self, what):
        self.name = what["name"]
        self.shards = [Shard(shard) for shard in what["shards"]]
        self.retention = what.get("retention", 24)
        self.status = what.get("status", "ACTIVE")
        self.page = what.get("page", 1000)
        self.created = what.get("created", 1700000000000)
        self.account = what.get("account", OWN_ACCOUNT)
        self.looks = settings["looks"]
        self.largest = what.get("largest", 1024 * 1024)
        self.rate = what.get("rate")

    def shard(self, name):
        for shard in self.shards:
            if shard.id == name:
                return shard
        raise Refused("ResourceNotFoundException", "Shard %s in stream %s does not exist" % (name, self.name))

    def shard_for(self, record):
        """The open shard that a record to be put belongs to"""
        key = hashlib.md5(record["PartitionKey"].encode()).hexdigest()
        key = int(record["ExplicitHashKey"]) if "ExplicitHashKey" in record else int(key, 16)
        for shard in self.shards:
            if not shard.closed and int(shard.range[0]) <= key <= int(shard.range[1]):
                return shard
        raise Refused("ResourceInUseException", "No shard is open")

    def iterator(self, shard, at, given):
        return base64.b64encode(json.dumps([self.name, shard.id, at, given, self.created]).encode()).decode()


def stream_of(request):
    name = request.get("StreamName")
    account = OWN_ACCOUNT
    if not name:
        account, _, name = request["StreamARN"].split(":", 4)[4].partition(":stream/")
    if name not in streams or streams[name].account != account:
        raise Refused("ResourceNotFoundException", "Stream %s under account %s not found." % (name, account))
    return streams[name]


def list_streams(request):
    names = sorted(streams)
    after = request.get("NextToken") or request.get("ExclusiveStartStreamName") or ""
    names = [name for name in names if name > after]
    return {"StreamNames": names[:100], "HasMoreStreams": len(names) > 100}


def create_stream(request):
    name, count = request["StreamName"], request["ShardCount"]
    if name in streams:
        raise Refused("ResourceInUseException", "Stream %s under account 123456789012 already exists." % name)
    ends = [LAST_KEY * n // count for n in range(count + 1)]
    streams[name] = Stream({"name": name, "status": "CREATING", "shards": [
        {"id": "shardId-%012d" % n, "range": [ends[n] + (n > 0), ends[n + 1]]} for n in range(count)]})


def delete_stream(request):
    stream = stream_of(request)
    stream.status, stream.looks = "DELETING", settings["looks"]


def describe(request):
    stream = stream_of(request)
    if stream.status in ("CREATING", "DELETING"):
        stream.looks -= 1
        if stream.looks < 0 and stream.status == "DELETING":
            del streams[stream.name]
            stream_of(request)
        elif stream.looks < 0:
            stream.status = "ACTIVE"
    return {"StreamDescriptionSummary": {
        "StreamName": stream.name, "StreamStatus": stream.status, "RetentionPeriodHours": stream.retention,
        "StreamARN": "arn:aws:kinesis:us-east-1:%s:stream/%s" % (stream.account, stream.name),
        "StreamCreationTimestamp": stream.created / 1000,
        "OpenShardCount": sum(not shard.closed for shard in stream.shards)}}


def list_shards(request):
    if "NextToken" in request:
        name, at = json.loads(base64.b64decode(request["NextToken"]))
        stream = streams[name]
    else:
        stream, at = stream_of(request), 0
    answer = {"Shards": [shard.listed() for shard in stream.shards[at:at + stream.page]]}
    if at + stream.page < len(stream.shards):
        answer["NextToken"] = base64.b64encode(json.dumps([stream.name, at + stream.page]).encode()).decode()
    return answer


def get_iterator(request):
    stream = stream_of(request)
    shard = stream.shard(request["ShardId"])
    return {"ShardIterator": stream.iterator(shard, shard.position(request["ShardIteratorType"], request), 0)}


def get_records(request):
    name, shard, at, given, created = json.loads(base64.b64decode(request["ShardIterator"]))
    if name not in streams:
        raise Refused("ResourceNotFoundException", "Stream %s under account %s not found." % (name, OWN_ACCOUNT))
    stream = streams[name]
    if stream.created != created:
        raise Refused("ResourceNotFoundException", "Shard %s in stream %s does not exist" % (shard, name))
    counters.setdefault("shards", {}).setdefault(shard, []).append(time.monotonic())
    return stream.shard(shard).answer(stream, at, given)


def check_put(stream, records):
    """The limits of the service"""
    size = 0
    if not 1 <= len(records) <= 500:
        raise Refused("ValidationException", "Member must have length less than or equal to 500")
    for number, record in enumerate(records):
        length = len(base64.b64decode(record["Data"], validate=True)) + len(record["PartitionKey"].encode())
        size += length
        if not 1 <= len(record["PartitionKey"]) <= 256:
            raise Refused("ValidationException", "Member must have length less than or equal to 256")
        if not 0 <= int(record.get("ExplicitHashKey", 0)) <= LAST_KEY:
            raise Refused("InvalidArgumentException", "Invalid ExplicitHashKey")
        if length > stream.largest:
            raise Refused("ValidationException", "1 validation error detected: Value at 'records.%d.member.data' "
                          "failed to satisfy constraint: Member must have length less than or equal to %d" % (
                              number + 1, stream.largest))
    if size > 10 * 1024 * 1024:
        raise Refused("InvalidArgumentException", "Records size exceeds 10 MB limit")


def put_records(request, fault):
    stream = stream_of(request)
    records = request["Records"]
    check_put(stream, records)
    counters.setdefault("puts", []).append(len(records))
    answer = []
    for number, record in enumerate(records):
        shard = stream.shard_for(record)
        if fault["fault"] == "refuse" and (number in fault.get("entries", []) or
                                           record["PartitionKey"] in fault.get("keys", [])):
            answer.append({"ErrorCode": fault["type"], "ErrorMessage": fault.get("message", "")})
        elif not shard.takes(stream.rate):
            answer.append({"ErrorCode": "ProvisionedThroughputExceededException",
                           "ErrorMessage": "Rate exceeded for shard %s in stream %s" % (shard.id, stream.name)})
        else:
            answer.append(shard.put(record))
    return {"FailedRecordCount": sum("ErrorCode" in entry for entry in answer), "Records": answer}


def register_consumer(request):
    key = (request["StreamARN"], request["ConsumerName"])
    if key in consumers:
        raise Refused("ResourceInUseException", "Consumer %s is there" % key[1])
    consumers[key] = settings["looks"]
    return {"Consumer": describe_consumer(request)["ConsumerDescription"]}


def describe_consumer(request):
    key = (request["StreamARN"], request["ConsumerName"])
    if key not in consumers:
        raise Refused("ResourceNotFoundException", "Consumer %s not found." % key[1])
    consumers[key] -= 1
    return {"ConsumerDescription": {"ConsumerName": key[1], "ConsumerARN": "%s/consumer/%s:1" % key,
                                    "ConsumerStatus": "CREATING" if consumers[key] >= 0 else "ACTIVE"}}


def subscribe(exchange, request):
    """Of a request that comes in HTTP/2, which is none but this"""
    with lock:
        counters["SubscribeToShard"] = counters.get("SubscribeToShard", 0) + 1
        counters.setdefault("positions", []).append(request["StartingPosition"])
        try:
            stream = stream_of({"StreamARN": request["ConsumerARN"].partition("/consumer/")[0]})
            shard = stream.shard(request["ShardId"])
            start = request["StartingPosition"]
            at = shard.position(start["Type"], {"StartingSequenceNumber": start.get("SequenceNumber"),
                                                "Timestamp": start.get("Timestamp")})
        except Refused as refused:
            return fan_out.refuse(exchange, now(), refused.code, refused.message)
        waiting = turns.get(shard.id, [])
        turn = waiting.pop(0) if waiting else None
    return fan_out.subscribe(exchange, stream, shard, at, turn, now())


ACTIONS = {"RegisterStreamConsumer": register_consumer, "DescribeStreamConsumer": describe_consumer,
           "CreateStream": create_stream, "DeleteStream": delete_stream,
           "ListStreams": list_streams, "DescribeStreamSummary": describe, "ListShards": list_shards,
           "GetShardIterator": get_iterator, "GetRecords": get_records}


def shard_of(request):
    if "ShardIterator" in request:
        return json.loads(base64.b64decode(request["ShardIterator"]))[1]
    return request.get("ShardId", "")


def fault_for(op, request):
    for fault in faults:
        if fault.get("op", "any") in (op, "any") and fault.get("shard", "") in ("", shard_of(request)):
            if fault.get("after", 0) > 0:
                fault["after"] -= 1
                continue
            if "times" in fault:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    faults.remove(fault)
            return fault
    return {"fault": None}


def check_signature(headers, body):
    credential = aws_signature.credential_of(headers)
    if not credential or credential[3] != "kinesis":
        raise Refused("IncompleteSignatureException", "Authorization header is not complete")
    key, day, region, _, signed, signature = credential
    if key not in settings["keys"]:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    secret, token = settings["keys"][key]
    if key in settings["expired"]:
        raise Refused("ExpiredTokenException", "The security token included in the request is expired")
    if headers.get("X-Amz-Security-Token") != token:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    date = headers["X-Amz-Date"]
    off = timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) - now()
    if off < -300:
        raise Refused("InvalidSignatureException", "Signature expired: %s is now earlier than …" % date)
    if off > 300:
        raise Refused("InvalidSignatureException", "Signature not yet current: %s is still later than …" % date)
    for needed in ("host", "x-amz-date", "x-amz-target") + (("x-amz-security-token",) if token else ()):
        if needed not in signed.split(";"):
            raise Refused("InvalidSignatureException", "'%s' must be a signed header" % needed)
    if signature != aws_signature.signature_of(headers, secret, "POST", "/", body) or day != date[:8]:
        raise Refused("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
    if region != "us-east-1":
        raise Refused("InvalidSignatureException", "Credential should be scoped to a valid region.")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *args):
        pass

    cbor = False

    def encode(self, answer):
        """As the request was encoded"""
        return in_cbor(answer) if self.cbor else json.dumps(answer).encode()

    def send(self, status, body, content_type="application/x-amz-json-1.1", date=True, cut=None):
        self.send_response_only(status)
        if date:
            self.send_header("Date", formatdate(now(), usegmt=True))
        self.send_header("x-amzn-RequestId", "00000000-0000-0000-0000-000000000001")
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.flush()
        sending.add(self.connection)
        try:
            self.connection.sendall(body if cut is None else body[:cut])
        finally:
            sending.discard(self.connection)

    def error(self, status, code, message):
        self.send(status, self.encode({"__type": "com.amazonaws.kinesis.v20131202#" + code, "message": message}))

    def parse_request(self):
        if not self.raw_requestline.startswith(b"PRI "):
            return super().parse_request()
        self.close_connection = True
        try:
            exchange = http2_answer.Exchange(self.rfile, self.wfile)
            subscribe(exchange, json.loads(exchange.body))
        except (http2_answer.Closed, OSError):
            pass
        return False

    def do_POST(self):
        global now_in_flight
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/-/"):
            with lock:
                return self.control(self.path[3:], json.loads(body))
        op = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        self.cbor = "cbor" in self.headers.get("Content-Type", "")
        with lock:
            if self.cbor:
                counters["cbor"] = counters.get("cbor", 0) + 1
                if settings["cbor"] == "none":
                    return self.send(500, b"<html><body>Sorry</body></html>", "text/html")
            request = aws_cbor.loads(body) if self.cbor else json.loads(body)
            counters[op] = counters.get(op, 0) + 1
            now_in_flight += 1
            counters["most"] = max(counters.get("most", 0), now_in_flight)
            fault = fault_for(op, request)
        try:
            self.answer(op, request, body, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with lock:
                now_in_flight -= 1

    def do_GET(self):
        self.error(404, "UnknownOperationException", "")

    def answer(self, op, request, body, fault):
        kind = fault["fault"]
        if kind == "latency":
            time.sleep(fault["ms"] / 1000)
        elif kind in ("hang", "hang_body"):
            if kind == "hang_body":
                self.send(200, self.encode({"Records": []})[:-2] + b" " * 1000, cut=500)
            while self.connection.recv(1):
                pass
            self.close_connection = True
            return
        elif kind == "close":
            self.close_connection = True
            return
        elif kind == "error":
            return self.error(fault["status"], fault["type"], fault.get("message", ""))
        elif kind == "html":
            return self.send(fault.get("status", 200), b"<html><body>Sorry</body></html>", "text/html")
        elif kind == "xml":
            return self.send(403, b"<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>" % (
                fault["type"].encode(), fault.get("message", "").encode()), "text/xml")
        elif kind == "garbage":
            return self.send(200, self.encode({"Records": [{"Data": "e30=", "PartitionKey": ""}]})[:-5])
        try:
            with lock:
                if settings["keys"]:
                    check_signature(self.headers, body)
                answer = put_records(request, fault) if op == "PutRecords" else ACTIONS[op](request)
            if kind == "silent":
                self.close_connection = True
                return
        except Refused as refused:
            return self.error(refused.status, refused.code, refused.message)
        answer = self.encode(answer) if answer else b""
        broken = kind in ("half", "hang_half", "reset")
        if kind == "tail":
            answer += fault["bytes"].encode()
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.send(200, answer, date=kind != "no_date", cut=len(answer) // 2 if broken else None)
        if kind == "hang_half":
            self.connection.recv(1)
        self.close_connection = broken

    def control(self, what, request):
        global counters
        answer = {}
        if what == "stream":
            names = [request["name"] + "%03d" % n for n in range(1, request.get("copies", 0) + 1)]
            for name in [request["name"]] + names:
                streams[name] = Stream(dict(request, name=name))
        elif what == "delete":
            del streams[request["name"]]
        elif what == "trim":
            streams[request["name"]].shard(request["shard"]).trimmed = request["to"]
        elif what == "add":
            shard = streams[request["name"]].shard(request["shard"])
            shard.add(request.get("records", []))
            shard.closed = request.get("closed", shard.closed)
        elif what == "set":
            settings.update(request)
        elif what == "fault":
            faults.append(request)
        elif what == "turns":
            turns[request["shard"]] = request["turns"]
        elif what == "clear":
            faults.clear()
            turns.clear()
        elif what == "records":
            answer["records"] = [[shard.id, record["PartitionKey"], record["Data"]]
                                 for shard in streams[request["name"]].shards for _, _, record in shard.records]
        elif what == "cut":
            for connection in list(sending):
                connection.shutdown(socket.SHUT_RDWR)
        elif what == "counters":
            answer, counters = counters, {}
        self.send(200, json.dumps(answer).encode())


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = Server(("127.0.0.1", parser.parse_args().port), Handler)
    print("http://127.0.0.1:%d" % server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.read()
    else:
        threading.Event().wait()


main()
