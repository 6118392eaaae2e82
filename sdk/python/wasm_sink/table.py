"""What the tables of all capabilities have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from . import host
from .batch import Batch, handle_of
from .errors import Misuse
from .fields import Field, fields_of, records_of

Opened = TypeVar("Opened", bound="Staged")


class Staged:
    """A table or topic, which is opened by the role of its connection."""

    _handle: Any

    def __init__(self) -> None:
        raise Misuse(f'open it: {type(self).__name__}.open("default", name)')

    def append(self, rows: Batch) -> None:
        """Stages rows; columns go by name."""
        host.call(self._handle.append, handle_of(rows))


class Table(Staged):
    """A table with columns."""

    def fields(self) -> list[Field] | None:
        """Its columns, those included that this instance has staged. None: there is no table yet."""
        records = host.call(self._handle.fields)
        return None if records is None else fields_of(records)

    def add_columns(self, fields: Sequence[Field]) -> None:
        """Adds nullable columns at the end. One that is there, with a type that takes such values: no effect."""
        host.call(self._handle.add_columns, records_of(fields))

    def overwrite(self) -> None:
        """The rows that stood here before this pipeline's first commit go with that commit. Once per pipeline."""
        host.call(self._handle.overwrite)


class DatabaseTable(Table):
    """A table of a database."""

    def create(self, fields: Sequence[Field]) -> None:
        """Makes the table. One that has these columns among others: no effect."""
        host.call(self._handle.create, records_of(fields))

    def ensure(self, fields: Sequence[Field]) -> None:
        """Makes the table where there is none, and adds the columns that it lacks."""
        if self.fields() is None:
            self.create(fields)
        else:
            self.add_columns(fields)

    def widen_columns(self, fields: Sequence[Field]) -> None:
        """Gives columns a type that takes the values of both where theirs does not take all of the fields'."""
        host.call(self._handle.widen_columns, records_of(fields))

    def upsert_by(self, keys: Sequence[str]) -> None:
        """From now on a row takes the place of the one with the same values in these columns."""
        if isinstance(keys, str):
            raise Misuse(f'keys stand in a list: ["{keys}"]')
        host.call(self._handle.upsert_by, list(keys))


def opened(kind: type[Opened], resource: Any, connection: str, name: str) -> Opened:
    """Opens what a capability has."""
    one = object.__new__(kind)
    one._handle = host.call(resource.open, connection, name)
    return one
