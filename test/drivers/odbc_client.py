"""What BI tools do through psqlODBC: odbc_client.py CONNECTION_STRING.  Prints lines of TAP."""

import glob
import os
import sys
import time

import pyodbc


def check(name, got, expected):
    print(f"{'ok' if got == expected else 'not ok'} - ODBC: {name}")
    if got != expected:
        print(f"# got {got!r}\n# not {expected!r}")


conn = pyodbc.connect(sys.argv[1])
cur = conn.cursor()
kinds = {}
for row in cur.tables(schema="daily"):
    kinds.setdefault(row.table_type, []).append(row.table_name)
check("views and foreign tables are found", (len(kinds["VIEW"]), sorted(kinds.get("FOREIGN TABLE", []))),
      (13, ["geo_source", "pin_source", "user_source"]))
check("their columns as well", [(row.column_name, row.type_name) for row in cur.columns(schema="daily", table="users")],
      [("ind", "int4"), ("user_name", "text"), ("age", "int4"), ("date_joined", "timestamp")])
query = "SELECT id, name, amount, at FROM events WHERE id = ? AND name LIKE ?"
check("prepared", [tuple(cur.execute(query, n, "name %").fetchone())[:3] for n in range(8)], [(n, f"name {n}", n + 0.25) for n in range(8)])
cur.fast_executemany = True
cur.executemany("INSERT INTO events (id, name) VALUES (?, ?)", [(n, "by ODBC") for n in range(2000, 2020)])
conn.commit()
check("executemany writes", cur.execute("SELECT count(*) FROM events WHERE name = ?", "by ODBC").fetchone()[0], 20)
cur.execute("SELECT * FROM daily.most_popular_category_by_country ORDER BY 1")
check("an answer", [column[0] for column in cur.description], ["country", "category", "category_count"])
check("in pieces", len(cur.fetchmany(3)) + len(cur.fetchall()) > 3, True)
conn.commit()
conn.execute("SET statement_timeout = 300")
started = time.monotonic()
try:
    cur.execute("SELECT * FROM hanging")
    state = None
except pyodbc.Error as error:
    state = error.args[0]
check("a statement that takes too long", (state, time.monotonic() - started < 5), ("57014", True))

# The driver logs that it disconnects, always there
conn.close()
for log in glob.glob(f"/tmp/psqlodbc_*{os.getpid()}.log"):
    os.unlink(log)
