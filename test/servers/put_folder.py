#!/usr/bin/env python3
"""Puts the files below a folder into a bucket.  Standard library only.

    put_folder.py ENDPOINT BUCKET FOLDER

makes the bucket if it is not there, and PUTs each file under its path, signed
(AWS Signature Version 4, S3 flavour) with the keys of start-s3 or
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.  Prints how many.

    put_folder.py --remove ENDPOINT BUCKET KEY

removes one object, and

    put_folder.py --uploads ENDPOINT BUCKET KEY

prints the key once for each multipart upload of it that has neither been
completed nor aborted.  The endpoint's certificate, if it has one, is not checked.
"""
import concurrent.futures
import datetime
import hashlib
import hmac
import http.client
import os
import re
import ssl
import sys
import threading
from urllib.parse import quote, urlsplit

KEY_ID = os.environ.get("AWS_ACCESS_KEY_ID", "AKIDTEST")
SECRET = os.environ.get("AWS_SECRET_ACCESS_KEY", "secretkeytest123")
REGION = os.environ.get("AWS_REGION", "us-east-1")
local = threading.local()


def sign(method, host, path, query, body):
    """Headers of a signed request"""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = "%s/%s/s3/aws4_request" % (now[:8], REGION)
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, query] + ["%s:%s" % (n, headers[n]) for n in sorted(headers)]
                          + ["", names, digest])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" \
        % (KEY_ID, scope, names, signature)
    return headers


def connect(endpoint):
    parts = urlsplit(endpoint)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.netloc, timeout=30, context=ssl._create_unverified_context())
    return http.client.HTTPConnection(parts.netloc, timeout=30)


def send(method, endpoint, path, body, query=""):
    if not hasattr(local, "connection"):
        local.connection = connect(endpoint)
    path = quote(path, safe="/-_.~")
    local.connection.request(method, path + "?" + query if query else path, body,
                             sign(method, urlsplit(endpoint).netloc, path, query, body))
    response = local.connection.getresponse()
    answer = response.read()
    # 409: the bucket is there
    if response.status not in (200, 204) and not (response.status == 409 and path.count("/") == 1):
        raise SystemExit("%s %s: %d %s" % (method, path, response.status, answer.decode()))
    return answer.decode()


def main():
    if sys.argv[1] == "--remove":
        endpoint, bucket, key = sys.argv[2:]
        send("DELETE", endpoint, "/%s/%s" % (bucket, key), b"")
        return
    if sys.argv[1] == "--uploads":
        endpoint, bucket, key = sys.argv[2:]
        listed = send("GET", endpoint, "/" + bucket, b"", "prefix=%s&uploads=" % quote(key, safe="-_.~"))
        for found in re.findall("<Key>(.*?)</Key>", listed):
            print(found)
        return
    endpoint, bucket, folder = sys.argv[1:]

    def put_file(path):
        with open(path, "rb") as file:
            send("PUT", endpoint, "/%s/%s" % (bucket, os.path.relpath(path, folder)), file.read())

    send("PUT", endpoint, "/" + bucket, b"")
    paths = [os.path.join(where, name) for where, _, names in os.walk(folder) for name in names]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in pool.map(put_file, paths):
            pass
    print(len(paths))


if __name__ == "__main__":
    main()
