#!/usr/bin/env python3
"""Prints presigned URLs of objects.  Standard library only.

    presign.py ENDPOINT BUCKET < KEYS

Reads one key a line, prints for each a URL that may be fetched for an hour
(AWS Signature Version 4 in the query, S3 flavour, path style), signed with the
keys of test/servers/start-s3.
"""
import datetime
import hashlib
import hmac
import sys
from urllib.parse import quote, urlencode, urlsplit

KEY_ID, SECRET, REGION = "AKIDTEST", "secretkeytest123", "us-east-1"


def presign(endpoint, path, now):
    host = urlsplit(endpoint).netloc
    scope = "%s/%s/s3/aws4_request" % (now[:8], REGION)
    query = urlencode({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "%s/%s" % (KEY_ID, scope),
        "X-Amz-Date": now,
        "X-Amz-Expires": "3600",
        "X-Amz-SignedHeaders": "host",
    }, quote_via=quote, safe="")
    canonical = "\n".join(["GET", path, query, "host:" + host, "", "host", "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return "%s%s?%s&X-Amz-Signature=%s" % (
        endpoint, path, query, hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest())


def main():
    endpoint, bucket = sys.argv[1:]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    for line in sys.stdin:
        path = quote("/%s/%s" % (bucket, line.rstrip("\n")), safe="/-_.~")
        print(presign(endpoint, path, now))


if __name__ == "__main__":
    main()
