"""Requests to a web service: needs capabilities = ["http"] in sink.toml."""

from __future__ import annotations

import json as _json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import Any, Literal, get_args

from . import host
from .batch import Batch, handle_of, reject
from .errors import Misuse, Rejected

_http = host.capability("http")

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Given = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | bytearray | memoryview | str

_METHODS: tuple[str, ...] = get_args(Method)
# With these a service may mean some of the rows, or how many they are.
_OF_ROWS = (400, 413, 422)
_FIRST_CHARACTERS = 200
# None is a value that JSON has.
_NOT_GIVEN: Any = object()


class Headers(Mapping[str, str]):
    """Headers of a response, by name in whatever case. One that came several times has its values joined by commas."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name, _ in self.pairs))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __repr__(self) -> str:
        return f"Headers({list(self.pairs)!r})"

    def all(self, name: str) -> list[str]:
        """Each of the values."""
        return [value for known, value in self.pairs if known.lower() == name.lower()]


class Response:
    """What the service answered: every status but those with which the host sends again."""

    def __init__(self, status: int, headers: Headers, body: bytes, *, is_cut: bool = False, to: str = "") -> None:
        self.status = status
        self.headers = headers
        self.body = body
        #: Whether there was more than the connection's `max_response_bytes`.
        self.is_cut = is_cut
        self._to = to

    @property
    def is_ok(self) -> bool:
        """Whether the status is 200 to 299: what was sent with rows is delivered."""
        return 200 <= self.status <= 299

    def text(self) -> str:
        """The body, as UTF-8; what is none becomes U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body, parsed."""
        if self.is_cut:
            raise ValueError(f"{self}: the body is longer than the connection's max_response_bytes, and was cut off")
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise ValueError(f"{self}: the body is no JSON, {error}") from error

    def expect_ok(self) -> Response:
        """This response where it is ok; else raises a `StatusError`."""
        if not self.is_ok:
            raise StatusError(self)
        return self

    def __str__(self) -> str:
        """The status and the beginning of the body, on one line."""
        text = self.text()
        shown = "".join(char if char.isprintable() else " " for char in text[:_FIRST_CHARACTERS]).strip()
        more = "…" if len(text) > _FIRST_CHARACTERS or self.is_cut else ""
        where = f" to {self._to}" if self._to else ""
        return f"the service answered {self.status}{where}" + (f": {shown}{more}" if shown else "")

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


class StatusError(Rejected):
    """A status that is not 200 to 299. Let through, the host takes it that rows are to blame."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response))
        self.response = response


