"""The background worker of a stream: from when a record is sent to a topic until its row can be seen."""
import random
import time

from harness import PEERS_ONLY, ROUNDS, Session, processor_seconds, progress, say
from kafka import Kafka

# batch_wait, in seconds, and records for each of ROUNDS
WAITS = ((0.01, 40), (0.1, 40), (1, 12))
IDLE = 5


def start_stream(session, wait):
    topic = "records_%d" % (wait * 1000)
    session.run("select pinterest.create_source('bench_worker_kafka', '%s')" % topic)
    session.run("create foreign table bench_records (n integer, sent timestamptz options (metadata 'timestamp'))"
                " server bench_worker_kafka options (topic '%s')" % topic)
    session.run("create table bench_rows (n integer primary key, sent timestamptz)")
    session.run("select pinterest.create_stream('bench_worker', 'bench_records', 'bench_rows', batch_wait => '%d ms')"
                % (wait * 1000))
    session.run("select pinterest.start_stream('bench_worker')")


def drop_stream(session):
    session.run("select pinterest.drop_stream('bench_worker')")
    session.run("drop table bench_rows")
    session.run("drop foreign table bench_records")


def wait_for_rows(session, count):
    while session.run("select count(*) from bench_rows where n >= 0")[1] != [str(count)]:
        time.sleep(0.02)


def latencies(session, wait, count):
    """Milliseconds: median, 95 % and longest, of records at any moment of the worker's turn"""
    session.run("insert into bench_records (n) values (-1)")
    while session.run("select n from bench_rows where n = -1")[1] == []:
        time.sleep(0.02)        # until the worker has started
    for n in range(count):
        time.sleep(random.uniform(0, 2 * wait))
        session.run("insert into bench_records (n) values (%d)" % n)
    wait_for_rows(session, count)
    line = session.run("select array_to_string(percentile_disc(array[0.5, 0.95, 1]) within group"
                       " (order by extract(epoch from pg_xact_commit_timestamp(xmin) - sent) * 1000), ' ')"
                       " from bench_rows where n >= 0")[1][0]
    return [float(number) for number in line.split()]


def idle_share(session):
    """Of a processor, that the worker takes when nothing comes"""
    pid = int(session.run("select pid from pinterest.stream_status where stream = 'bench_worker'")[1][0])
    before = processor_seconds(pid)
    time.sleep(IDLE)
    return (processor_seconds(pid) - before) / IDLE


def worker_part():
    if PEERS_ONLY:
        return
    kafka = Kafka()
    try:
        session = Session()
        session.run("create server bench_worker_kafka foreign data wrapper kafka_json"
                    " options (\"bootstrap.servers\" '%s')" % kafka.bootstrap)
        say("### From a topic into a table, by a background worker\n")
        say("| batch_wait, ms | records | seen after, median ms | 95 % within, ms | longest, ms | of a processor, idle |")
        say("|---|---|---|---|---|---|")
        for wait, count in WAITS:
            progress("worker, batch_wait %g s" % wait)
            start_stream(session, wait)
            median, most, longest = latencies(session, wait, count * ROUNDS)
            say("| %d | %d | %.0f | %.0f | %.0f | %.1f %% |" % (
                wait * 1000, count * ROUNDS, median, most, longest, idle_share(session) * 100))
            drop_stream(session)
        say("")
        session.close()
    finally:
        kafka.stop()
