#!/usr/bin/env python3
"""An S3 server that misbehaves on demand.  Standard library only.

    fault_s3.py [--port PORT] [--latency MILLISECONDS] [--tls CERTIFICATE KEY]
                [--skew SECONDS]

listens on 127.0.0.1, prints its endpoint as the first line, and ends when its
standard input, if that is a pipe, is closed.  Objects live in memory, buckets
are made by the first PUT, and signatures are not looked at (versitygw does
that).  The bucket is in the path, or in the host name, BUCKET.localhost or
BUCKET.s3.REGION.amazonaws.com.  With
--skew each answer has a Date, that far ahead; without it none has.

Control, beside the S3 API:

    PUT    /BUCKET/KEY          stores an object
    POST   /-/BUCKET/generate   {"count": N, "key": "a{:010d}.json", "body": "…"}
                                N objects that need no memory; keys must sort
                                as their numbers do; "{}" in the body is the number
    POST   /-/BUCKET/objects    {KEY: BODY, …}: stores them all
    POST   /-/BUCKET/fault      adds a fault, see below
    GET    /-/BUCKET            counters as JSON; "uploads" are those begun and
                                neither completed nor aborted
    GET    /-/BUCKET/headers    the headers of the last request, names in lower case
    DELETE /-/BUCKET            forgets the bucket, its faults and counters

A fault is {"fault": NAME, "op": OPERATION | "any", "key": PREFIX, "times": N,
"after": N, …}.  Operations are list and get, and those that write, to which
"any" does not apply: put, create, part, complete, abort and head.  With "after"
that many requests are let through before, with "every" all but each Nth.  The first
one that matches a request is applied; with "times" it is gone after N requests, with
"for" after so many milliseconds, so that faults in a row make a story.

    hang                 no answer
    hang_body            half of the body, then nothing
    close, reset         the connection is closed or reset instead of an answer
    half, reset_body     half of the body, then the same
    html                 "status", a page of HTML; "repeat" times as long
    endless_html         "status", a page of HTML that goes on
    error                "status", "code", "message", "extra" {element: text}
    garbage              200 and XML that breaks off
    replace              the object has new content from now on
    gone                 the object is no more, from now on
    endless              each page of the listing is truncated, with a new token
    same_token, no_token a truncated page whose token leads nowhere
    backwards            truncated pages of keys before those of the last page
    empty                truncated pages without keys, each with a new token
    cycle                behind the last page comes the first, with a new token
    ignore_range         the whole body and 200, whatever part was asked for
    wrong_range          206, but another part than the one asked for
    chunked              the body in chunks, its length not announced
    early_hints          an answer 103 before the real one
    no_etag, weak_etag   the answer names no version, or only a weak one
    bare_etag            the listing names versions without the quotes
    endless_body         the body, again and again
    cut                  half of the body; closed "ms" after that
    half_head            a line and a half of the answer's head, then closed
    short                half of the body, and a Content-Length to match
    corrupt              some bytes of the body are others
    drip                 the body, one byte in "ms"
    no_end               the body in chunks, closed before the last one, which is empty
    drop                 a whole answer, then the connection is closed unannounced
    region               refused with "status" and "code", as by AWS, unless it is sent
                         to, and signed for, "region"
    skew                 refused unless x-amz-date fits a clock "seconds" ahead
    echo                 200 and the headers of the request as JSON
    lost                 it is done, but the connection is closed without answer
    error_in_200         "code", for complete
    latency              "ms" of waiting, then the next fault or the answer
    await_get            the answer, as soon as "gets" objects have been asked for
"""
import argparse
import asyncio
import bisect
import hashlib
import json
import os
import re
import socket
import ssl
import stat
import struct
import sys
import time
from calendar import timegm
from email.utils import formatdate
from urllib.parse import parse_qsl, quote_plus, unquote
from xml.sax.saxutils import escape

