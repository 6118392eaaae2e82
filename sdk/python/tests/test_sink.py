"""What needs no host: configurations, sources of exceptions, and the import of a sink outside of a component."""

from __future__ import annotations

import linecache
import sys
import unittest
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Optional

SDK = Path(__file__).parents[1]
sys.path.insert(0, str(SDK))

from wasm_sink import Batch, Sink, Throttled, commit_within, config, traces
from wasm_sink.arrow import read, write
from wasm_sink.batch import _typed
from wasm_sink.delta import Table
from wasm_sink.errors import Misuse, milliseconds


@dataclass
class Route:
    table: str


@dataclass
class Config:
    table_name: str
    minimum: float = 0
    mode: Literal["a", "b"] = "a"
    routes: list[Route] = field(default_factory=list)
    note: Optional[str] = None


class Typed(Sink):
    def __init__(self, config: Config) -> None:
        self.config = config


class Loose(Sink):
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config


class Number(Sink):
    def __init__(self, config: int) -> None:
        self.config = config


class Configurations(unittest.TestCase):
    def test_what_is_asked_for_is_given(self) -> None:
        self.assertIs(config.asked_for(Typed), Config)
        value = {"table_name": "t", "minimum": 3, "routes": [{"table": "x"}], "note": None}
        self.assertEqual(config.fit(Config, value), Config("t", 3.0, "a", [Route("x")], None))
        self.assertEqual(config.fit(config.asked_for(Loose), {"a": [1]}), {"a": [1]})
        self.assertEqual(config.fit(config.asked_for(Sink), {"a": 1}), {"a": 1})

    def test_other_types_cannot_be_asked_for(self) -> None:
        with self.assertRaisesRegex(Misuse, "Number.__init__ asks for"):
            config.asked_for(Number)

    def test_what_does_not_fit_is_named(self) -> None:
        for value, path, words in (
            ({}, ("table_name",), "`table_name` is missing"),
            ({"table_name": 1}, ("table_name",), "1 is no str"),
            ({"table_name": "t", "minimum": True}, ("minimum",), "True is no float"),
            ({"table_name": "t", "mode": "c"}, ("mode",), "'c' is none of 'a', 'b'"),
            ({"table_name": "t", "routes": [{"table": 1}]}, ("routes", "0", "table"), "1 is no str"),
            ({"table_name": "t", "more": 1}, ("more",), "Config has no `more`"),
            ({"table_name": "t", "note": 1}, ("note",), "1 is no str"),
        ):
            with self.subTest(value), self.assertRaises(config.Mismatch) as raised:
                config.fit(Config, value)
            self.assertEqual(raised.exception.path, path)
            self.assertIn(words, raised.exception.message)


class Traces(unittest.TestCase):
    def test_the_last_line_of_the_user_stands_first(self) -> None:
        source = "def outer():\n    inner()\n\ndef inner():\n    return 1 / 0\n"
        folder = traces.Project.folder
        traces.Project.folder = "/project"
        linecache.cache["/project/sink.py"] = (0, None, source.splitlines(True), "/project/sink.py")
        names: dict[str, Any] = {}
        exec(compile(source, "/project/sink.py", "exec"), names)
        try:
            names["outer"]()
        except ZeroDivisionError as error:
            said = traces.described(error)
        finally:
            traces.Project.folder = folder
        self.assertEqual(
            said,
            "ZeroDivisionError: division by zero (sink.py, line 5, in inner: return 1 / 0; "
            "called at sink.py, line 2, in outer: inner())",
        )


class WithoutAHost(unittest.TestCase):
    def test_calls_say_that_there_is_none(self) -> None:
        for call in (lambda: commit_within(1), lambda: Table.open("default", "t")):
            with self.assertRaisesRegex(RuntimeError, "no host here"):
                call()

    def test_batches_are_not_made_by_hand(self) -> None:
        with self.assertRaisesRegex(Misuse, "Batch.from_columns"):
            Batch()

    def test_columns_are_checked(self) -> None:
        for columns, words in (
            ({"a": [1]}, "column `a` needs a type and values"),
            ({"a": ("string", [1])}, "did you mean `utf8`"),
            ({"a": ("utf8", "text")}, "is one value"),
            ({"a": ("utf8", ["x"])}, "1 values for 2 rows"),
        ):
            with self.subTest(columns), self.assertRaisesRegex(Misuse, words):
                _typed(columns, 2)  # type: ignore[arg-type]
        values = read(write(_typed({"a": ("int64 not null", range(2)), "b": ("utf8", ["x", None])}, 2)))[1]
        self.assertEqual(values, [[0, 1], ["x", None]])

    def test_times_are_milliseconds(self) -> None:
        self.assertEqual(milliseconds(timedelta(seconds=1.5)), 1_500)
        self.assertEqual(milliseconds(timedelta(days=100)), 2**32 - 1)
        self.assertEqual(Throttled("", timedelta(seconds=1)).retry_after_ms, 1_000)
        with self.assertRaises(Misuse):
            milliseconds(1.5)  # type: ignore[arg-type]


if __name__ == "__main__":
    unittest.main()
