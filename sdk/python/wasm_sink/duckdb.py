"""Tables of a DuckDB database: needs capabilities = ["duckdb"] in sink.toml."""

from __future__ import annotations

from . import host
from .table import DatabaseTable, opened

_duckdb = host.capability("duckdb")


class Table(DatabaseTable):
    """A table, which need not be there yet."""

    @classmethod
    def open(cls, connection: str, name: str) -> Table:
        """`connection` is a role of `[sink]`, "default" where there is one; `name` a table, or schema.table.

        A name with a dot in it stands in double quotes.
        """
        return opened(cls, _duckdb.Table, connection, name)