LAST_MODIFIED = "2022-10-18T12:00:00.000Z"
HTTP_DATE = "Tue, 18 Oct 2022 12:00:00 GMT"
WRITING = ("put", "create", "part", "complete", "abort", "head")
REASONS = {200: "OK", 204: "No Content", 206: "Partial Content", 301: "Moved Permanently",
           302: "Found", 307: "Temporary Redirect", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 412: "Precondition Failed",
           416: "Range Not Satisfiable", 500: "Internal Server Error", 502: "Bad Gateway",
           503: "Service Unavailable"}


def etag_of(body):
    return '"%s"' % hashlib.md5(body).hexdigest()


class Bucket:
    def __init__(self):
        self.objects = {}
        self.keys = []          # sorted
        self.generated = None   # (count, key format, body format)
        self.faults = []
        self.last_headers = {}
        self.uploads = {}       # id: (key, {number: body}, metadata)
        self.metadata = {}      # key: headers
        self.counters = dict(list=0, get=0, range=0, put=0, in_flight=0,
                             max_in_flight=0, connections=0, abandoned=0,
                             create=0, part=0, complete=0, abort=0, head=0)

    def put(self, key, body):
        if key not in self.objects:
            bisect.insort(self.keys, key)
        self.objects[key] = (body, etag_of(body))

    def remove(self, key):
        self.keys.remove(key)
        del self.objects[key]

    def get(self, key):
        """(body, etag), or None"""
        if self.generated is None or key in self.objects:
            return self.objects.get(key)
        count, key_format, body_format = self.generated
        number = re.fullmatch(re.sub(r"\\{.*?\\}", "([0-9]+)", re.escape(key_format)), key)
        if number is None or int(number[1]) >= count:
            return None
        body = body_format.replace("{}", str(int(number[1]))).encode()
        return body, etag_of(body)

    def page(self, prefix, after, max_keys):
        """Keys with the prefix beyond "after", one more than max_keys if there are"""
        if self.generated is None:
            at = bisect.bisect_right(self.keys, after) if after > prefix else \
                bisect.bisect_left(self.keys, prefix)
            keys = self.keys[at:at + max_keys + 1]
            return [key for key in keys if key.startswith(prefix)]
        count, key_format, _ = self.generated
        number = re.search(r"([0-9]+)\D*$", after)
        at = int(number[1]) + 1 if number else 0
        keys = (key_format.format(i) for i in range(at, min(count, at + max_keys + 1)))
        return [key for key in keys if key.startswith(prefix)]

    def fault_for(self, op, key, waited):
        for fault in self.faults:
            if waited and fault["fault"] == "latency":
                continue
            wanted = fault.get("op", "any")
            if (wanted == op or (wanted == "any" and op not in WRITING)) and \
                    key.startswith(fault.get("key", "")):
                if fault.get("after", 0) > 0:
                    fault["after"] -= 1
                    return None
                if "for" in fault and time.monotonic() > fault.setdefault("end", time.monotonic() + fault["for"] / 1000):
                    self.faults.remove(fault)
                    return None
                fault["seen"] = fault.get("seen", 0) + 1
                if fault["seen"] % fault.get("every", 1) != 0:
                    return None
                if "times" in fault:
                    fault["times"] -= 1
                    if fault["times"] <= 0:
                        self.faults.remove(fault)
                return fault
        return None


