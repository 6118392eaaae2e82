"""The Arrow reader and writer, held against pyarrow: `python -m unittest discover sdk/python/tests`."""

from __future__ import annotations

import random
import sys
import unittest
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from wasm_sink.arrow import Member, parse, read, write
from wasm_sink.arrow.flatbuffer import Malformed
from wasm_sink.arrow.times import OutOfRange

UTC = timezone.utc
LATE = timezone(timedelta(hours=2))

# Type, pyarrow's type, values.
COLUMNS: list[tuple[str, pa.DataType, list[Any]]] = [
    ("null", pa.null(), [None, None, None]),
    ("boolean", pa.bool_(), [True, None, False] * 7),
    *(
        (f"{sign}int{bits}", getattr(pa, f"{sign}int{bits}")(), [1, None, 2 ** (bits - 1) - 1])
        for bits in (8, 16, 32, 64)
        for sign in ("", "u")
    ),
    ("float16", pa.float16(), [0.5, None, -2.0]),
    ("float32", pa.float32(), [0.5, None, -2.0, float("inf")]),
    ("float64", pa.float64(), [0.1, None, -1e300]),
    ("utf8", pa.utf8(), ["a", None, "", "größer", "🙂"]),
    ("utf8", pa.utf8(), ["plain", "", "ascii"]),
    ("large_utf8", pa.large_utf8(), ["a", None, "größer"]),
    ("binary", pa.binary(), [b"\0", None, b"", b"abc"]),
    ("large_binary", pa.large_binary(), [b"\0", None, b"abc"]),
    ("fixed_size_binary(3)", pa.binary(3), [b"abc", None, b"\0\0\0"]),
    ("date32", pa.date32(), [date(1, 1, 1), None, date(2026, 11, 30), date(9999, 12, 31)]),
    ("date64", pa.date64(), [date(1969, 12, 31), None, date(2026, 11, 30)]),
    ("time32(s)", pa.time32("s"), [time(23, 59, 59), None]),
    ("time32(ms)", pa.time32("ms"), [time(1, 2, 3, 4000), None]),
    ("time64(us)", pa.time64("us"), [time(1, 2, 3, 4), None]),
    ("timestamp(s)", pa.timestamp("s"), [datetime(1969, 1, 1), None]),
    ("timestamp(ms)", pa.timestamp("ms"), [datetime(2026, 1, 1, 1, 1, 1, 5000), None]),
    ("timestamp(us,+00:00)", pa.timestamp("us", "+00:00"), [datetime(2026, 1, 1, 1, 1, 1, 5, UTC), None]),
    ("timestamp(us,+02:00)", pa.timestamp("us", "+02:00"), [datetime(2026, 1, 1, 1, 1, 1, 5, LATE), None]),
    ("duration(us)", pa.duration("us"), [timedelta(-1, 2, 3), None]),
    ("decimal(10,2)", pa.decimal128(10, 2), [Decimal("-1.50"), None, Decimal("99999999.99")]),
    ("decimal(38,0)", pa.decimal128(38, 0), [Decimal(10**38 - 1), None, Decimal(-(10**38) + 1)]),
    ("decimal256(50,3)", pa.decimal256(50, 3), [Decimal("-1.500"), None]),
    ("list<utf8>", pa.list_(pa.utf8()), [["a", None], None, [], ["b"]]),
    ("large_list<int64>", pa.large_list(pa.int64()), [[1], None, [2, 3]]),
    ("fixed_size_list<float32, 2>", pa.list_(pa.float32(), 2), [[1.0, 2.0], None, [3.0, None]]),
    (
        "struct<a: int64, b: list<utf8>>",
        pa.struct([("a", pa.int64()), ("b", pa.list_(pa.utf8()))]),
        [{"a": 1, "b": ["x"]}, None, {"a": None, "b": None}],
    ),
    ("struct<a: int64 not null>", pa.struct([pa.field("a", pa.int64(), False)]), [{"a": 1}, None]),
    ("list<struct<`a b`: date32>>", pa.list_(pa.struct([("a b", pa.date32())])), [[{"a b": date(2026, 1, 1)}], None]),
]


def column(text: str, values: list[Any]) -> tuple[Member, list[Any]]:
    parsed = parse(text)
    return Member("c", parsed.data_type, parsed.nullable), values


