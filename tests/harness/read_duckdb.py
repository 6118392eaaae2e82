"""Reads and prepares a DuckDB database for the test harness. One question as JSON on stdin, one answer
on stdout. A newer DuckDB than the one that wrote it.

{"path": …} and one of
    "sql": a query; answers a list of objects
    "run": statements that prepare a database
"""

import json
import sys

import duckdb

question = json.load(sys.stdin)
answer = None

if "run" in question:
    # Files of a newer one are nothing that an older one reads.
    config = {"storage_compatibility_version": "v1.0.0"}
    with duckdb.connect(question["path"], config=config) as database:
        database.execute(question["run"])
else:
    with duckdb.connect(question["path"], read_only=True) as database:
        result = database.execute(question["sql"])
        names = [column[0] for column in result.description]
        answer = [dict(zip(names, row)) for row in result.fetchall()]

json.dump(answer, sys.stdout, default=str)
