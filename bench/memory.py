"""Memory that does not grow with what is read."""
import os

from harness import (COLUMNS, FOLDER, PEERS_ONLY, PINS, MemServer, Session, foreign_table, make_files, make_pins,
                     pg_sums, progress, s3_server, say, server_may_read)

# Of the large file, and of the large object
GROWN = 14


def make_grown(path):
    """The file so many times over"""
    grown = FOLDER + "/grown.ndjson"
    progress("making a file of %d lines" % (PINS * GROWN))
    with open(grown, "wb") as out:
        for _ in range(GROWN):
            with open(path, "rb") as lines:
                while block := lines.read(1 << 24):
                    out.write(block)
    return server_may_read(grown)


def peak_of(table):
    session = Session()
    session.run("select %s from %s" % (pg_sums(COLUMNS), table))
    peak = session.peak_kb()
    session.close()
    return peak / 1024


def memory_part():
    if PEERS_ONLY:
        return
    session = Session()
    servers = [MemServer(PINS // 1000, 0), MemServer(PINS, 0), MemServer(1, 0, lines=PINS // 100, large=1),
               MemServer(1, 0, lines=PINS, large=GROWN)]
    session.run("create server memory_files foreign data wrapper s3_json")
    for number, server in enumerate(servers):
        s3_server(session, "memory_%d" % number, server.endpoint)
    grown = make_grown(make_pins(PINS))
    pairs = [("lines of one file, %.1f GB" % (os.path.getsize(grown) / 1e9),
              ("memory_files", "file://" + make_pins(PINS // 100)), ("memory_files", "file://" + grown)),
             ("lines of one object over HTTP, as many",
              ("memory_2", "s3://bench/large/"), ("memory_3", "s3://bench/large/")),
             ("files of one record, %d" % (PINS // 10), ("memory_files", "file://%s/" % make_files(PINS // 1000)),
              ("memory_files", "file://%s/" % make_files(PINS // 10))),
             ("objects of one record over HTTP, %d" % PINS,
              ("memory_0", "s3://bench/topics/"), ("memory_1", "s3://bench/topics/"))]

    say("### Peak memory of the backend, all 12 columns\n")
    say("| what | a hundredth of it or less, MB | all of it, MB | more | bar |")
    say("|---|---|---|---|---|")
    for number, (label, *tables) in enumerate(pairs):
        peaks = []
        for size, (server, location) in enumerate(tables):
            name = "memory_table_%d_%d" % (number, size)
            foreign_table(session, name, server, location)
            progress("memory, " + location)
            peaks.append(peak_of(name))
        more = peaks[1] - peaks[0]
        say("| %s | %.1f | %.1f | %+.1f | ≤ 10 MB: %s |" % (
            label, peaks[0], peaks[1], more, "met" if more <= 10 else "MISSED"))
    say("")
    os.unlink(grown)
    for server in servers:
        server.stop()
    session.close()
