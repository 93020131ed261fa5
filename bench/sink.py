"""Topics into folders: run_stream of a sink, beside a bare INSERT of the same records."""
import os
import statistics

from harness import FOLDER, PEERS_ONLY, PINS, Session, figures, interleave, progress, ratio, s3_server, say
from kafka import PARTITIONS, Kafka, fill
from objects import start_versitygw

SIZE = 1000
COLUMNS = """topic text options (metadata 'topic'), partition integer options (metadata 'partition'),
    "offset" bigint options (metadata 'offset'), value bytea options (metadata 'value')"""
NAMES = 'topic, partition, "offset", value'


class Places:
    """A folder, in the file system or in a bucket, that is another one each time"""

    def __init__(self, base):
        self.base = base
        self.number = 0

    def next(self):
        self.number += 1
        place = "%s/%d" % (self.base, self.number)
        if place.startswith("file://"):
            os.makedirs(place[7:] + "/topics")
            os.chmod(place[7:] + "/topics", 0o777)
        return place


def sink_engine(session, server, places):
    def run():
        session.run("select pinterest.create_sink('bench_sink', 'bench_kafka', 'pins_%d', '%s', '%s', flush_size => %d)"
                    % (PARTITIONS, server, places.next(), SIZE))
        seconds = session.run("call pinterest.run_stream('bench_sink')")[0]
        rows = session.run("select rows from pinterest.stream_status where stream = 'bench_sink'")[1][0]
        if int(rows) != PINS:
            raise SystemExit("the sink wrote %s records" % rows)
        session.run("select pinterest.drop_stream('bench_sink')")
        session.run("drop foreign table bench_sink_source, bench_sink_target")
        return seconds, None
    return run


def insert_engine(session, server, places):
    def run():
        session.run("create foreign table bench_insert (%s) server %s options (location '%s/topics/*/partition=*/',"
                    " layout 'sink', rows_per_object '%d')" % (COLUMNS, server, places.next(), SIZE))
        seconds = session.run("insert into bench_insert (%s) select %s from bench_values" % (NAMES, NAMES))[0]
        session.run("drop foreign table bench_insert")
        return seconds, None
    return run


def sink_part():
    if PEERS_ONLY:
        return
    kafka = Kafka()
    try:
        session = Session()
        fill(session, kafka)
        session.run("create foreign table bench_values (%s) server bench_kafka options (topic 'pins_%d')"
                    % (COLUMNS, PARTITIONS))
        session.run("create server bench_sink_files foreign data wrapper s3_json")
        seed = FOLDER + "/sink_seed"
        os.makedirs(seed)
        with open(seed + "/seed", "w") as out:
            out.write("{}")
        s3_server(session, "bench_sink_bucket", start_versitygw(seed))
        say("### A sink of %d messages in %d partitions, objects of %d records\n" % (PINS, PARTITIONS, SIZE))
        say("| into | INSERT, seconds | min..max | run_stream, seconds | min..max | thousand records/s | speed of INSERT |")
        say("|---|---|---|---|---|---|---|")
        for label, server, base in (("a local folder", "bench_sink_files", "file://" + FOLDER + "/sink"),
                                    ("versitygw", "bench_sink_bucket", "s3://bench")):
            progress("sink into " + label)
            times = interleave({"insert": insert_engine(session, server, Places(base + "/insert")),
                                "sink": sink_engine(session, server, Places(base + "/sink"))})
            say("| %s | %s | %s | %.0f | %.0f %% |" % (
                label, figures(times["insert"]), figures(times["sink"]),
                PINS / statistics.median(times["sink"]) / 1000, ratio(times, "insert", "sink") * 100))
        say("")
        session.close()
    finally:
        kafka.stop()