class Connection(asyncio.Protocol):
    """One client connection: one request at a time, kept alive."""

    def __init__(self, server):
        self.server = server
        self.buffer = bytearray()
        self.busy = None        # the bucket of the request in flight
        self.seen = set()       # buckets this connection was counted for

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc):
        if self.busy:
            self.busy.counters["abandoned"] += 1
            self.end_request()

    def data_received(self, data):
        self.buffer += data
        while self.busy is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            lines = self.buffer[:end].decode("latin-1").split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
            length = int(headers.get("content-length", 0))
            if len(self.buffer) < end + 4 + length:
                if headers.get("expect") == "100-continue":
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self.buffer[end + 4:end + 4 + length])
            del self.buffer[:end + 4 + length]
            method, target, _ = lines[0].split(" ", 2)
            self.request(method, target, headers, body)

    # -- one request

    def request(self, method, target, headers, body):
        path, _, query = target.partition("?")
        host = headers.get("host", "").partition(":")[0]
        named = re.fullmatch(r"(.+?)\.(localhost|s3\.[a-z0-9-]+\.amazonaws\.com(\.cn)?)", host)
        if named:
            path = "/" + named[1] + path
        name, _, key = path[1:].partition("/")
        name, key = unquote(name), unquote(key)
        if name == "-":
            return self.control(method, key, body)
        bucket = self.server.buckets.get(name)
        if method == "PUT" and "authorization" not in headers:
            bucket = self.server.buckets.setdefault(name, Bucket())
            bucket.put(key, body)
            bucket.counters["put"] += 1
            return self.send(200, b"")
        if bucket is None:
            return self.error(404, "NoSuchBucket", "The specified bucket does not exist",
                              {"BucketName": name})
        args = dict(parse_qsl(query, keep_blank_values=True))
        op = {"PUT": "part" if "partNumber" in args else "put",
              "POST": "create" if "uploads" in args else "complete",
              "DELETE": "abort", "HEAD": "head"}.get(method, "get" if key else "list")
        self.body = body
        self.begin_request(bucket, op, headers)
        if self.server.latency:
            asyncio.get_running_loop().call_later(
                self.server.latency / 1000, self.answer, bucket, op, name, key, args, headers)
        else:
            self.answer(bucket, op, name, key, args, headers)

    def begin_request(self, bucket, op, headers):
        counters = bucket.counters
        self.busy = bucket
        bucket.last_headers = headers
        counters[op] += 1
        if "range" in headers:
            counters["range"] += 1
        if id(bucket) not in self.seen:
            self.seen.add(id(bucket))
            counters["connections"] += 1
        counters["in_flight"] += 1
        counters["max_in_flight"] = max(counters["max_in_flight"], counters["in_flight"])

    def end_request(self):
        if self.busy:
            self.busy.counters["in_flight"] -= 1
            self.busy = None

    def answer(self, bucket, op, name, key, args, headers, waited=False):
        if self.transport.is_closing():
            return
        fault = bucket.fault_for(op, key or args.get("prefix", ""), waited)
        kind = fault["fault"] if fault else None
        if kind == "latency":
            asyncio.get_running_loop().call_later(
                fault["ms"] / 1000, self.answer, bucket, op, name, key, args, headers, True)
        elif kind == "await_get":
            self.await_gets(fault["gets"], bucket, op, name, key, args, headers)
        elif kind == "hang":
            pass
        elif kind == "close":
            self.end_request()
            self.transport.close()
        elif kind == "reset":
            self.reset()
        elif kind == "html":
            page = b"<html><head><title>Sorry</title></head><body>Sorry</body></html>\n"
            self.send(fault.get("status", 200), page * fault.get("repeat", 1),
                      {"Content-Type": "text/html"})
        elif kind == "endless_html":
            self.send(fault["status"], b"<html><body>" + b"Sorry. " * 1000, {}, "endless_body")
        elif kind == "error":
            self.error(fault["status"], fault["code"], fault.get("message", fault["code"]),
                       fault.get("extra", {}), fault.get("headers", {}))
        elif kind == "region":
            region = fault["region"]
            signed = re.search(r"Credential=[^/]+/[0-9]+/([^/]+)/", headers.get("authorization", ""))
            if signed and signed[1] == region and ".%s." % region in headers["host"]:
                if op in WRITING:
                    return self.write_object(bucket, op, key, args, headers, None)
                return self.real_answer(bucket, op, name, key, args, headers, None)
            told = {} if fault.get("silent") else {"x-amz-bucket-region": region}
            if "to" in fault:
                told["Location"] = fault["to"]
            self.error(fault["status"], fault["code"], "It is not here.",
                       {"Region": region} if fault["status"] == 400 else {}, told)
        elif kind == "skew":
            ahead = time.time() + fault["seconds"]
            said = timegm(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
            if abs(ahead - said) > 900:
                self.error(403, "RequestTimeTooSkewed", "The difference is too large.", {},
                           {"Date": formatdate(ahead, usegmt=True)})
            else:
                self.real_answer(bucket, op, name, key, args, headers, None)
        elif kind == "echo":
            self.send(200, json.dumps({"headers": headers}).encode(), {"Content-Type": "application/json"})
        elif kind == "garbage":
            self.send(200, b'<?xml version="1.0"?><ListBucketResult><Contents><Key>a&nosuch;</Ke',
                      {"Content-Type": "application/xml"})
        else:
            if op in WRITING:
                return self.write_object(bucket, op, key, args, headers, fault)
            if kind == "replace":
                bucket.put(key, bucket.get(key)[0].replace(b"{", b'{"replaced":true,', 1))
            elif kind == "gone":
                bucket.remove(key)
            self.real_answer(bucket, op, name, key, args, headers, kind, fault)

    def await_gets(self, gets, bucket, *request):
        if bucket.counters["get"] >= gets:
            self.real_answer(bucket, *request, None)
        else:
            asyncio.get_running_loop().call_later(0.01, self.await_gets, gets, bucket, *request)

    def real_answer(self, bucket, op, name, key, args, headers, kind, fault=None):
        self.cut_after = fault.get("ms", 0) / 1000 if fault else 0
        (self.get_object if op == "get" else self.list_objects)(bucket, name, key, args, headers, kind)

    def write_object(self, bucket, op, key, args, headers, fault):
        kind = fault["fault"] if fault else None
        exists = op in ("put", "complete") and headers.get("if-none-match") == "*" and key in bucket.objects
        upload = bucket.uploads.get(args.get("uploadId"))
        extra = {}
        answer = b""
        metadata = {name: value for name, value in headers.items() if name.startswith("x-amz-meta-")}
        if op == "head":
            head = "HTTP/1.1 %d Head\r\nContent-Length: %d\r\n" % (
                (200, len(bucket.objects[key][0])) if key in bucket.objects else (404, 0))
            head += "".join("%s: %s\r\n" % header for header in bucket.metadata.get(key, {}).items())
            self.transport.write(head.encode() + b"\r\n")
            return self.end_request()
        if exists:
            return self.error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {})
        if op in ("part", "complete", "abort") and upload is None:
            return self.error(404, "NoSuchUpload", "The specified upload does not exist.", {})
        if kind == "error_in_200":
            return self.error(200, fault["code"], fault["code"], {})
        if op == "put":
            bucket.put(key, self.body)
            bucket.metadata[key] = metadata
            extra["ETag"] = etag_of(self.body)
        elif op == "create":
            upload_id = "upload+%d/=" % bucket.counters["create"]
            bucket.uploads[upload_id] = (key, {}, metadata)
            answer = "<InitiateMultipartUploadResult><Key>%s</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>" \
                % (escape(key), upload_id)
        elif op == "part":
            upload[1][int(args["partNumber"])] = self.body
            extra["ETag"] = etag_of(self.body)
        elif op == "complete":
            listed = re.findall(r"<PartNumber>(\d+)</PartNumber><ETag>(.*?)</ETag>", self.body.decode())
            parts = upload[1]
            if [int(n) for n, _ in listed] != sorted(parts) or \
                    any(etag_of(parts[int(n)]) != etag for n, etag in listed) or \
                    any(len(parts[n]) < 5 * 1024 * 1024 for n in sorted(parts)[:-1]):
                return self.error(400, "InvalidPart", "One or more of the specified parts could not be found.", {})
            bucket.put(key, b"".join(parts[n] for n in sorted(parts)))
            bucket.metadata[key] = upload[2]
            del bucket.uploads[args["uploadId"]]
            answer = "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>" % etag_of(b"")
        elif op == "abort":
            del bucket.uploads[args["uploadId"]]
        if kind == "lost":
            self.end_request()
            return self.transport.close()
        self.send(204 if op == "abort" else 200, answer.encode() if answer else b"", extra)

    def get_object(self, bucket, name, key, args, headers, kind):
        found = bucket.get(key)
        if found is None:
            return self.error(404, "NoSuchKey", "The specified key does not exist.", {"Key": key})
        body, etag = found
        if headers.get("if-match", etag) not in (etag, "*"):
            return self.error(412, "PreconditionFailed",
                              "At least one of the pre-conditions you specified did not hold",
                              {"Condition": "If-Match"})
        extra = {"ETag": etag, "Last-Modified": HTTP_DATE, "Accept-Ranges": "bytes",
                 "Content-Type": "application/octet-stream"}
        if kind == "no_etag":
            del extra["ETag"]
        elif kind == "weak_etag":
            extra["ETag"] = "W/" + etag
        status = 200
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", ""))
        if wanted and kind != "ignore_range":
            first, last = int(wanted[1]), min(int(wanted[2] or len(body) - 1), len(body) - 1)
            if first > last:
                return self.error(416, "InvalidRange", "The requested range is not satisfiable", {})
            if kind == "wrong_range":
                first -= 1
            extra["Content-Range"] = "bytes %d-%d/%d" % (first, last, len(body))
            body, status = body[first:last + 1], 206
        if kind == "short":
            body = body[:len(body) // 2]
        elif kind == "corrupt":
            body = body[:len(body) // 2] + b"\xff\x00{" + body[len(body) // 2 + 3:]
        self.send(status, body, extra, kind)

    def list_objects(self, bucket, name, key, args, headers, kind):
        prefix = args.get("prefix", "")
        max_keys = min(int(args.get("max-keys", 1000)), 1000)
        token = args.get("continuation-token")
        after = bytes.fromhex(token.split("-")[0]).decode() if token else args.get("start-after", "")
        if kind == "endless":
            after = ""
        elif kind == "backwards" and token:
            after, max_keys = "", 1
        keys = bucket.page(prefix, after, max_keys)
        truncated = len(keys) > max_keys
        keys = keys[:max_keys]
        encoding = args.get("encoding-type") == "url"
        shown = (lambda text: quote_plus(text, safe="/")) if encoding else escape
        next_token = keys[-1].encode().hex() if truncated else None
        if kind == "empty":
            keys = []
        if kind in ("backwards", "empty") or (kind == "cycle" and not truncated):
            truncated = True
            next_token = "%s-%d" % ("" if kind == "cycle" else "61", bucket.counters["list"])
        if kind in ("endless", "same_token", "no_token"):
            truncated = True
            next_token = {"endless": "%s-%d" % ((keys or [""])[-1].encode().hex(), bucket.counters["list"]),
                          "same_token": "", "no_token": None}[kind]
            if kind == "same_token":
                next_token = token or "00"
        parts = ['<?xml version="1.0" encoding="UTF-8"?>\n'
                 '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                 '<Name>%s</Name><Prefix>%s</Prefix><KeyCount>%d</KeyCount><MaxKeys>%d</MaxKeys>'
                 '<IsTruncated>%s</IsTruncated>'
                 % (escape(name), shown(prefix), len(keys), max_keys, str(truncated).lower())]
        if encoding:
            parts.append("<EncodingType>url</EncodingType>")
        if next_token is not None:
            parts.append("<NextContinuationToken>%s</NextContinuationToken>" % next_token)
        for key in keys:
            body, etag = bucket.get(key)
            if kind == "weak_etag":
                etag = "W/" + etag
            elif kind == "bare_etag":
                etag = etag.strip('"')
            elif kind == "no_etag":
                etag = ""
            parts.append("<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag>"
                         "<Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>"
                         % (shown(key), LAST_MODIFIED, etag.replace('"', "&quot;"), len(body)))
        parts.append("</ListBucketResult>")
        self.send(200, "".join(parts).encode(), {"Content-Type": "application/xml"}, kind)

    # -- answers

    def error(self, status, code, message, extra, headers=None):
        body = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>%s</Code><Message>%s</Message>' \
            % (escape(code), escape(message))
        body += "".join("<%s>%s</%s>" % (name, escape(text), name) for name, text in extra.items())
        body += "<RequestId>0123456789ABCDEF</RequestId></Error>"
        self.send(status, body.encode(), {"Content-Type": "application/xml", **(headers or {})})

    def send(self, status, body, headers=None, kind=None):
        chunked = kind in ("chunked", "endless_body", "no_end")
        head = "HTTP/1.1 %d %s\r\n%s\r\nx-amz-request-id: 0123456789ABCDEF\r\n" \
            % (status, REASONS.get(status, "Status"),
               "Transfer-Encoding: chunked" if chunked else "Content-Length: %d" % len(body))
        if self.server.skew is not None:
            head += "Date: %s\r\n" % formatdate(time.time() + self.server.skew, usegmt=True)
        head += "".join("%s: %s\r\n" % header for header in (headers or {}).items())
        if kind == "early_hints":
            self.transport.write(b"HTTP/1.1 103 Early Hints\r\nETag: \"no\"\r\nLink: </x>\r\n\r\n")
        if chunked:
            self.transport.write(head.encode() + b"\r\n")
            return self.send_chunks(body, kind)
        if kind == "half_head":
            self.transport.write(head.encode()[:head.index("\n") + 8])
            self.end_request()
            return self.transport.close()
        if kind == "drip":
            self.transport.write(head.encode() + b"\r\n")
            return self.send_drops(body)
        if kind in ("hang_body", "half", "reset_body", "cut"):
            self.transport.write(head.encode() + b"\r\n" + body[:len(body) // 2])
            if kind == "half":
                self.end_request()
                self.transport.close()
            elif kind == "reset_body":
                # Let the half arrive: a reset throws away what was not read
                asyncio.get_running_loop().call_later(0.05, self.reset)
            elif kind == "cut":
                asyncio.get_running_loop().call_later(self.cut_after, self.reset)
            return
        self.transport.write(head.encode() + b"\r\n" + body)
        self.end_request()
        if kind == "drop":
            asyncio.get_running_loop().call_later(0.1, self.transport.close)

    def send_drops(self, body):
        if self.transport.is_closing():
            return
        self.transport.write(body[:1])
        if len(body) > 1:
            asyncio.get_running_loop().call_later(self.cut_after, self.send_drops, body[1:])
        else:
            self.end_request()

    def send_chunks(self, body, kind):
        endless = kind == "endless_body"
        if self.transport.is_closing():
            return
        if endless and self.transport.get_write_buffer_size() > 1 << 20:
            asyncio.get_running_loop().call_later(0.01, self.send_chunks, body, kind)
            return
        for at in range(0, len(body), 1000):
            chunk = body[at:at + 1000]
            self.transport.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if endless:
            asyncio.get_running_loop().call_soon(self.send_chunks, body, kind)
            return
        if kind == "no_end":
            self.end_request()
            return self.transport.close()
        self.transport.write(b"0\r\n\r\n")
        self.end_request()

    def reset(self):
        self.end_request()
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def control(self, method, path, body):
        name, _, what = path.partition("/")
        if method == "DELETE":
            self.server.buckets.pop(name, None)
            return self.send(204, b"")
        bucket = self.server.buckets.setdefault(name, Bucket())
        if method == "POST" and what == "fault":
            bucket.faults.append(json.loads(body))
        elif method == "POST" and what == "objects":
            for key, content in json.loads(body).items():
                bucket.put(key, content.encode())
        elif method == "POST" and what == "generate":
            spec = json.loads(body)
            bucket.generated = (spec["count"], spec["key"], spec["body"])
        elif method == "GET" and what == "headers":
            return self.send(200, json.dumps(bucket.last_headers).encode(), {"Content-Type": "application/json"})
        elif method == "GET":
            return self.send(200, json.dumps({**bucket.counters, "uploads": len(bucket.uploads)}).encode(), {"Content-Type": "application/json"})
        else:
            return self.send(400, b"unknown control request\n")
        self.send(204, b"")


class Server:
    def __init__(self, latency, skew):
        self.buckets = {}
        self.latency = latency
        self.skew = skew


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--skew", type=int)
    options = parser.parse_args()
    state = Server(options.latency, options.skew)
    loop = asyncio.get_running_loop()
    context = None
    if options.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*options.tls)
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", options.port,
                                      backlog=1024, ssl=context)
    print("%s:%d" % ("https://localhost" if context else "http://127.0.0.1",
                     server.sockets[0].getsockname()[1]), flush=True)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, lambda: os.read(0, 4096) or sys.exit(0))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
