#!/usr/bin/env python3
"""The measurements of bench/run, which prepares everything and calls this.

    measure.py PART…        all parts without any
"""
import sys

from harness import PEERS_ONLY, Session, machine
from kafka import kafka_part
from kinesis import kinesis_part
from kinesis_write import kinesis_write_part
from memory import memory_part
from objects import distance_part, objects_part
from pipeline import views_part
from scan import parallel_part, scan_part, write_part
from sink import sink_part
from worker import worker_part

PARTS = {"scan": scan_part, "parallel": parallel_part, "views": views_part, "objects": objects_part,
         "distance": distance_part, "write": write_part, "kafka": kafka_part, "sink": sink_part,
         "worker": worker_part, "kinesis": kinesis_part, "kinesis_write": kinesis_write_part, "memory": memory_part}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            raise SystemExit("no part %s: %s" % (name, ", ".join(PARTS)))
    machine()
    if not PEERS_ONLY:
        session = Session()
        session.run("create extension pinterest_pipeline")
        session.close()
    for name in wanted:
        PARTS[name]()


if __name__ == "__main__":
    main()
