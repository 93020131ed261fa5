"""Topics of a real broker: beside a bare librdkafka loop."""
import json
import os
import statistics
import subprocess

from harness import (COLUMNS, FOLDER, HERE, PEERS_ONLY, PINS, ROUNDS, THREE, Session, definitions, figures,
                     foreign_table, interleave, make_pins, pg_engine, progress, ratio, say, with_setting)

PARTITIONS = 4


class Kafka:
    """One broker, with the tests' own script"""

    def __init__(self):
        home = subprocess.run([HERE + "/../test/servers/install-kafka"], check=True, stdout=subprocess.PIPE,
                              text=True).stdout.strip()
        self.process = subprocess.Popen(
            ["python3", HERE + "/../test/servers/kafka_server.py", "--home", home, "--heap", "512",
             FOLDER + "/kafka"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = json.loads(self.process.stdout.readline())["plain"]

    def do(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise SystemExit(answer["error"])
        return answer["ok"]

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def loop_engine(bootstrap, topic):
    def run():
        output = subprocess.run([FOLDER + "/tools/kafka_loop", bootstrap, topic], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.split()
        if int(output[0]) != PINS:
            raise SystemExit("the loop read %s of %d messages" % (output[0], PINS))
        return float(output[2]), None
    return run


def fill(session, kafka):
    path = make_pins(PINS)
    session.run("create server fill_files foreign data wrapper s3_json")
    foreign_table(session, "pins_to_send", "fill_files", "file://" + path,
                  "format 'lines'")
    session.run("create server bench_kafka foreign data wrapper kafka_json options (\"bootstrap.servers\" '%s')"
                % kafka.bootstrap)
    for topic, partitions in (("pins_1", 1), ("pins_%d" % PARTITIONS, PARTITIONS)):
        progress("filling topic %s" % topic)
        kafka.do(do="create_topic", name=topic, partitions=partitions)
        session.run("create foreign table %s (%s, part integer options (metadata 'partition'),"
                    " pos bigint options (metadata 'offset')) server bench_kafka"
                    " options (topic '%s', estimated_rows '%d')" % (topic, definitions(COLUMNS), topic, PINS))
        names = ", ".join(name for name, _ in COLUMNS)
        session.run("insert into %s (%s, part) select %s, index %% %d from pins_to_send"
                    % (topic, names, names, partitions))


def scan_table(session, kafka):
    engines = {"bare librdkafka loop": loop_engine(kafka.bootstrap, "pins_1"),
               "count(*)": lambda: (session.run("select count(*) from pins_1")[0], None),
               "3 columns": pg_engine(session, THREE, "pins_1"),
               "12 columns": pg_engine(session, COLUMNS, "pins_1")}
    bars = {"count(*)": 0.8, "3 columns": 0.5, "12 columns": 0.35}

    progress("kafka, scans")
    times = interleave({name: (lambda run=run: (run()[0], None)) for name, run in engines.items()})
    say("### A topic of %d messages, one partition, a real broker\n" % PINS)
    say("| what | seconds | min..max | million messages/s | speed of the loop | bar |")
    say("|---|---|---|---|---|---|")
    for name, seconds in times.items():
        share = ratio(times, "bare librdkafka loop", name)
        bar = bars.get(name)
        say("| %s | %s | %.2f | %s | %s |" % (
            name, figures(seconds), PINS / statistics.median(seconds) / 1e6,
            "" if bar is None else "%.0f %%" % (share * 100),
            "" if bar is None else "≥ %.0f %%: %s" % (bar * 100, "met" if share >= bar else "MISSED")))
    say("")


def latency_table(session):
    queries = {"first row": "select index from pins_%d limit 1" % PARTITIONS,
               "last 10 by offset": "select index from pins_1 where pos >= %d" % (PINS - 10)}
    warm = {name: [] for name in queries}
    cold = {name: [] for name in queries}

    progress("kafka, latency")
    for number in range(4 * ROUNDS):
        for name, sql in queries.items():
            fresh = Session()
            # what any first use of the extension takes, the library loaded and the catalogs read
            fresh.run("select count(*) from pinterest.options()")
            fresh.run("explain " + sql)
            cold[name].append(fresh.run(sql)[0])
            fresh.close()
            warm[name].append(session.run(sql)[0])
    say("| milliseconds | warm handle | min..max | bar | cold | min..max | bar |")
    say("|---|---|---|---|---|---|---|")
    for name in queries:
        row = [name]
        for times, bar in ((warm[name], 20), (cold[name], 100)):
            median = statistics.median(times) * 1000
            row += ["%.1f" % median, "%.1f..%.1f" % (min(times) * 1000, max(times) * 1000),
                    "≤ %d: %s" % (bar, "met" if median <= bar else "MISSED")]
        say("| " + " | ".join(row) + " |")
    say("")


def parallel_table(session):
    query = pg_engine(session, COLUMNS, "pins_%d" % PARTITIONS)
    progress("kafka, two processes")
    times = interleave({
        "1": with_setting(session, "max_parallel_workers_per_gather = 0", query),
        "2": with_setting(session, "max_parallel_workers_per_gather = 1", query)})
    gain = ratio(times, "1", "2")
    say("Two processes over %d partitions, 12 columns: %s against %s seconds, %.2f × (bar ≥ 1.6 ×: %s).\n" % (
        PARTITIONS, figures(times["2"]), figures(times["1"]), gain, "met" if gain >= 1.6 else "MISSED"))


def kafka_part():
    if PEERS_ONLY:
        return
    kafka = Kafka()
    session = Session()
    try:
        fill(session, kafka)
        scan_table(session, kafka)
        latency_table(session)
        parallel_table(session)
        say("The backend's largest resident size was %.0f MB.\n" % (session.peak_kb() / 1024))
    finally:
        session.close()
        kafka.stop()
