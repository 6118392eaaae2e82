"""Columns of Python's values as an IPC stream."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, chain
from typing import Any

from . import times
from .flatbuffer import Builder
from .schema import schema
from .types import DECIMAL_BYTES, NUMBERS, DataType, Member

_MARKER = b"\xff\xff\xff\xff"
_SCHEMA, _RECORD_BATCH = 1, 3
_VERSION_5 = 4
_ALIGNMENT = 64
_STARTS_32_BITS = 1 << 31
# What `array` does not have, or would make infinite where a number is too large.
_PACKED = {"float16": "e", "float32": "f"}
_EMPTY = {"utf8": "", "large_utf8": "", "binary": b"", "large_binary": b"", "boolean": False, "map": {}}


def write(columns: Sequence[tuple[Member, Iterable[Any]]]) -> bytes:
    """A stream of one record batch.

    `ValueError` and `TypeError` name column and row of a value that does not fit.
    """
    members = tuple(member for member, _ in columns)
    lists = [values if isinstance(values, (list, tuple)) else list(values) for _, values in columns]
    rows = len(lists[0]) if lists else 0
    for member, values in zip(members, lists):
        if len(values) != rows:
            raise ValueError(
                f"column `{member.name}` has {len(values)} values, and `{members[0].name}` has {rows}: "
                "all need one for each row"
            )
    body = _Body()
    for member, values in zip(members, lists):
        body.put(member, values, f"column `{member.name}`")
    return b"".join((_schema_message(members), _batch_message(rows, body), *body.bytes, _MARKER, bytes(4)))


@lru_cache(256)
def _schema_message(members: tuple[Member, ...]) -> bytes:
    build = Builder()
    return _framed(build, _SCHEMA, lambda: schema(build, members), 0)


def _batch_message(rows: int, body: _Body) -> bytes:
    build = Builder()

    def batch() -> int:
        return build.table({0: ("q", rows), 1: lambda: build.pairs(body.nodes), 2: lambda: build.pairs(body.buffers)})

    return _framed(build, _RECORD_BATCH, batch, body.size)


def _framed(build: Builder, kind: int, header: Callable[[], int], body: int) -> bytes:
    data = build.finish(build.table({0: ("h", _VERSION_5), 1: ("B", kind), 2: header, 3: ("q", body)}))
    return _MARKER + struct.pack("<i", len(data)) + data


class _Body:
    """Buffers as they are made."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, int]] = []
        self.buffers: list[tuple[int, int]] = []
        self.bytes: list[bytes] = []
        self.size = 0

    def _add(self, data: bytes) -> None:
        self.buffers.append((self.size, len(data)))
        padding = -len(data) % _ALIGNMENT
        self.bytes += (data, bytes(padding))
        self.size += len(data) + padding

    def put(self, member: Member, values: Sequence[Any], where: str) -> None:
        data_type = member.data_type
        nulls = values.count(None)
        if nulls and not member.nullable:
            raise ValueError(f"{where}, row {values.index(None)}: None, and the type says `not null`")
        self.nodes.append((len(values), nulls))
        if data_type.word == "null":
            if nulls != len(values):
                raise TypeError(f"{where}: its type is null, so that all values are None")
            return
        if nulls:
            self._add(_bits(["0" if value is None else "1" for value in values]))
            empty = _empty(data_type)
            present: Sequence[Any] = [empty if value is None else value for value in values]
        else:
            self._add(b"")
            present = values
        self._put_present(data_type, present, where)

    def _put_present(self, of: DataType, values: Sequence[Any], where: str) -> None:
        word = of.word
        if word in _PACKED:
            letter = _PACKED[word]
            self._add(_made(of, values, where, lambda some: struct.pack(f"<{len(some)}{letter}", *some)))
        elif word in NUMBERS:
            letter = NUMBERS[word]
            self._add(_made(of, values, where, lambda some: array(letter, some).tobytes()))
        elif word in ("utf8", "large_utf8"):
            self._texts(of, values, where)
        elif word in ("binary", "large_binary"):
            data = _made(of, values, where, lambda some: b"".join(some))
            self._starts(of, map(len, values), where)
            self._add(data)
        elif word == "boolean":
            self._add(_made(of, values, where, _booleans))
        elif word in times.LETTERS:
            letter = times.LETTERS[word]
            self._add(_made(of, values, where, lambda some: array(letter, times.to_numbers(of, some)).tobytes()))
        elif word in DECIMAL_BYTES:
            size = DECIMAL_BYTES[word]
            self._add(_made(of, values, where, lambda some: _integers(times.to_numbers(of, some), size)))
        elif word == "fixed_size_binary":
            self._add(_made(of, values, where, lambda some: b"".join([_sized(value, of.size) for value in some])))
        else:
            self._nested(of, values, where)

    def _starts(self, of: DataType, lengths: Iterable[int], where: str) -> None:
        starts = list(accumulate(lengths, initial=0))
        if of.word.startswith("large"):
            self._add(array("q", starts).tobytes())
        elif starts[-1] < _STARTS_32_BITS:
            self._add(array("i", starts).tobytes())
        else:
            raise ValueError(f"{where}: more than 2 GiB, or as many items, are no {of}")

    def _texts(self, of: DataType, values: Sequence[Any], where: str) -> None:
        def encoded(some: Sequence[Any]) -> bytes:
            return "".join(some).encode()

        data = _made(of, values, where, encoded)
        if data.isascii():
            self._starts(of, map(len, values), where)
        else:
            self._starts(of, [len(value.encode()) for value in values], where)
        self._add(data)

    def _nested(self, of: DataType, values: Sequence[Any], where: str) -> None:
        word, members = of.word, of.members
        if word in ("struct", "map"):
            _made(of, values, where, lambda some: _all_are(some, Mapping, "a dict"))
        else:
            _made(of, values, where, lambda some: _all_are(some, (list, tuple), "a list"))
        if word == "struct":
            known = {member.name for member in members}
            unknown = set().union(*values) - known
            if unknown:
                raise ValueError(f"{where}: {of} has no field {min(map(repr, unknown))}")
            for member in members:
                self.put(member, [value.get(member.name) for value in values], f"{where}, field `{member.name}`")
        elif word == "fixed_size_list":
            _made(of, values, where, lambda some: [_sized(value, of.size) for value in some])
            self.put(members[0], list(chain.from_iterable(values)), f"{where}, items")
        elif word == "map":
            self._starts(of, map(len, values), where)
            keys = list(chain.from_iterable(values))
            self.nodes.append((len(keys), 0))
            self._add(b"")
            self.put(members[0], keys, f"{where}, keys")
            items = list(chain.from_iterable(value.values() for value in values))
            self.put(members[1], items, f"{where}, values")
        else:
            self._starts(of, map(len, values), where)
            self.put(members[0], list(chain.from_iterable(values)), f"{where}, items")


