#!/usr/bin/env python3
"""The services that hand out AWS credentials, and an S3 bucket that takes only
what they gave.  Standard library only.

    credential_server.py [--port PORT]

listens on 127.0.0.1, prints its endpoint as the first line, and ends when its
standard input, if that is a pipe, is closed.

    PUT  /latest/api/token                instance metadata, version 2, strict
    GET  /latest/meta-data/iam/security-credentials/[app-role]
    GET  /container?…                     ECS and EKS; with the header Authorization
    POST /                                STS: AssumeRole, AssumeRoleWithWebIdentity
    POST /oauth2/token                    OAuth 2: tokens for client credentials, unsigned
    GET  /BUCKET/…                        S3: objects in/1.json … {"n": 1} …

Signatures and session tokens are checked.  Keys AKIDTEST and secretkeytest123
are known from the start; all others are those handed out here.

    POST /-/set     {NAME: VALUE, …}: settings, see DEFAULTS
    POST /-/reset   the settings as at the start, no keys handed out
    POST /-/revoke  keys handed out so far count as expired
    GET  /-/log     what was asked since the last time, one line each
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

DEFAULTS = {
    "instance": "v2",       # or: v1, hang, no_role, failing, broken, flaky
    "container": "ok",      # or: denied, failing, broken, incomplete, hang
    "authorization": None,  # what /container wants in that header
    "sts": "ok",            # or: failing, broken
    "role_arn": "arn:aws:iam::123456789012:role/reader",
    "external_id": None,    # what the role's trust policy asks for
    "identity_token": "token-1",
    "lifetime": 3600,       # seconds, of keys handed out
    "oauth": "ok",          # or: failing, broken, hang
    "oauth_life": 3600,     # seconds, of tokens
    "oauth_subject": "oauth-user",
    "objects": 3,
    "get_delay": 0,         # seconds, for each object
}
STATIC = {"AKIDTEST": ("secretkeytest123", None, float("inf"))}
LOCK = threading.Lock()


class State:
    def __init__(self):
        self.settings = dict(DEFAULTS)
        self.keys = dict(STATIC)
        self.sessions = set()
        self.log = []
        self.number = 0

    def issue(self, kind):
        with LOCK:
            self.number += 1
            key = "ASIA%s%d" % (kind.upper(), self.number)
            end = time.time() + self.settings["lifetime"]
            # "/", "+" and "=" as in real ones
            keys = (key, "secret/" + secrets.token_hex(16), "tokenOf+%s/%s==" % (key, secrets.token_hex(32)))
            self.keys[key] = (keys[1], keys[2], end)
        return keys + (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end)),)


STATE = State()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def note(self, *words):
        STATE.log.append(" ".join(str(word) for word in words))

    def reply(self, status, body="", kind="text/plain", headers=()):
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, self.query = self.path.partition("?")
        if path.startswith("/-/"):
            self.control(path[3:])
        elif path.startswith("/latest/"):
            self.instance(path)
        elif path == "/container":
            self.container()
        elif path == "/":
            self.sts()
        elif path == "/oauth2/token":
            self.oauth()
        else:
            self.s3(path)

    do_GET = do_PUT = do_POST = handle_any

    def control(self, what):
        if what == "set":
            STATE.settings.update(json.loads(self.body))
        elif what == "reset":
            STATE.__init__()
        elif what == "revoke":
            for key, (secret, token, _) in list(STATE.keys.items()):
                if token is not None:
                    STATE.keys[key] = (secret, token, 0)
        log, STATE.log = STATE.log, []
        self.reply(200, "".join(line + "\n" for line in log))

    # ---------- services that hand out keys ----------

    def reply_keys(self, kind):
        key, secret, token, end = STATE.issue(kind)
        self.reply(200, json.dumps({
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": secret,
            "Token": token, "Expiration": end}), "application/json")

    def instance(self, path):
        mode = STATE.settings["instance"]
        roles = "/latest/meta-data/iam/security-credentials/"
        self.note("instance", self.command, path.rsplit("/", 1)[1])
        if mode == "hang":
            time.sleep(20)
        elif path == "/latest/api/token":
            if mode == "v1":
                self.reply(405)
            elif self.command != "PUT" or "x-forwarded-for" in self.headers or \
                    not self.headers.get("x-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
                self.reply(400)
            else:
                session = secrets.token_urlsafe(24)
                STATE.sessions.add(session)
                self.reply(200, session)
        elif mode != "v1" and self.headers.get("x-aws-ec2-metadata-token") not in STATE.sessions:
            self.reply(401)
        elif mode == "failing":
            self.reply(500, "no keys yet")
        elif path == roles:
            self.reply(404) if mode == "no_role" else self.reply(200, "app-role\n")
        elif mode == "broken":
            self.reply(200, '{"Code": "Success", "AccessKeyId": ')
        elif mode == "flaky":
            STATE.settings["instance"] = "v2"
            self.reply(200, json.dumps({"Code": "AssumeRoleUnauthorizedAccess"}))
        else:
            self.reply_keys("instance")

    def container(self):
        mode = STATE.settings["container"]
        given = self.headers.get("Authorization")
        self.note("container", given)
        if mode == "hang":
            time.sleep(20)
        elif mode == "failing":
            self.reply(500, "busy")
        elif mode == "broken":
            self.reply(200, "<html>sign in</html>")
        elif mode == "incomplete":
            self.reply(200, '{"AccessKeyId": "ASIAX", "Token": "t"}')
        elif mode == "denied" or given != STATE.settings["authorization"]:
            self.reply(403, json.dumps({"code": "AccessDenied", "message": "not with %s" % given}))
        else:
            self.reply_keys("container")

    def sts_error(self, status, code, message):
        self.reply(status, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message>"
                   "</Error><RequestId>r-1</RequestId></ErrorResponse>" % (code, message), "text/xml")

    def sts(self):
        form = dict(parse_qsl(self.body.decode(), strict_parsing=True))
        settings = STATE.settings
        action = form.get("Action")
        web = action == "AssumeRoleWithWebIdentity"
        problem = None if web else self.check_signature("sts")
        self.note("sts", action, form.get("RoleArn"), form.get("RoleSessionName"),
                  form.get("ExternalId"), form.get("WebIdentityToken") if web else self.access_key)
        if settings["sts"] == "failing":
            self.sts_error(503, "ServiceUnavailable", "busy")
        elif settings["sts"] == "broken":
            self.reply(200, "<AssumeRoleResponse><AssumeRoleResult>", "text/xml")
        elif problem:
            self.sts_error(403, problem, "the signature of %s" % self.headers.get("Authorization"))
        elif web and "Authorization" in self.headers:
            self.sts_error(400, "ValidationError", "signed")
        elif web and form["WebIdentityToken"] != settings["identity_token"]:
            self.sts_error(400, "InvalidIdentityToken", "unknown token %s" % form["WebIdentityToken"])
        elif form["RoleArn"] != settings["role_arn"] or \
                form.get("ExternalId") != (None if web else settings["external_id"]):
            self.sts_error(403, "AccessDenied", "not authorized to perform: sts:%s" % action)
        else:
            key, secret, token, end = STATE.issue("role")
            # another order than the documentation's, and an entity
            self.reply(200, """<?xml version="1.0"?>
