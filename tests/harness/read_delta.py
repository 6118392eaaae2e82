"""Reads a Delta table for the test harness. One question as JSON on stdin, one answer on stdout.

{"uri": …, "options": {…}} and one of
    "sql": a DuckDB query over the table `t`; answers a list of objects
    "history": the commitInfo of each version, the newest first
    "exists": whether there is a table
    "columns": the names of its columns; none where there is no table
"""

import json
import sys

import duckdb
from deltalake import DeltaTable

question = json.load(sys.stdin)
place = dict(storage_options=question["options"] or None)

if "exists" in question:
    answer = DeltaTable.is_deltatable(question["uri"], **place)
elif "columns" in question and not DeltaTable.is_deltatable(question["uri"], **place):
    answer = []
else:
    table = DeltaTable(question["uri"], **place)
    if "history" in question:
        answer = table.history()
    elif "columns" in question:
        answer = [field.name for field in table.schema().fields]
    else:
        t = table.to_pyarrow_table()
        result = duckdb.sql(question["sql"])
        names = [column[0] for column in result.description]
        answer = [dict(zip(names, row)) for row in result.fetchall()]

json.dump(answer, sys.stdout, default=str)