def _empty(of: DataType) -> Any:
    """What stands where there is no value."""
    if of.word == "struct":
        return {member.name: _empty(member.data_type) for member in of.members if not member.nullable}
    if of.word == "fixed_size_binary":
        return bytes(of.size)
    if of.word in ("list", "large_list", "fixed_size_list"):
        item = of.members[0]
        return (None if item.nullable else _empty(item.data_type),) * of.size
    return _EMPTY.get(of.word, 0)


def _made(of: DataType, values: Sequence[Any], where: str, make: Callable[[Sequence[Any]], Any]) -> Any:
    """Makes it of all values at once; only where that fails, of one after the other, to name the one to blame."""
    try:
        return make(values)
    except (TypeError, ValueError, OverflowError, AttributeError, struct.error):
        for row, value in enumerate(values):
            try:
                make((value,))
            except (TypeError, ValueError, OverflowError, AttributeError, struct.error) as error:
                shown = repr(value)
                if len(shown) > 60:
                    shown = shown[:60] + "…"
                reason = f": {error}" if of.word not in ("utf8", "boolean") else ""
                raised = TypeError if isinstance(error, TypeError) else ValueError
                raise raised(f"{where}, row {row}: {shown} ({type(value).__name__}) is no {of}{reason}") from error
        raise


def _bits(digits: list[str]) -> bytes:
    """Bits, the first one lowest: one number in base 2 is the fastest way there."""
    if not digits:
        return b""
    digits.reverse()
    return int("".join(digits), 2).to_bytes((len(digits) + 7) // 8, "little")


def _integers(numbers: Iterable[int], size: int) -> bytes:
    return b"".join([number.to_bytes(size, "little", signed=True) for number in numbers])


_DIGITS = {True: "1", False: "0"}


def _booleans(values: Sequence[Any]) -> bytes:
    if not {type(value) for value in values} <= {bool}:
        raise TypeError("True or False is needed")
    return _bits([_DIGITS[value] for value in values])


def _all_are(values: Sequence[Any], types: Any, needed: str) -> None:
    for value in values:
        if not isinstance(value, types):
            raise TypeError(f"{needed} is needed")


def _sized(value: Any, size: int) -> Any:
    if len(value) != size:
        raise ValueError(f"{size} are needed, not {len(value)}")
    return value
