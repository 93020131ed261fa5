#!/usr/bin/env python3
"""Tokens for MSK as Amazon's own signer makes them, of random keys.

    msk_tokens.py SIGNER-FOLDER SEED NUMBER

prints CSV: access key, secret key, session token (empty for none), region, seconds
since 1970, User-Agent, then the end of the token in milliseconds and the token.
"""
import csv
import datetime
import random
import string
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])

import botocore.auth  # noqa: E402
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider as signer  # noqa: E402
from botocore.credentials import CredentialProvider, Credentials  # noqa: E402

REGIONS = ["us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1", "me-central-1"]
KEY = string.ascii_letters + string.digits
PRINTABLE = "".join(map(chr, range(32, 127)))
LAST = int(datetime.datetime(2105, 1, 1, tzinfo=datetime.timezone.utc).timestamp())


class Fixed(CredentialProvider):
    def __init__(self, credentials):
        self.credentials = credentials

    def load(self):
        return self.credentials


def text(chance, alphabet, least, most):
    return "".join(chance.choices(alphabet, k=chance.randint(least, most)))


def main():
    chance = random.Random(int(sys.argv[2]))
    out = csv.writer(sys.stdout, lineterminator="\n")
    agent = "aws-msk-iam-sasl-signer-python/1.0.2"
    for _ in range(int(sys.argv[3])):
        key = text(chance, KEY, 16, 128)
        secret = text(chance, chance.choice([KEY + "+/", PRINTABLE]), 1, 90).strip() or "s"
        token = text(chance, chance.choice([KEY + "+/=", PRINTABLE]), 1, 1500).strip() if chance.random() < 0.5 else ""
        region = chance.choice(REGIONS)
        seconds = chance.randrange(LAST)
        botocore.auth.get_current_datetime = lambda: datetime.datetime.fromtimestamp(
            seconds, datetime.timezone.utc)
        made, expires = signer.generate_auth_token_from_credentials_provider(
            region, Fixed(Credentials(key, secret, token or None)))
        out.writerow([key, secret, token, region, seconds, agent, expires, made])


main()
