"""What programs do through psycopg 3: psycopg_client.py CONNINFO.  Prints lines of TAP.

Of its tables, "events" can be written, and the service of "hanging" never answers.
"""

import sys
import threading
import time
from datetime import datetime, timezone

import psycopg
from psycopg.types.json import Jsonb

conninfo = sys.argv[1]
COLUMNS = "id, name, amount, at, tags, doc"


def check(name, got, expected):
    print(f"{'ok' if got == expected else 'not ok'} - psycopg: {name}")
    if got != expected:
        print(f"# got {got!r}\n# not {expected!r}")


def state_of(action):
    """The SQLSTATE that this fails with, and how long it took."""
    started = time.monotonic()
    try:
        action()
    except psycopg.Error as error:
        return error.sqlstate, time.monotonic() - started
    return None, time.monotonic() - started


def write(conn):
    values = [(n, f"name {n}", n + 0.25, "2020-01-02T03:04:05Z", [f"t{n}", None], Jsonb({"n": [n, "é"]})) for n in range(500)]
    with conn.cursor() as cur:
        cur.executemany(f"INSERT INTO events ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)", values[:200])
        with cur.copy(f"COPY events ({COLUMNS}) FROM STDIN") as copy:
            for row in values[200:400]:
                copy.write_row(row)
        with cur.copy(f"COPY events ({COLUMNS}) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["int4", "text", "float8", "timestamptz", "text[]", "jsonb"])
            for row in values[400:]:
                copy.write_row((*row[:3], datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc), *row[4:]))
    conn.commit()
    check("executemany and COPY write", conn.execute("SELECT count(*), count(DISTINCT id), sum(amount) FROM events").fetchone(), (500, 500, sum(n + 0.25 for n in range(500))))


def read(conn):
    query = f"SELECT {COLUMNS} FROM events WHERE id = %s AND name LIKE %s"
    rows = [conn.execute(query, (n, "name %"), prepare=True, binary=n % 2 == 1).fetchone() for n in range(12)]
    check("prepared, of plans for one and for all values", [row[0] for row in rows], list(range(12)))
    check("values in the text and in the binary format", [(r[1], r[2], r[3].isoformat(), r[4], r[5]) for r in rows[6:8]],
          [(f"name {n}", n + 0.25, "2020-01-02T03:04:05+00:00", [f"t{n}", None], {"n": [n, "é"]}) for n in (6, 7)])
    check("an array for a parameter", conn.execute("SELECT count(*) FROM events WHERE id = ANY(%s)", ([1, 2, 600],)).fetchone(), (2,))
    with conn.cursor("piecemeal") as cur:
        cur.itersize = 37
        cur.execute("SELECT id FROM events WHERE id >= %s", (100,))
        check("a cursor of the server", sorted(row[0] for row in cur), list(range(100, 500)))
    with conn.cursor("back", scrollable=True) as cur:
        cur.execute("SELECT id FROM events ORDER BY id")
        cur.scroll(400)
        forward = cur.fetchone()
        cur.scroll(10, mode="absolute")
        check("back and forth in it", (forward, cur.fetchone()), ((400,), (10,)))
    with conn.cursor() as cur, cur.copy("COPY (SELECT id, tags FROM events) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text[]"])
        check("COPY reads", sorted(row[0] for row in copy.rows()), list(range(500)))
    conn.commit()


def send_many(conn):
    with conn.pipeline():
        cursors = [conn.execute("SELECT name FROM events WHERE id = %s", (n,)) for n in range(5)]
        cursors.append(conn.execute("INSERT INTO events (id) VALUES (%s)", (1000,)))
        cursors.append(conn.execute("SELECT count(*) FROM events WHERE id = 1000"))
        got = [cur.fetchone() for cur in cursors[:5]], cursors[5].rowcount
    check("many statements at once", got, ([(f"name {n}",) for n in range(5)], 1))
    conn.commit()

    def failing():
        with conn.pipeline():
            conn.execute("SELECT count(*) FROM events")
            conn.execute("SELECT id / (id - id) FROM events")
            conn.execute("SELECT count(*) FROM events")

    check("one of which fails", state_of(failing)[0], "22012")
    conn.rollback()
    check("then the session goes on", conn.execute("SELECT count(*) FROM events").fetchone(), (501,))
    conn.commit()


def cancel(conn):
    timer = threading.Timer(0.3, conn.cancel)
    timer.start()
    state, seconds = state_of(lambda: conn.execute("SELECT * FROM hanging"))
    timer.join()
    check("cancelled while a service does not answer", (state, seconds < 5), ("57014", True))
    conn.rollback()
    conn.execute("SET statement_timeout = 300")
    state, seconds = state_of(lambda: conn.execute("SELECT * FROM hanging WHERE id = %s", (1,), prepare=True))
    check("statement_timeout", (state, seconds < 5), ("57014", True))
    conn.rollback()
    check("then the session goes on as well", conn.execute("SELECT count(*) FROM events").fetchone(), (501,))
    conn.commit()


def run(conn):
    told = []
    conn.add_notice_handler(lambda notice: told.append(notice.message_primary))
    conn.execute("CALL pinterest.run_pipeline(%s)", ("daily",))
    conn.rollback()
    check("a run of a pipeline, rolled back", told[-1:], ['pipeline "daily": 40 pin, 40 geo, 40 user records landed'])
    conn.execute("CALL pinterest.run_pipeline(%s)", ("daily",))
    conn.commit()
    check("and committed", conn.execute("SELECT count(*) > 0 FROM daily.most_popular_category_by_country").fetchone(), (True,))
    conn.commit()
    state, _ = state_of(lambda: conn.execute("CALL pinterest.emulate_posting('daily', %s)", (2,)))
    conn.rollback()
    conn.autocommit = True
    conn.execute("CALL pinterest.emulate_posting('daily', %s)", (2,))
    check("what commits needs autocommit", (state, told[-1]), ("25001", "2 of 2 posts sent"))


with psycopg.connect(conninfo) as conn:
    for part in (write, read, send_many, cancel, run):
        part(conn)
