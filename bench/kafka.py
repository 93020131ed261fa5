"""Topics of a real broker: beside a bare librdkafka loop."""
import json
import os
import statistics
import subprocess
import time

from harness import (COLUMNS, FOLDER, HERE, PEERS_ONLY, PINS, ROUNDS, THREE, Session, definitions, figures,
                     foreign_table, interleave, make_pins, pg_engine, pg_sums, postmaster_pid, processor_seconds, progress,
                     ratio, say, thread_seconds, with_setting)

PARTITIONS = 4

# The columns of the cleaned view pin, made and looked at
CLEANED = """
select count(case when unique_id ~ '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' then unique_id::uuid end),
    sum(pinterest.parse_follower_count(follower_count)), count(pinterest.null_if_missing(title)),
    count(pinterest.null_if_missing(description)), count(pinterest.null_if_missing(poster_name)),
    count(pinterest.null_if_missing(tag_list)), count(pinterest.null_if_missing(is_image_or_video)),
    count(pinterest.null_if_missing(image_src)), count(pinterest.null_if_missing(category)),
    count(pinterest.null_if_missing(pinterest.strip_save_location(save_location))), count(index)
from %s"""


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


def loop_engine(bootstrap, topic, processes=1):
    """Loops that share the partitions, at once"""
    def run():
        loops = [subprocess.Popen([FOLDER + "/tools/kafka_loop", bootstrap, topic, str(processes), str(number)],
                                  stdout=subprocess.PIPE, text=True) for number in range(processes)]
        outputs = [loop.communicate()[0].split() for loop in loops]
        count = sum(int(output[0]) for output in outputs)
        if count != PINS:
            raise SystemExit("the loop read %d of %d messages" % (count, PINS))
        return max(float(output[2]) for output in outputs), None
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


def with_processor(run, pids, spent):
    """Adds the processor time of each round to a list: of these processes, and of those that ended meanwhile"""
    def total():
        return sum(processor_seconds(pid) for pid in pids)

    def run_and_count():
        before = total()
        result = run()
        time.sleep(0.2)         # for the parents of what has ended
        spent.append(total() - before)
        return result
    return run_and_count


def parallel_table(session, kafka):
    table = "pins_%d" % PARTITIONS
    queries = {"count(*)": "select count(*) from " + table,
               "12 columns": "select %s from %s" % (pg_sums(COLUMNS), table),
               "12 columns, cleaned": CLEANED % table}
    # This process has the broker and the loops below it, the other one the backends
    roots = (os.getpid(), postmaster_pid())
    engines = {}
    spent = {}

    progress("kafka, two processes")
    for processes in (1, 2):
        engines["bare librdkafka loop", processes] = loop_engine(kafka.bootstrap, table, processes)
        for name, sql in queries.items():
            engines[name, processes] = with_setting(session, "max_parallel_workers_per_gather = %d" % (processes - 1),
                                                    lambda sql=sql: (session.run(sql)[0], None))
    for key, run in engines.items():
        engines[key] = with_processor(run, roots, spent.setdefault(key, []))
    times = interleave(engines)

    say("### Two processes over %d partitions of that topic\n" % PARTITIONS)
    say("| what | 1 process, seconds | min..max | processor seconds | 2 processes, seconds | min..max | processor seconds"
        " | faster | possible on %d cores | bar |" % os.cpu_count())
    say("|---|---|---|---|---|---|---|---|---|---|")
    for name in ["bare librdkafka loop"] + list(queries):
        gain = ratio(times, (name, 1), (name, 2))
        used = [statistics.median(spent[name, processes][1:]) for processes in (1, 2)]
        best = os.cpu_count() * statistics.median(times[name, 1]) / used[0]
        say("| %s | %s | %.2f | %s | %.2f | %.2f × | %.2f × | %s |" % (
            name, figures(times[name, 1]), used[0], figures(times[name, 2]), used[1], gain, best,
            "" if name not in queries else "≥ 1.6 ×: %s" % ("met" if gain >= 1.6 else "MISSED")))
    say("")


def slow_line(session):
    """Does the library keep up with a query that takes its time?"""
    sql = "select max(md5(md5(description))) from pins_1"
    pairs = []

    progress("kafka, a slow query")
    session.run("set max_parallel_workers_per_gather = 0")
    for number in range(ROUNDS):
        before = thread_seconds(session.pid)
        seconds = session.run(sql)[0]
        pairs.append((seconds, thread_seconds(session.pid) - before))
    seconds, own = (statistics.median(values) for values in zip(*pairs))
    say("`max(md5(md5(description)))` over one partition: %.2f s, in %.2f s of which the backend itself computed.\n"
        % (seconds, own))


def kafka_part():
    if PEERS_ONLY:
        return
    kafka = Kafka()
    session = Session()
    try:
        fill(session, kafka)
        scan_table(session, kafka)
        latency_table(session)
        parallel_table(session, kafka)
        slow_line(session)
        say("The backend's largest resident size was %.0f MB.\n" % (session.peak_kb() / 1024))
    finally:
        session.close()
        kafka.stop()
