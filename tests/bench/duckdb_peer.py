#!/usr/bin/env python3
"""DuckDB's own way from a JSON file into a table, with the library that wasm-sink links.

    duckdb_peer.py INPUT DATABASE
"""

import ctypes
import sys
from pathlib import Path

LIBRARY = Path(__file__).resolve().parent.parent.parent / "target" / "libduckdb" / "libduckdb.so"
COLUMNS = """{id: 'BIGINT', 'at': 'TIMESTAMPTZ', 'user': 'STRUCT(id VARCHAR, country VARCHAR, score BIGINT)',
              amount: 'DOUBLE', tags: 'VARCHAR[]', note: 'VARCHAR'}"""
TABLE = """create table orders (id bigint, "at" timestamptz, "user" struct(id varchar, country varchar, score bigint),
                              amount double, tags varchar[], note varchar)"""

library = ctypes.CDLL(str(LIBRARY))
database, connection = ctypes.c_void_p(), ctypes.c_void_p()


def expect(failed, doing):
    if failed:
        sys.exit(f"{doing} failed")


def run(statement):
    expect(library.duckdb_query(connection, statement.encode(), None), statement)


source, path = sys.argv[1:]
expect(library.duckdb_open(path.encode(), ctypes.byref(database)), f"opening {path}")
expect(library.duckdb_connect(database, ctypes.byref(connection)), "connecting")
run(TABLE)
run(f"insert into orders from read_json('{source}', format = 'newline_delimited', columns = {COLUMNS})")
library.duckdb_disconnect(ctypes.byref(connection))
library.duckdb_close(ctypes.byref(database))
