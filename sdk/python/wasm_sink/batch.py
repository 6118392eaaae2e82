"""Rows in the host's memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from . import arrow, host
from .arrow.flatbuffer import Malformed
from .arrow.times import OutOfRange
from .epoch import Clock
from .errors import Fatal, Misuse, Rejected
from .fields import Field, Span, fields_of

_types = host.interface("types")
_dead_letters = host.interface("dead_letters")

# Turns 0 into 1, and all else into 0.
_OTHERS = bytes([1]) + bytes(255)

Columns = Mapping[str, tuple[str, Iterable[Any]]]


class Batch:
    """A handle to rows; what is read of them is copied into the sink, column by column.

    It may be kept until `flush` has returned. Rows that are made of others by `slice`, `filter`, `divide`,
    `split` and `with_columns` remember the record that they are from.
    """

    __slots__ = ("_epoch", "_fields", "_handle", "_length")

    _handle: Any
    _epoch: int
    _fields: list[Field] | None
    _length: int | None

    def __init__(self) -> None:
        how = "make one of values with Batch.from_columns, or of bytes with Batch.from_ipc"
        raise Misuse(f"a Batch comes from the host: {how}")

    @classmethod
    def _of(cls, handle: Any) -> Batch:
        batch = object.__new__(cls)
        batch._handle = handle
        batch._epoch = Clock.number
        batch._fields = None
        batch._length = None
        return batch

    def _use(self) -> Any:
        if self._epoch != Clock.number:
            raise Misuse(
                "a batch of an earlier epoch was used: its rows went when `flush` had returned. Write or reject what is "
                "kept in `flush`, and let go of it there"
            )
        return self._handle

    def __len__(self) -> int:
        """The number of rows; may be 0."""
        handle = self._use()
        if self._length is None:
            self._length = handle.row_count()
        return self._length

    def __repr__(self) -> str:
        return "<Batch>" if self._length is None else f"<Batch of {self._length} rows>"

    def __iter__(self) -> NoReturn:
        raise Misuse("a Batch is not looped over: take values with batch.column(name), or records with batch.rows()")

    def __getitem__(self, key: object) -> NoReturn:
        raise Misuse(f"a Batch has no [{key!r}]: take values with batch.column(name), or records with batch.rows()")

    @property
    def row_count(self) -> int:
        """The number of rows; may be 0."""
        return len(self)

    @property
    def origin(self) -> Span | None:
        """Where the rows came from; None for those of `from_columns` and `from_ipc`."""
        span = self._use().origin()
        return None if span is None else Span(span.source, span.partition, span.first, span.last)

    @property
    def schema_id(self) -> int:
        """Equal for batches of equal schema in this instance; for caches."""
        schema_id: int = self._use().schema_id()
        return schema_id

    @property
    def fields(self) -> list[Field]:
        """The columns, in order."""
        handle = self._use()
        if self._fields is None:
            self._fields = fields_of(handle.fields())
        return list(self._fields)

    def field(self, name: str) -> Field | None:
        """The column of this name; None where there is none."""
        return next((field for field in self.fields if field.name == name), None)

    def column(self, name: str, *, raw: bool = False) -> list[Any]:
        """The values of one column, one for each row, None for null.

        Times are `datetime`'s, decimals `decimal.Decimal`, structs dicts, lists lists, maps dicts. With `raw`, what
        the type counts in whole numbers (microseconds since 1970, say) comes as `int`, which is much faster.
        """
        return self.columns(name, raw=raw)[0]

    def columns(self, *names: str, raw: bool = False) -> list[list[Any]]:
        """The values of several columns, in the order of `names`; without names, of all."""
        wrong = next((name for name in names if not isinstance(name, str)), None)
        if wrong is not None:
            raise Misuse(f"columns go by name, and {wrong!r} is no text")
        try:
            members, values = arrow.read(self.ipc(list(dict.fromkeys(names))), raw)
        except OutOfRange as error:
            raise Rejected(str(error)) from error
        except Malformed as error:
            raise Fatal(str(error)) from error
        if not names:
            return values
        by_name = {member.name: column for member, column in zip(members, values)}
        return [by_name[name] for name in names]

    def rows(self) -> list[dict[str, Any]]:
        """Each row as a record, as JSON has it: times are text, for instance.

        So decimals are numbers, and those with digits after the point floats, which round: `column` has them exactly.
        Whole records are convenient and slow: `columns` is several times as fast.
        """
        records: list[dict[str, Any]] = json.loads(f"[{','.join(self._json_texts())}]")
        return records

    def _json_texts(self) -> list[str]:
        """Each row as the host writes it in JSON."""
        plan = _types.Plan()
        host.call(plan.json, "row", [])
        shaped = Batch._of(host.call(plan.apply, self._use()))
        texts = shaped.column("row")
        if len(texts) != len(self):
            raise Fatal(f"{len(self)} rows came back as {len(texts)} records")
        return texts

    def ipc(self, columns: Sequence[str] = ()) -> bytes:
        """The Arrow IPC stream of these columns; of all, where none is named."""
        if isinstance(columns, str):
            raise Misuse(f'`ipc` takes a list of names: ["{columns}"]')
        stream: bytes = host.call(self._use().ipc, list(columns))
        return stream

    def slice(self, offset: int, length: int) -> Batch:
        """So many rows from `offset` on."""
        if offset < 0 or length < 0:
            raise Misuse(f"slice({offset}, {length}): a batch has no rows before its first one")
        return Batch._of(host.call(self._use().slice, offset, length))

    def filter(self, keep: Sequence[object]) -> Batch:
        """The rows for which `keep` is true; it has one for each row: a list of bools, or bytes."""
        return Batch._of(host.call(self._use().filter, self._mask(keep)))

    def divide(self, is_first: Sequence[object]) -> tuple[Batch, Batch]:
        """The rows for which it is true, and the others."""
        mask = self._mask(is_first)
        return self.filter(mask), self.filter(mask.translate(_OTHERS))

    def _mask(self, rows: Sequence[object]) -> bytes:
        mask = bytes(rows) if isinstance(rows, (bytes, bytearray)) else bytes(map(bool, rows))
        if len(mask) != len(self):
            raise Misuse(f"{len(mask)} values were given for {len(self)} rows: there has to be one for each")
        return mask

    def split(self, column: str) -> list[tuple[str | None, Batch]]:
        """A batch for each value of a column, with the value as text, in order of first appearance."""
        return [(value, Batch._of(rows)) for value, rows in host.call(self._use().split, column)]

    def with_columns(self, columns: Batch | Columns) -> Batch:
        """The same rows with these columns, which replace those of the same name or stand at the end.

        `batch.with_columns({"size": ("utf8", ["small", "large", None])})`
        """
        if not isinstance(columns, Batch):
            columns = Batch.from_columns(columns, row_count=len(self))
        return Batch._of(host.call(self._use().with_columns, columns._use()))

    @classmethod
    def from_columns(cls, columns: Columns, *, row_count: int | None = None) -> Batch:
        """A batch of values: for each column its type, as pipeline.toml writes it, and one value for each row.

        `Batch.from_columns({"id": ("int64 not null", [1, 2]), "day": ("date32", [date(2026, 1, 1), None])})`
        """
        return cls.from_ipc(arrow.write(_typed(columns, row_count)))

    @classmethod
    def from_ipc(cls, stream: bytes) -> Batch:
        """A batch of an Arrow IPC stream, which the host validates."""
        return cls._of(host.call(_types.Batch.from_ipc, bytes(stream)))


def _typed(columns: Columns, row_count: int | None) -> list[tuple[arrow.Member, Sequence[Any]]]:
    example = '{"size": ("utf8", ["small", None])}'
    if not isinstance(columns, Mapping):
        raise Misuse(f"columns are a dict of a type and values for each name: {example}")
    typed: list[tuple[arrow.Member, Sequence[Any]]] = []
    for name, column in columns.items():
        if not isinstance(column, tuple) or len(column) != 2 or not isinstance(column[0], str):
            raise Misuse(f"column `{name}` needs a type and values: {example}")
        try:
            member = arrow.parse(column[0])
        except ValueError as error:
            raise Misuse(f"column `{name}`: {error}") from error
        values = column[1]
        if isinstance(values, (str, bytes)):
            raise Misuse(f"column `{name}`: {values[:20]!r} is one value; give a list of one for each row")
        values = values if isinstance(values, (list, tuple)) else list(values)
        if row_count is not None and len(values) != row_count:
            raise Misuse(f"column `{name}` has {len(values)} values for {row_count} rows: it needs one for each")
        typed.append((arrow.Member(name, member.data_type, member.nullable), values))
    return typed


def reject(batch: Batch, reason: str) -> None:
    """Makes dead letters of all rows of the batch, with one reason; committed with the epoch."""
    if not isinstance(batch, Batch):
        raise Misuse(f"`reject` takes a Batch, not {type(batch).__name__}: batch.filter(...) gives the rows to reject")
    if not isinstance(reason, str):
        raise Misuse(f"a reason is text, not {reason!r}")
    if len(batch) > 0:
        host.call(_dead_letters.reject, batch._use(), reason)


def handle_of(batch: Batch) -> Any:
    """What the host knows the rows by."""
    if not isinstance(batch, Batch):
        raise Misuse(f"a Batch is needed, not {type(batch).__name__}")
    return batch._use()