<%(a)sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%(a)sResult>
<Credentials><Expiration>%(end)s</Expiration><SessionToken>%(token)s</SessionToken>
<SecretAccessKey>%(secret)s</SecretAccessKey><AccessKeyId>%(key)s</AccessKeyId></Credentials>
<AssumedRoleUser><Arn>arn</Arn></AssumedRoleUser>
</%(a)sResult><ResponseMetadata><RequestId>r-2</RequestId></ResponseMetadata></%(a)sResponse>""" % {
                "a": action, "key": key, "secret": secret.replace("/", "&#47;"),
                "token": token, "end": end}, "text/xml")

    # ---------- tokens ----------

    def oauth(self):
        form = dict(parse_qsl(self.body.decode()))
        mode = STATE.settings["oauth"]
        given = self.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(b"client%2F1:oauth-secret%2B1").decode()
        self.note("oauth", form.get("grant_type"), form.get("scope"), given == wanted)
        if mode == "hang":
            time.sleep(20)
        elif mode == "failing":
            self.reply(503, "busy")
        elif mode == "broken":
            self.reply(200, "<html>sign in</html>")
        elif given != wanted:
            self.reply(401, json.dumps({"error": "invalid_client", "error_description": given}))
        elif form.get("grant_type") != "client_credentials":
            self.reply(400, json.dumps({"error": "unsupported_grant_type"}))
        else:
            now = int(time.time())
            parts = [{"alg": "none"}, {"sub": STATE.settings["oauth_subject"], "iat": now,
                                       "exp": now + STATE.settings["oauth_life"]}]
            token = "".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") + "."
                            for part in parts)
            self.reply(200, json.dumps({"access_token": token, "token_type": "Bearer",
                                        "expires_in": STATE.settings["oauth_life"]}), "application/json")

    # ---------- what the keys are good for ----------

    def check_signature(self, service):
        """None, or the code of what is wrong"""
        self.access_key = None
        try:
            words = self.headers["Authorization"].split(None, 1)[1].split(", ")
            fields = dict(word.split("=", 1) for word in words)
            self.access_key, day, region, for_service, last = fields["Credential"].split("/")
            secret, token, end = STATE.keys[self.access_key]
        except (KeyError, AttributeError, IndexError, ValueError):
            return "InvalidAccessKeyId"
        path, _, query = self.path.partition("?")
        names = fields["SignedHeaders"].split(";")
        canonical = "\n".join(
            [self.command, path, "&".join(sorted(query.split("&"))) if query else ""] +
            ["%s:%s" % (name, self.headers[name]) for name in names] +
            ["", fields["SignedHeaders"], hashlib.sha256(self.body).hexdigest()])
        to_sign = "\n".join(["AWS4-HMAC-SHA256", self.headers["x-amz-date"],
                             "/".join((day, region, service, "aws4_request")),
                             hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + secret).encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        if hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() != fields["Signature"]:
            return "SignatureDoesNotMatch"
        if self.headers.get("x-amz-security-token") != token or \
                (token is not None and "x-amz-security-token" not in names):
            return "InvalidToken"
        if end <= time.time():
            return "ExpiredToken"
        return None

    def s3(self, path):
        problem = self.check_signature("s3")
        listing = "list-type=2" in self.query
        self.note("s3", "list" if listing else "get", self.access_key, problem or "ok")
        number = path.rsplit("/", 1)[1].split(".")[0]
        if problem:
            self.reply(400 if problem == "ExpiredToken" else 403,
                       "<Error><Code>%s</Code><Message>no</Message></Error>" % problem, "text/xml")
        elif listing:
            self.reply(200, "<ListBucketResult><IsTruncated>false</IsTruncated>%s</ListBucketResult>" %
                       "".join("<Contents><Key>in/%04d.json</Key><LastModified>2022-10-18T12:00:00.000Z</LastModified>"
                               "<ETag>&quot;e&quot;</ETag><Size>%d</Size></Contents>" % (i, len('{"n": %d}' % i))
                               for i in range(1, STATE.settings["objects"] + 1)), "application/xml")
        else:
            time.sleep(STATE.settings["get_delay"])
            self.reply(200, '{"n": %d}' % int(number), "application/json", [("ETag", '"e"')])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("http://127.0.0.1:%d" % server.server_port, flush=True)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        sys.stdin.read()
    else:
        threading.Event().wait()


if __name__ == "__main__":
    main()
