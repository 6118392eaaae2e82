"""Columns of an IPC stream as lists of Python's values. Lengths are checked before anything is read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import islice
from typing import Any

from . import times
from .flatbuffer import I64, U8, U32, Malformed, Table
from .schema import columns
from .types import DECIMAL_BYTES, NUMBERS, DataType, Member

_MARKER = b"\xff\xff\xff\xff"
_SCHEMA, _RECORD_BATCH = 1, 3
# Rows that take no bytes (nulls, structs without fields) are taken up to this many.
_MAX_FREE_ROWS = 1 << 20
_LARGE = ("large_utf8", "large_binary", "large_list")


def read(stream: bytes, raw: bool = False) -> tuple[tuple[Member, ...], list[list[Any]]]:
    """The columns of a stream of one record batch, and their values.

    With `raw`, times, dates, durations and decimals are the whole numbers that stand in the stream.
    """
    data = memoryview(stream)
    try:
        members, at = _schema(data)
        if data[at:] in (b"", _MARKER + bytes(4)):
            return members, [[] for _ in members]
        header, body, at = _message(data, at)
        batch = header.table(2)
        if header.number(1, U8) != _RECORD_BATCH or batch is None:
            raise Malformed("a message that is no record batch")
        if batch.table(3) is not None:
            raise Malformed("its buffers are compressed")
        if data[at:] not in (b"", _MARKER + bytes(4)):
            raise Malformed("there is more than one record batch")
        return members, _Batch(batch, body, raw).columns(members)
    except (Malformed, struct.error, UnicodeDecodeError) as error:
        raise Malformed(f"not an Arrow IPC stream that can be read: {error}") from error


# What schema messages said: batches of one schema have the same one, and reading it takes longer than the rest.
_known: dict[bytes, tuple[Member, ...]] = {}
_MOST_KNOWN = 1_000


def _schema(data: memoryview) -> tuple[tuple[Member, ...], int]:
    """The columns of a stream, and where its next message begins."""
    end = 8 + U32.unpack_from(data, 4)[0] if len(data) >= 8 else 0
    message = bytes(data[:end])
    members = _known.get(message)
    if members is None:
        header, body, end = _message(data, 0)
        schema = header.table(2)
        if header.number(1, U8) != _SCHEMA or schema is None:
            raise Malformed("it does not begin with a schema")
        members = columns(schema)
        if not body and len(_known) < _MOST_KNOWN:
            _known[message] = members
    return members, end


def _message(data: memoryview, at: int) -> tuple[Table, memoryview, int]:
    """A message's header, its body, and where the next one begins."""
    start = at + 8
    if start > len(data) or data[at : at + 4] != _MARKER:
        raise Malformed("a message is missing")
    end = start + U32.unpack_from(data, at + 4)[0]
    if end > len(data):
        raise Malformed("it ends in a message's header")
    header = Table.root(data[start:end])
    length = header.number(3, I64)
    if length < 0 or end + length > len(data):
        raise Malformed("it ends in a message's body")
    return header, data[end : end + length], end + length


