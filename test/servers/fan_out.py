"""SubscribeToShard of fault_kinesis.py: consumers, and what they are sent.

A subscription goes through the next turn that was told for its shard, a list of

    {"send": N}          an event with the next N records; "last": true: nothing is
                         behind; "null": true: it is the end of the shard
    {"empty": MS}        one without, so many milliseconds behind
    {"error": CODE, "message": …, "type": "exception" or "error"}
    {"bytes": HEX}       these, whatever they are
    {"pieces": N}        what follows is sent in frames of N bytes
    {"wait": SECONDS}
    {"spoil": N}         the byte N of the next message is changed
    {"half": true}       the next event is broken off, and the connection closed
    {"refuse": CODE, "status": …, "message": …}    instead of all that
    {"end": true}        the answer ends; {"reset": true}: is reset

and then waits until the consumer goes.  Without a turn it sends all there is, and then
that nothing is behind.
"""
import json
import struct
import zlib
from email.utils import formatdate

import http2_answer


def header(name, value):
    return bytes([len(name)]) + name.encode() + b"\7" + struct.pack(">H", len(value)) + value.encode()


def message(headers, payload):
    head = b"".join(header(name, value) for name, value in headers)
    start = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    start += struct.pack(">I", zlib.crc32(start)) + head + payload
    return start + struct.pack(">I", zlib.crc32(start))


def event(name, payload):
    return message([(":message-type", "event"), (":event-type", name), (":content-type", "application/json")],
                   json.dumps(payload).encode())


class Subscription:
    def __init__(self, exchange, stream, shard, at):
        self.exchange, self.stream, self.shard, self.at = exchange, stream, shard, at
        self.piece = http2_answer.PIECE
        self.spoilt = None
        self.half = False

    def put(self, data):
        if self.spoilt is not None:
            data = bytearray(data)
            data[self.spoilt] ^= 0xFF
            self.spoilt = None
        if self.half:
            self.exchange.send(bytes(data[:len(data) // 2]), self.piece)
            raise http2_answer.Closed
        self.exchange.send(bytes(data), self.piece)

    def records(self, n, behind, closed):
        records = [record for _, _, record in self.shard.records[self.at:self.at + n]]
        self.at += len(records)
        number = self.shard.records[self.at - 1][0] if self.at > 0 else int(self.shard.start)
        what = {"Records": records, "MillisBehindLatest": behind,
                "ContinuationSequenceNumber": None if closed else str(number)}
        if closed:
            what["ChildShards"] = [{"ShardId": child.id} for child in self.stream.shards if self.shard.id in child.parents]
        self.put(event("SubscribeToShardEvent", what))

    def everything(self):
        while self.at < len(self.shard.records):
            self.records(self.shard.batch, 1000, False)
        self.records(0, 0, self.shard.closed)

    def step(self, step):
        """False if the answer is over"""
        if "send" in step:
            self.records(step["send"], 0 if step.get("last") else 1000, step.get("null", False))
        elif "empty" in step:
            self.records(0, step["empty"], False)
        elif "error" in step:
            kind = step.get("type", "exception")
            if kind == "exception":
                self.put(message([(":message-type", kind), (":exception-type", step["error"])],
                                 json.dumps({"message": step.get("message", "")}).encode()))
            else:
                self.put(message([(":message-type", kind), (":error-code", step["error"]),
                                  (":error-message", step.get("message", ""))], b""))
        elif "bytes" in step:
            self.put(bytes.fromhex(step["bytes"]))
        elif "end" in step:
            self.exchange.end()
            return False
        elif "reset" in step:
            self.exchange.reset()
            return False
        elif "wait" in step:
            return not self.exchange.wait_until_closed(step["wait"])
        self.piece = step.get("pieces", self.piece)
        self.spoilt = step.get("spoil", self.spoilt)
        self.half = step.get("half", self.half)
        return True


def head(exchange, status, content_type, clock, last=False):
    exchange.head(status, [("content-type", content_type), ("date", formatdate(clock, usegmt=True)),
                           ("x-amzn-requestid", "00000000-0000-0000-0000-000000000002")], last)


def refuse(exchange, clock, code, text, status=400):
    head(exchange, status, "application/x-amz-json-1.1", clock)
    exchange.send(json.dumps({"__type": code, "message": text}).encode())
    exchange.end()


def subscribe(exchange, stream, shard, at, turn, clock):
    subscription = Subscription(exchange, stream, shard, at)
    if turn and "refuse" in turn[0]:
        return refuse(exchange, clock, turn[0]["refuse"], turn[0].get("message", ""), turn[0].get("status", 400))
    head(exchange, 200, "application/vnd.amazon.eventstream", clock)
    subscription.put(event("initial-response", {}))
    if turn is None:
        subscription.everything()
    for step in turn or []:
        if not subscription.step(step):
            return None
    exchange.wait_until_closed()
    return None
