"""Tables of a Delta Lake: needs capabilities = ["delta"] in sink.toml."""

from __future__ import annotations

from collections.abc import Sequence

from . import host
from .errors import Misuse
from .fields import Field, records_of
from .table import Table as _Table
from .table import opened

_delta = host.capability("delta")


class Table(_Table):
    """A table, which need not be there yet."""

    @classmethod
    def open(cls, connection: str, name: str) -> Table:
        """`connection` is a role of `[sink]`, "default" where there is one; `name` stands below its path."""
        return opened(cls, _delta.Table, connection, name)

    def create(self, fields: Sequence[Field], partition_by: Sequence[str] = ()) -> None:
        """Makes the table. One that has the same columns: no effect."""
        if isinstance(partition_by, str):
            raise Misuse(f'columns stand in a list: ["{partition_by}"]')
        host.call(self._handle.create, records_of(fields), list(partition_by))

    def ensure(self, fields: Sequence[Field], partition_by: Sequence[str] = ()) -> None:
        """Makes the table where there is none, and adds the columns that it lacks."""
        if self.fields() is None:
            self.create(fields, partition_by)
        else:
            self.add_columns(fields)
