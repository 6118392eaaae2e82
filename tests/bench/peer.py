"""The same file into a Delta table, as others would do it: DuckDB reads, delta-rs writes.

    peer.py INPUT.jsonl TABLE
"""

import sys

import duckdb
from deltalake import write_deltalake

source, table = sys.argv[1:]
rows = duckdb.sql(f"select * from read_json('{source}', format='newline_delimited')")
write_deltalake(table, rows.to_arrow_reader(100_000))
