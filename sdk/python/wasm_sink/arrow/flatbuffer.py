"""FlatBuffers, as far as Arrow's message headers need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, pack_into
from typing import Union

U8 = Struct("<B")
I16 = Struct("<h")
U16 = Struct("<H")
I32 = Struct("<i")
U32 = Struct("<I")
I64 = Struct("<q")


class Malformed(ValueError):
    """Bytes that are not what they should be."""


class Table:
    """A table in bytes that somebody else wrote; nothing outside of them is read."""

    __slots__ = ("_bytes", "_at", "_vtable", "_slots")

    def __init__(self, data: memoryview, at: int) -> None:
        self._bytes = data
        self._at = at
        self._vtable = at - self._read(I32, at)
        self._slots = (self._read(U16, self._vtable) - 4) // 2

    @classmethod
    def root(cls, data: memoryview) -> Table:
        if len(data) < 4:
            raise Malformed("a header of less than four bytes")
        return cls(data, U32.unpack_from(data)[0])

    def _read(self, number: Struct, at: int) -> int:
        # Python would count a negative place from the end.
        if at < 0 or at + number.size > len(self._bytes):
            raise Malformed("an offset outside of its header")
        value: int = number.unpack_from(self._bytes, at)[0]
        return value

    def _place(self, slot: int) -> int:
        """Where a field stands; 0 where it is absent."""
        if slot >= self._slots:
            return 0
        offset = self._read(U16, self._vtable + 4 + 2 * slot)
        return self._at + offset if offset else 0

    def number(self, slot: int, number: Struct, default: int = 0) -> int:
        place = self._place(slot)
        return self._read(number, place) if place else default

    def _follow(self, slot: int) -> int:
        place = self._place(slot)
        return place + self._read(U32, place) if place else 0

    def table(self, slot: int) -> Table | None:
        at = self._follow(slot)
        return Table(self._bytes, at) if at else None

    def text(self, slot: int) -> str | None:
        at = self._follow(slot)
        if not at:
            return None
        length = self._read(U32, at)
        if at + 4 + length > len(self._bytes):
            raise Malformed("a text that is longer than its header")
        return str(self._bytes[at + 4 : at + 4 + length], "utf-8")

    def tables(self, slot: int) -> list[Table]:
        at = self._follow(slot)
        if not at:
            return []
        places = range(at + 4, at + 4 + 4 * self._read(U32, at), 4)
        if places.stop > len(self._bytes):
            raise Malformed("a list that is longer than its header")
        return [Table(self._bytes, place + self._read(U32, place)) for place in places]

    def pairs(self, slot: int) -> list[tuple[int, int]]:
        """A list of structs that are two 64-bit numbers each."""
        at = self._follow(slot)
        if not at:
            return []
        start, count = at + 4, self._read(U32, at)
        if start + 16 * count > len(self._bytes):
            raise Malformed("a list that is longer than its header")
        numbers = self._bytes[start : start + 16 * count].cast("q").tolist()
        return list(zip(numbers[::2], numbers[1::2]))


Scalar = tuple[str, int]
Child = Callable[[], int]
Slot = Union[Scalar, Child]


class Builder:
    """Writes tables from the root on: a child stands behind its parent, as offsets only lead forward."""

    def __init__(self) -> None:
        self._bytes = bytearray(4)

    def finish(self, root: int) -> bytes:
        pack_into("<I", self._bytes, 0, root)
        self._align(8)
        return bytes(self._bytes)

    def _align(self, width: int, after: int = 0) -> None:
        self._bytes.extend(bytes(-(len(self._bytes) + after) % width))

    def _lead(self, place: int, to: int) -> None:
        pack_into("<I", self._bytes, place, to - place)

    def table(self, slots: dict[int, Slot]) -> int:
        """Every field takes eight bytes, which aligns all of them."""
        count = max(slots, default=-1) + 1
        places = {slot: 4 + 8 * nth for nth, slot in enumerate(slots)}
        self._align(8, after=4 + 2 * count + 4)
        vtable = len(self._bytes)
        at = vtable + 4 + 2 * count
        self._bytes += U16.pack(4 + 2 * count) + U16.pack(4 + 8 * len(slots))
        for slot in range(count):
            self._bytes += U16.pack(places.get(slot, 0))
        self._bytes += I32.pack(at - vtable) + bytes(8 * len(slots))
        for slot, value in slots.items():
            if isinstance(value, tuple):
                pack_into("<" + value[0], self._bytes, at + places[slot], value[1])
        for slot, value in slots.items():
            if not isinstance(value, tuple):
                self._lead(at + places[slot], value())
        return at

    def text(self, text: str) -> int:
        data = text.encode()
        self._align(4)
        at = len(self._bytes)
        self._bytes += U32.pack(len(data)) + data + b"\0"
        return at

    def list_of(self, children: Sequence[Child]) -> int:
        self._align(4)
        at = len(self._bytes)
        self._bytes += U32.pack(len(children)) + bytes(4 * len(children))
        for nth, child in enumerate(children):
            self._lead(at + 4 + 4 * nth, child())
        return at

    def pairs(self, pairs: Sequence[tuple[int, int]]) -> int:
        self._align(8, after=4)
        at = len(self._bytes)
        self._bytes += U32.pack(len(pairs))
        for first, second in pairs:
            self._bytes += I64.pack(first) + I64.pack(second)
        return at