class _Batch:
    """The lengths and buffers of a record batch, which columns take in order."""

    def __init__(self, batch: Table, body: memoryview, raw: bool) -> None:
        self._rows = batch.number(0, I64)
        self._nodes = iter(batch.pairs(1))
        self._buffers = iter(batch.pairs(2))
        self._body = body
        self._raw = raw
        self._most = max(8 * len(body), _MAX_FREE_ROWS)

    def columns(self, members: Sequence[Member]) -> list[list[Any]]:
        made = []
        for member in members:
            try:
                values = self._values(member.data_type)
                if len(values) != self._rows:
                    raise Malformed(f"{len(values)} values for {self._rows} rows")
            except Malformed as error:
                raise Malformed(f"column `{member.name}` ({member.data_type}): {error}") from error
            except times.OutOfRange as error:
                raise times.OutOfRange(f"column `{member.name}` ({member.data_type}): {error}") from error
            made.append(values)
        return made

    def _node(self) -> tuple[int, int]:
        length, nulls = next(self._nodes, (-1, 0))
        if not 0 <= length <= self._most:
            raise Malformed("its length is missing, or more than its bytes can hold")
        return length, nulls

    def _buffer(self, size: int = 0) -> memoryview:
        """The next buffer, of at least so many bytes."""
        offset, length = next(self._buffers, (-1, 0))
        if offset < 0 or length < 0 or offset + length > len(self._body):
            raise Malformed("a buffer is missing, or lies outside of the message")
        if length < size:
            raise Malformed(f"a buffer of {length} bytes, where {size} are needed")
        return self._body[offset : offset + length]

    def _bits(self, length: int) -> str:
        """A character `0` or `1` for each bit: one number in base 2 is the fastest way there."""
        size = (length + 7) // 8
        number = int.from_bytes(self._buffer(size)[:size], "little")
        return format(number, f"0{8 * size}b")[::-1][:length] if size else ""

    def _values(self, data_type: DataType) -> list[Any]:
        length, nulls = self._node()
        if data_type.word == "null":
            return [None] * length
        if nulls == 0:
            self._buffer()
            return self._present(data_type, length)
        valid = self._bits(length)
        values = self._present(data_type, length, valid)
        for at in _places(valid):
            values[at] = None
        return values

    def _present(self, data_type: DataType, length: int, valid: str = "") -> list[Any]:
        """The values, with whatever stands where there is none."""
        word = data_type.word
        if word in NUMBERS:
            return self._numbers(NUMBERS[word], length)
        if word in ("utf8", "large_utf8"):
            return self._texts(word, length)
        if word == "boolean":
            return list(map("1".__eq__, self._bits(length)))
        if word in times.LETTERS:
            return self._counted(data_type, self._numbers(times.LETTERS[word], length), valid)
        if word in DECIMAL_BYTES:
            return self._counted(data_type, self._decimals(DECIMAL_BYTES[word], length), valid)
        if word == "float16":
            return list(struct.unpack_from(f"<{length}e", self._buffer(2 * length)))
        if word in ("binary", "large_binary"):
            offsets = self._offsets(word, length)
            return _cut(bytes(self._ending(offsets)), offsets)
        if word == "fixed_size_binary":
            size = data_type.size
            data = bytes(self._buffer(size * length))
            return [data[size * nth : size * nth + size] for nth in range(length)]
        return self._nested(data_type, length)

    def _numbers(self, letter: str, length: int) -> list[Any]:
        size = length * struct.calcsize("<" + letter)
        view: memoryview[Any] = self._buffer(size)[:size].cast(letter)  # type: ignore[call-overload]
        return view.tolist()

    def _counted(self, data_type: DataType, numbers: list[Any], valid: str) -> list[Any]:
        if self._raw:
            return numbers
        # What stands where there is none need be no time.
        for at in _places(valid):
            numbers[at] = 0
        return times.from_numbers(data_type, numbers)

    def _decimals(self, size: int, length: int) -> list[int]:
        if size == 4 or size == 8:
            return self._numbers("i" if size == 4 else "q", length)
        data = self._buffer(size * length)[: size * length]
        if size == 16:
            high = data.cast("q")[1::2].tolist()
            low = data.cast("Q")[::2].tolist()
            return [upper << 64 | lower for upper, lower in zip(high, low)]
        return [int.from_bytes(data[at : at + size], "little", signed=True) for at in range(0, len(data), size)]

    def _offsets(self, word: str, length: int) -> list[int]:
        if length == 0:
            # Writers may leave out the one offset that there is.
            self._buffer()
            return [0]
        offsets = self._numbers("q" if word in _LARGE else "i", length + 1)
        if offsets[0] < 0 or offsets != sorted(offsets):
            raise Malformed("its offsets go backwards")
        return offsets

    def _ending(self, offsets: list[int]) -> memoryview:
        return self._buffer(offsets[-1])[: offsets[-1]]

    def _texts(self, word: str, length: int) -> list[Any]:
        offsets = self._offsets(word, length)
        data = bytes(self._ending(offsets))
        if data.isascii():
            return _cut(data.decode("ascii"), offsets)
        return [text.decode() for text in _cut(data, offsets)]

    def _nested(self, data_type: DataType, length: int) -> list[Any]:
        word, members = data_type.word, data_type.members
        if word == "struct":
            names = [member.name for member in members]
            columns = [self._items(member, length) for member in members]
            if not names:
                return [{} for _ in range(length)]
            return [dict(zip(names, values)) for values in zip(*columns)]
        if word == "fixed_size_list":
            size = data_type.size
            items = self._items(members[0], size * length)
            return [items[size * nth : size * nth + size] for nth in range(length)]
        offsets = self._offsets(word, length)
        if word == "map":
            count, _ = self._node()
            self._buffer()
            keys, values = (self._items(member, count) for member in members)
            self._within(offsets, count)
            return [dict(zip(*pair)) for pair in zip(_cut(keys, offsets), _cut(values, offsets))]
        items = self._values(members[0].data_type)
        self._within(offsets, len(items))
        return _cut(items, offsets)

    def _items(self, member: Member, length: int) -> list[Any]:
        values = self._values(member.data_type)
        if len(values) != length:
            raise Malformed(f"{len(values)} values in `{member.name}`, where {length} are needed")
        return values

    def _within(self, offsets: list[int], count: int) -> None:
        if offsets[-1] > count:
            raise Malformed(f"an offset beyond its {count} items")


def _places(valid: str) -> list[int]:
    """Where there is no value."""
    places = []
    at = valid.find("0")
    while at >= 0:
        places.append(at)
        at = valid.find("0", at + 1)
    return places


def _cut(whole: Any, offsets: list[int]) -> list[Any]:
    start = offsets[0]
    return [whole[start : (start := end)] for end in islice(offsets, 1, None)]