def stream_of(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


class Columns(unittest.TestCase):
    def test_what_pyarrow_wrote_is_read(self) -> None:
        for text, data_type, values in COLUMNS:
            for some in (values, values[:1], [v for v in values if v is not None], []):
                with self.subTest(text, some=some):
                    members, lists = read(stream_of(pa.table({"c": pa.array(some, data_type)})))
                    self.assertEqual(str(members[0].data_type), text)
                    self.assertEqual(lists or [[]], [some])

    def test_what_is_written_is_read_by_pyarrow(self) -> None:
        for text, data_type, values in COLUMNS:
            for some in (values, values[:1], [v for v in values if v is not None], []):
                with self.subTest(text, some=some):
                    table = pa.ipc.open_stream(write([column(text, some)])).read_all()
                    table.validate(full=True)
                    self.assertEqual(table.schema.field(0).type, data_type)
                    self.assertEqual(table["c"].to_pylist(), some)

    def test_what_is_written_is_read_again(self) -> None:
        for text, _, values in COLUMNS:
            with self.subTest(text):
                self.assertEqual(read(write([column(text, values)]))[1], [values])

    def test_maps_are_dicts(self) -> None:
        values = [{"a": 1, "b": None}, None, {}]
        pairs = [list(value.items()) if value is not None else None for value in values]
        data_type = pa.map_(pa.utf8(), pa.int64())
        self.assertEqual(read(stream_of(pa.table({"c": pa.array(pairs, data_type)})))[1], [values])
        table = pa.ipc.open_stream(write([column("map<utf8, int64>", values)])).read_all()
        self.assertEqual(table["c"].to_pylist(), pairs)

    def test_raw_values_are_whole_numbers(self) -> None:
        stream = write([column("timestamp(us,+00:00)", [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), None])])
        self.assertEqual(read(stream, raw=True)[1], [[1_000_000, None]])

    def test_nanoseconds_stay_whole_numbers(self) -> None:
        table = pa.table({"c": pa.array([1, None], pa.timestamp("ns"))})
        self.assertEqual(read(stream_of(table))[1], [[1, None]])

    def test_several_columns_keep_their_order(self) -> None:
        stream = write([column("int64", [1]), (Member("d", parse("utf8").data_type), ["x"])])
        members, lists = read(stream)
        self.assertEqual([member.name for member in members], ["c", "d"])
        self.assertEqual(lists, [[1], ["x"]])


class Mistakes(unittest.TestCase):
    def refused(self, text: str, values: list[Any], *words: str) -> None:
        with self.assertRaises((TypeError, ValueError)) as raised:
            write([column(text, values)])
        for word in words:
            self.assertIn(word, str(raised.exception))

    def test_values_of_another_type_are_named(self) -> None:
        self.refused("int64", [1, None, "x"], "column `c`, row 2: 'x' (str) is no int64")
        self.refused("int8", [1, 300], "row 1: 300 (int) is no int8")
        self.refused("int64", [1.5], "1.5 (float)")
        self.refused("float32", [1.0, None, 1e300], "row 2: 1e+300 (float) is no float32: float too large")
        self.refused("utf8", ["a", 1], "row 1: 1 (int) is no utf8")
        self.refused("boolean", [True, 1], "row 1")
        self.refused("date32", [datetime(2026, 1, 1)], ".date()")
        self.refused("timestamp(us,+00:00)", [datetime(2026, 1, 1)], "tzinfo=timezone.utc")
        self.refused("timestamp(us)", [datetime(2026, 1, 1, tzinfo=UTC)], "timestamp(us,+00:00)")
        self.refused("timestamp(s)", [datetime(2026, 1, 1, microsecond=1)], "finer")
        self.refused("decimal(4,2)", [Decimal("1.234")], "2 digits")
        self.refused("decimal(4,2)", [Decimal("123.45")], "4 digits")
        self.refused("decimal(4,2)", [1.5], "decimal.Decimal")
        self.refused("list<utf8>", ["ab"], "a list is needed")
        self.refused("list<int64>", [[1], ["x"]], "items")
        self.refused("struct<a: int64>", [{"b": 1}], "no field 'b'")
        self.refused("int64 not null", [1, None], "row 1", "not null")
        self.refused("fixed_size_binary(2)", [b"abc"], "2 are needed")

    def test_columns_of_different_lengths_are_named(self) -> None:
        with self.assertRaisesRegex(ValueError, "column `d` has 1 values, and `c` has 2"):
            write([column("int64", [1, 2]), (Member("d", parse("utf8").data_type), ["x"])])

    def test_types_that_are_none_get_a_hint(self) -> None:
        for text, hint in (
            ("string", "did you mean `utf8`?"),
            ("int63", "did you mean `int64`?"),
            ("timestamp", "timestamp(us,+00:00)"),
            ("time32(us)", "s, ms"),
            ("list<utf8", "`>` was expected"),
            ("int64 null", "`null` is left over"),
            ("decimal(4,5)", "(4,5)"),
        ):
            with self.subTest(text), self.assertRaises(ValueError) as raised:
                parse(text)
            self.assertIn(hint, str(raised.exception))

    def test_times_that_python_does_not_hold_are_named(self) -> None:
        table = pa.table({"c": pa.array([0, 2**62], pa.timestamp("us"))})
        with self.assertRaisesRegex(OutOfRange, "column `c` .*row 1: 4611686018427387904"):
            read(stream_of(table))

    def test_what_cannot_be_read_is_named(self) -> None:
        table = pa.table({"c": pa.array(["a", "b"]).dictionary_encode()})
        with self.assertRaisesRegex(Malformed, "column `c`: dictionaries"):
            read(stream_of(table))
        table = pa.table({"c": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
        with self.assertRaisesRegex(Malformed, "column `c` is of the type interval"):
            read(stream_of(table))

    def test_broken_bytes_are_errors_and_nothing_else(self) -> None:
        chance = random.Random(7)
        streams = [write([column(text, values)]) for text, _, values in COLUMNS]
        for _ in range(4_000):
            broken = bytearray(chance.choice(streams))
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
            if chance.random() < 0.2:
                del broken[chance.randrange(len(broken)) :]
            try:
                read(bytes(broken))
            except (Malformed, OutOfRange):
                pass


if __name__ == "__main__":
    unittest.main()
