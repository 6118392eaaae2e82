"""Requests to a web service, with a host that is made here: it answers as each test says, and keeps what it gets."""

from __future__ import annotations

import json
import sys
import unittest
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from wasm_sink import batch, host, http
from wasm_sink.batch import Batch
from wasm_sink.errors import Misuse, Rejected, Throttled
from wasm_sink.http import Headers, Response, Service, StatusError

Method = Enum("Method", "GET HEAD POST PUT PATCH DELETE")


@dataclass
class Header:
    name: str
    value: str


@dataclass
class Request:
    method: Method
    path: str
    headers: list[Header]
    body: bytes


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: list[Header] = field(default_factory=list)
    is_cut: bool = False


class Err(Exception):
    def __init__(self, kind: str, message: str, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.value = SimpleNamespace(kind=SimpleNamespace(name=kind), message=message, retry_after_ms=retry_after_ms)


class Rows:
    """The host's rows: here, a range of numbers."""

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers

    def row_count(self) -> int:
        return len(self.numbers)

    def slice(self, offset: int, length: int) -> Rows:
        return Rows(self.numbers[offset : offset + length])


class Host:
    """A service that answers as it is told, and the dead letters."""

    def __init__(self) -> None:
        self.answer: Callable[[Request], Answer] = lambda request: Answer(200)
        self.sent: list[tuple[list[int] | None, Request]] = []
        self.rejected: list[tuple[list[int], str]] = []

    def open(self, connection: str) -> Host:
        if connection != "default":
            raise Err("DENIED", f"there is no role `{connection}`")
        return self

    def send(self, rows: Rows, request: Request) -> Answer:
        self.sent.append((list(rows.numbers), request))
        return self.answer(request)

    def ask(self, request: Request) -> Answer:
        self.sent.append((None, request))
        return self.answer(request)

    def reject(self, rows: Rows, reason: str) -> None:
        self.rejected.append((list(rows.numbers), reason))


def batch_of(count: int) -> Batch:
    return Batch._of(Rows(range(count)))


def numbers_of(rows: Batch) -> list[int]:
    return list(rows._handle.numbers)


class WithAHost(unittest.TestCase):
    def setUp(self) -> None:
        self.host = Host()
        interface = SimpleNamespace(Method=Method, Header=Header, Request=Request, Service=self.host)
        for place, name, value in (
            (http, "_http", interface),
            (batch, "_dead_letters", self.host),
            (host, "Err", Err),
        ):
            patch = mock.patch.object(place, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        self.api = Service.open("default")


class Requests(WithAHost):
    def sent(self) -> Request:
        return self.host.sent[-1][1]

    def test_what_is_sent(self) -> None:
        self.api.post(batch_of(2), "events?of=ü", json=[{"at": datetime(2026, 3, 1, tzinfo=timezone.utc), "ü": None}])
        rows, request = self.host.sent[-1]
        self.assertEqual((rows, request.method, request.path), ([0, 1], Method.POST, "events?of=ü"))
        self.assertEqual(request.body.decode(), '[{"at":"2026-03-01T00:00:00+00:00","ü":null}]')
        self.assertEqual(request.headers, [Header("content-type", "application/json")])

        self.api.put(batch_of(1), "x", body="größer", headers={"X-A": "1"})
        self.assertEqual(self.sent().body, "größer".encode())
        self.assertEqual(
            self.sent().headers, [Header("X-A", "1"), Header("content-type", "text/plain; charset=utf-8")]
        )
        self.api.patch(batch_of(1), "x", body="{}", headers=[("Content-Type", "application/x-mine")])
        self.assertEqual(self.sent().headers, [Header("Content-Type", "application/x-mine")])
        self.api.delete(batch_of(1), "x", body=bytearray(b"\0"))
        self.assertEqual((self.sent().method, self.sent().body, self.sent().headers), (Method.DELETE, b"\0", []))
        self.api.post(batch_of(1), "x", json=None)
        self.assertEqual(self.sent().body, b"null")

    def test_what_carries_no_rows(self) -> None:
        self.host.answer = lambda request: Answer(200, b'{"EUR": 1}')
        self.assertEqual(self.api.get("rates").expect_ok().json(), {"EUR": 1})
        self.api.ask("HEAD", "rates")
        self.assertEqual([rows for rows, _ in self.host.sent], [None, None])
        self.assertEqual(self.sent().method, Method.HEAD)

    def test_misuse_says_what_to_change(self) -> None:
        rows = batch_of(1)
        calls: list[tuple[Callable[[], object], str]] = [
            (lambda: self.api.send(rows, "post", "x"), "'post' is none of GET, HEAD"),  # type: ignore[arg-type]
            (lambda: self.api.post(rows, b"x"), "a path is text"),  # type: ignore[arg-type]
            (lambda: self.api.post(rows, "x", body=[1]), "json="),  # type: ignore[arg-type]
            (lambda: self.api.post(rows, "x", body=b"", json=1), "not both"),
            (lambda: self.api.post(rows, "x", json=Decimal(1)), "JSON has no Decimal"),
            (lambda: self.api.post(rows, "x", headers={"a": 1}), "no name with a text"),  # type: ignore[arg-type]
            (lambda: self.api.post(rows, "x", headers="a: 1"), "a dict of texts"),  # type: ignore[arg-type]
            (lambda: self.api.post([], "x"), "a Batch is needed"),  # type: ignore[arg-type]
            (lambda: self.api.deliver(rows, "x", at_most=0), "1 or more, not 0"),
            (lambda: self.api.deliver(rows, "x", lambda part: None), "returned nothing"),
            (lambda: Service(), "Service.open"),
        ]
        for call, words in calls:
            with self.subTest(words), self.assertRaisesRegex(Misuse, words):
                call()
        self.assertEqual(self.host.sent, [])
        with self.assertRaisesRegex(Rejected, "no form in JSON"):
            self.api.post(rows, "x", json=[float("nan")])

    def test_errors_of_the_host_pass(self) -> None:
        with self.assertRaisesRegex(Exception, "no role `other`"):
            Service.open("other")

        def away(request: Request) -> Answer:
            raise Err("THROTTLED", "later", 1_000)

        self.host.answer = away
        for call in (
            lambda: self.api.post(batch_of(1), "x"),
            lambda: self.api.get("x"),
            lambda: self.api.deliver(batch_of(2), "x", numbers_of),
        ):
            with self.assertRaises(Throttled) as raised:
                call()
            self.assertEqual((raised.exception.message, raised.exception.retry_after_ms), ("later", 1_000))
        self.assertEqual(len(self.host.sent), 3)


class Responses(unittest.TestCase):
    def test_headers_are_found_in_any_case(self) -> None:
        headers = Headers([("content-type", "a"), ("via", "one"), ("via", "two")])
        self.assertEqual(headers["Content-Type"], "a")
        self.assertEqual((headers["VIA"], headers.all("Via")), ("one, two", ["one", "two"]))
        self.assertEqual((list(headers), len(headers)), (["content-type", "via"], 2))
        self.assertTrue("CONTENT-TYPE" in headers and "host" not in headers)
        self.assertIsNone(headers.get("host"))
        with self.assertRaises(KeyError):
            headers["host"]

    def test_bodies(self) -> None:
        none = Headers([])
        self.assertEqual(Response(200, none, b"gr\xc3\xb6\xff").text(), "grö\ufffd")
        self.assertEqual(Response(200, none, b"[1]").json(), [1])
        with self.assertRaisesRegex(ValueError, "200: <html>: the body is no JSON"):
            Response(200, none, b"<html>").json()
        with self.assertRaisesRegex(ValueError, "max_response_bytes"):
            Response(200, none, b"[1", is_cut=True).json()

    def test_only_2xx_is_ok(self) -> None:
        for status in (200, 201, 204, 299):
            self.assertTrue(Response(status, Headers([]), b"").expect_ok().is_ok)
        for status in (302, 304, 400, 404, 499):
            with self.assertRaises(StatusError) as raised:
                Response(status, Headers([]), b"").expect_ok()
            self.assertEqual((raised.exception.kind, raised.exception.response.status), ("rejected", status))

    def test_messages_are_one_short_line(self) -> None:
        long = Response(409, Headers([]), b"a\r\nb\0" + b"x" * 300, to="POST events")
        self.assertEqual(str(long), "the service answered 409 to POST events: a  b " + "x" * 195 + "…")
        self.assertEqual(str(Response(404, Headers([]), b" \n")), "the service answered 404")


class Deliveries(WithAHost):
    def deliver(self, count: int, **named: Any) -> list[list[int]]:
        self.api.deliver(batch_of(count), "events", numbers_of, **named)
        for rows, request in self.host.sent:
            self.assertEqual(json.loads(request.body), rows)
        return [rows for rows, _ in self.host.sent if rows is not None]

    def test_rows_go_in_parts(self) -> None:
        self.assertEqual(self.deliver(5, at_most=2), [[0, 1], [2, 3], [4]])
        self.host.sent.clear()
        self.assertEqual(self.deliver(3, at_most=3), [[0, 1, 2]])
        self.host.sent.clear()
        self.assertEqual(self.deliver(3), [[0, 1, 2]])
        self.host.sent.clear()
        self.assertEqual(self.deliver(0), [])
        self.assertEqual(self.host.rejected, [])

    def test_too_much_goes_in_halves(self) -> None:
        self.host.answer = lambda request: Answer(413 if len(json.loads(request.body)) > 2 else 201)
        self.assertEqual(self.deliver(7), [list(range(7)), [0, 1, 2], [0], [1, 2], [3, 4, 5, 6], [3, 4], [5, 6]])
        self.assertEqual(self.host.rejected, [])

    def test_a_row_that_is_refused_alone_is_rejected(self) -> None:
        for status in (400, 413, 422):
            self.host.sent.clear()
            self.host.rejected.clear()
            no = Answer(status, b"not 5")
            self.host.answer = lambda request: no if 5 in json.loads(request.body) else Answer(200)
            self.deliver(8)
            delivered = [rows for rows, _ in self.host.sent if rows is not None and 5 not in rows]
            self.assertEqual(sorted(sum(delivered, [])), [0, 1, 2, 3, 4, 6, 7])
            self.assertEqual(self.host.rejected, [([5], f"the service answered {status} to POST events: not 5")])

    def test_other_statuses_are_raised(self) -> None:
        for status in (301, 404, 409, 501):
            self.host.sent.clear()
            self.host.answer = lambda request: Answer(status, b"no")
            with self.assertRaisesRegex(StatusError, f"^the service answered {status} to PUT events: no$"):
                self.api.deliver(batch_of(4), "events?key=1", numbers_of, method="PUT")
            self.assertEqual(len(self.host.sent), 1)
        self.assertEqual(self.host.rejected, [])

    def test_headers_go_with_each_part(self) -> None:
        self.deliver(2, at_most=1, headers=iter([("x-kind", "numbers")]))
        for _, request in self.host.sent:
            self.assertIn(Header("x-kind", "numbers"), request.headers)

    def test_without_a_maker_rows_are_an_array(self) -> None:
        with mock.patch.object(Batch, "_json_texts", lambda rows: [f'{{"n":{number}}}' for number in numbers_of(rows)]):
            self.api.deliver(batch_of(2), "events")
        [(_, request)] = self.host.sent
        self.assertEqual(request.body, b'[{"n":0},{"n":1}]')
        self.assertEqual(request.headers, [Header("content-type", "application/json")])


if __name__ == "__main__":
    unittest.main()
