"""Signature Version 4 by the book, for servers that check it."""
import hashlib
import hmac
import re


def credential_of(headers):
    """[key id, day, region, service, names of the signed headers, signature]; None if there is none"""
    found = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
                         r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", headers.get("Authorization", ""))
    return found and list(found.groups())


def signature_of(headers, secret, method, path, body):
    """What the signature must be; the path has no characters that are encoded"""
    _, day, region, service, signed, _ = credential_of(headers)
    canonical = "%s\n%s\n\n%s\n%s\n%s" % (
        method, path,
        "".join("%s:%s\n" % (name, re.sub(" +", " ", headers[name].strip())) for name in signed.split(";")),
        signed, hashlib.sha256(body).hexdigest())
    scope = "%s/%s/%s/aws4_request" % (day, region, service)
    text = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (headers["X-Amz-Date"], scope, hashlib.sha256(canonical.encode()).hexdigest())
    k = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request", text):
        k = hmac.new(k, part.encode(), hashlib.sha256).digest()
    return k.hex()