class Service:
    """A web service. The connection has its address, its credentials, and how long to wait.

    The host sends again where the service is away, throttles or fails, and where that lasts, the epoch comes again:
    so a service may get the same rows more than once, with the same key in the header `Idempotency-Key` as long as
    rows, path and body are the same.
    """

    _handle: Any

    def __init__(self) -> None:
        raise Misuse('open it: Service.open("default")')

    @classmethod
    def open(cls, connection: str) -> Service:
        """`connection` is a role of `[sink]`, "default" where there is one."""
        service = object.__new__(cls)
        service._handle = host.call(_http.Service.open, connection)
        return service

    def send(
        self,
        rows: Batch,
        method: Method,
        path: str,
        *,
        headers: Given = (),
        body: Body | None = None,
        json: Any = _NOT_GIVEN,
    ) -> Response:
        """Sends a request that carries these rows. Where the response is not ok, they are not delivered: send them
        again in another way, `reject` or `skip` them, or the epoch fails.

        `path` stands below the connection's address, with its query: "events?source=orders". `body` goes as it is,
        text as UTF-8; `json` is any value that JSON has, times as ISO 8601 has them.
        """
        request, to = _request(method, path, headers, body, json)
        return _response(host.call(self._handle.send, handle_of(rows), request), to)

    def post(
        self, rows: Batch, path: str, *, headers: Given = (), body: Body | None = None, json: Any = _NOT_GIVEN
    ) -> Response:
        """`send` with POST: `api.post(rows, "events", json=rows.rows())`."""
        return self.send(rows, "POST", path, headers=headers, body=body, json=json)

    def put(
        self, rows: Batch, path: str, *, headers: Given = (), body: Body | None = None, json: Any = _NOT_GIVEN
    ) -> Response:
        """`send` with PUT."""
        return self.send(rows, "PUT", path, headers=headers, body=body, json=json)

    def patch(
        self, rows: Batch, path: str, *, headers: Given = (), body: Body | None = None, json: Any = _NOT_GIVEN
    ) -> Response:
        """`send` with PATCH."""
        return self.send(rows, "PATCH", path, headers=headers, body=body, json=json)

    def delete(
        self, rows: Batch, path: str, *, headers: Given = (), body: Body | None = None, json: Any = _NOT_GIVEN
    ) -> Response:
        """`send` with DELETE."""
        return self.send(rows, "DELETE", path, headers=headers, body=body, json=json)

    def ask(
        self,
        method: Method,
        path: str,
        *,
        headers: Given = (),
        body: Body | None = None,
        json: Any = _NOT_GIVEN,
    ) -> Response:
        """Sends a request that carries no rows, to look something up."""
        request, to = _request(method, path, headers, body, json)
        return _response(host.call(self._handle.ask, request), to)

    def get(self, path: str, *, headers: Given = ()) -> Response:
        """`ask` with GET: `api.get("rates?day=2026-03-01").expect_ok().json()`."""
        return self.ask("GET", path, headers=headers)

    def deliver(
        self,
        rows: Batch,
        path: str,
        make: Callable[[Batch], Any] | None = None,
        *,
        method: Method = "POST",
        headers: Given = (),
        at_most: int | None = None,
    ) -> None:
        """Sends rows until each is delivered or a dead letter; at most so many in a request, if that is said.

        `make` makes the body of rows: bytes and text go as they are, anything else as JSON. Without it the body is a
        JSON array of the rows as `Batch.rows` has them. Where the service answers 413 (too much), 400 or 422 (wrong),
        each half of the rows is sent by itself; a row that is refused alone is rejected, with status and beginning of
        the body as the reason. Any other status that is not ok raises a `StatusError`.
        """
        count = len(rows)
        step = max(count, 1) if at_most is None else at_most
        if isinstance(step, bool) or not isinstance(step, int) or step < 1:
            raise Misuse(f"deliver: at_most is a number of rows, 1 or more, not {at_most!r}")
        pairs = _pairs(headers)
        for first in range(0, count, step):
            part = rows if count <= step else rows.slice(first, min(step, count - first))
            self._deliver(part, path, make or _array_of, method, pairs)

    def _deliver(
        self, rows: Batch, path: str, make: Callable[[Batch], Any], method: Method, headers: Given
    ) -> None:
        made = make(rows)
        if made is None:
            raise Misuse("deliver: `make` returned nothing: it returns the body for the rows that it is given")
        if isinstance(made, Body):
            response = self.send(rows, method, path, headers=headers, body=made)
        else:
            response = self.send(rows, method, path, headers=headers, json=made)
        if response.status not in _OF_ROWS:
            response.expect_ok()
        elif len(rows) == 1:
            reject(rows, str(response))
        else:
            count = len(rows)
            half = count // 2
            self._deliver(rows.slice(0, half), path, make, method, headers)
            self._deliver(rows.slice(half, count - half), path, make, method, headers)


class _Written(str):
    """JSON, written already."""


def _array_of(rows: Batch) -> _Written:
    return _Written(f"[{','.join(rows._json_texts())}]")


def _request(method: str, path: str, headers: Given, body: Body | None, json: Any) -> tuple[Any, str]:
    if method not in _METHODS:
        raise Misuse(f"{method!r} is none of {', '.join(_METHODS)}")
    if not isinstance(path, str):
        raise Misuse(f"a path is text, not {path!r}")
    pairs = _pairs(headers)
    if json is not _NOT_GIVEN:
        if body is not None:
            raise Misuse("a request has a body or JSON, not both")
        body = _Written(_dumped(json))
    if isinstance(body, str):
        if not any(name.lower() == "content-type" for name, _ in pairs):
            kind = "application/json" if isinstance(body, _Written) else "text/plain; charset=utf-8"
            pairs.append(("content-type", kind))
        body = _encoded(body)
    elif body is not None and not isinstance(body, Body):
        raise Misuse(f"a body is bytes or text, not {type(body).__name__}: a value goes as json=...")
    given = [_http.Header(name, value) for name, value in pairs]
    request = _http.Request(_http.Method[method], path, given, bytes(body or b""))
    # The query may hold what is nobody else's business, and is left out of messages.
    return request, f"{method} {path.partition('?')[0]}"


def _pairs(headers: Given) -> list[tuple[str, str]]:
    example = '{"X-Kind": "orders"}'
    if isinstance(headers, str):
        raise Misuse(f"headers are a dict of texts, {example}, not {headers!r}")
    pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise Misuse(f"headers are a dict of texts, {example}, and {pair!r} is no name with a text")
    return pairs


def _dumped(value: Any) -> str:
    try:
        return _json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text)
    except TypeError as error:
        raise Misuse(str(error)) from error
    except ValueError as error:
        raise Rejected(f"what is to be sent has no form in JSON: {error}") from error


def _as_text(value: Any) -> str:
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    raise TypeError(f"JSON has no {type(value).__name__}: give {value!r} as a text or a number")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Rejected(f"what is to be sent is no text: {error}") from error


def _response(answer: Any, to: str) -> Response:
    headers = Headers((header.name, header.value) for header in answer.headers)
    return Response(answer.status, headers, bytes(answer.body), is_cut=answer.is_cut, to=to)
