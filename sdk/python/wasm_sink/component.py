"""What componentize-py makes a component of: loads sink.py, and stands between its class and the host.

All of it runs when the component is built; what runs later are the methods of `Sink`.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from . import config, host, log, sealed, sink, traces
from .batch import Batch
from .epoch import Clock
from .errors import Error, Fatal, Misuse, Rejected

_types = host.interface("types")
_MODULE = "sink"


class Refused(Exception):
    """Why no component can be made."""


def _stop(reason: str) -> NoReturn:
    # A line of its own, for whoever shows it.
    print(f"\nerror: {reason}", file=sys.stderr)
    raise SystemExit(1)


def _load() -> tuple[type[sink.Sink], Any, str]:
    spec = importlib.util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise Refused("there is no sink.py in this folder")
    traces.Project.folder = str(Path(spec.origin).parent)
    module = importlib.import_module(_MODULE)
    of_module = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, sink.Sink) and value is not sink.Sink
    ]
    bases = {base for value in of_module for base in value.__mro__[1:]}
    found = list(dict.fromkeys(value for value in of_module if value not in bases))
    if not found:
        raise Refused("sink.py has no sink: write `class MySink(wasm_sink.Sink)` with a method `write(self, batch)`")
    if len(found) > 1:
        names = ", ".join(kind.__name__ for kind in found)
        raise Refused(f"sink.py has {len(found)} sinks, {names}: a component has one, so derive one class from Sink")
    [kind] = found
    for name, given in (("write", ["batch"]), ("flush", [])):
        _check(kind, name, given)
    schema = Path(spec.origin).with_name("config.schema.json")
    text = schema.read_text(encoding="utf-8") if schema.is_file() else ""
    try:
        json.loads(text or "{}")
    except ValueError as error:
        raise Refused(f"config.schema.json is no JSON: {error}") from error
    return kind, config.asked_for(kind), text


def _check(kind: type[sink.Sink], name: str, given: list[str]) -> None:
    method = getattr(kind, name)
    if name == "write" and method is sink.Sink.write:
        raise Refused(f"{kind.__name__} has no method `write(self, batch)`")
    if inspect.iscoroutinefunction(method) or inspect.isgeneratorfunction(method):
        raise Refused(f"{kind.__name__}.{name} is `async`, or has a `yield`: the host calls it as a plain method")
    try:
        inspect.signature(method).bind(None, *given)
    except TypeError as error:
        shown = ", ".join(["self", *given])
        raise Refused(f"{kind.__name__}.{name} is called as `{name}({shown})`: {error}") from error


sealed.cover()
try:
    _Kind, _Asked, _SCHEMA = _load()
except Refused as error:
    _stop(str(error))
except Misuse as error:
    _stop(error.message)
except BaseException as error:
    _stop(f"sink.py cannot be loaded: {traces.described(error)}")

# componentize-py makes an object for each call: what lasts stands here.
_open: sink.Sink | None = None


def _parsed(text: str) -> Any:
    return config.fit(_Asked, json.loads(text))


def _answered(call: Callable[[], object], uncaught: type[Error], method: Callable[..., object]) -> None:
    """Makes the contract's error of whatever is raised."""
    failed: Error
    try:
        answer = call()
        if answer is None:
            return
        where = traces.beginning(method)
        failed = Misuse(
            f"it returned {answer!r:.60}, which nobody takes: a sink appends, rejects or skips rows, and returns nothing"
            + (f" ({where})" if where else "")
        )
    except Misuse as error:
        where = traces.place(error.__traceback__)
        failed = Misuse(f"{error.message} ({where})" if where else error.message)
    except Error as error:
        log.debug(f"{error.kind} error raised in {traces.place(error.__traceback__)}")
        # Only the error itself: its frames hold batches.
        failed = error.with_traceback(None)
    except BaseException as error:
        failed = uncaught(traces.described(error))
    finally:
        sealed.end_lines()
    kind = _types.ErrorKind[failed.kind.upper().replace("-", "_")]
    raise host.Err(_types.Error(kind, failed.message, failed.retry_after_ms))


class Sink:
    """The contract's exported interface."""

    def config_schema(self) -> str:
        return _SCHEMA

    def validate(self, text: str) -> list[Any]:
        from wit_world.exports.sink import Problem  # type: ignore[import-not-found]

        sealed.seal()
        try:
            problems = _Kind.validate(_parsed(text)) or []
            return [Problem([str(step) for step in one.path], one.message, one.help) for one in problems]
        except config.Mismatch as error:
            return [Problem(list(error.path), error.message, None)]
        except BaseException as error:
            return [Problem([], f"`validate` failed: {traces.described(error)}", None)]
        finally:
            sealed.end_lines()

    def open(self, text: str) -> None:
        sealed.seal()

        def make() -> None:
            global _open
            try:
                asked = _parsed(text)
            except config.Mismatch as error:
                raise Misuse(f"[sink.config] {'.'.join(error.path)}: {error.message}") from None
            _open = _Kind(asked)

        _answered(make, Fatal, _Kind)

    def write(self, rows: Any) -> None:
        batch = Batch._of(rows)
        _answered(lambda: _opened().write(batch), Rejected, _Kind.write)

    def flush(self) -> None:
        _answered(lambda: _opened().flush(), Fatal, _Kind.flush)
        # What batches are left belong to an epoch that is over.
        Clock.number += 1


def _opened() -> sink.Sink:
    if _open is None:
        raise Fatal("the sink was called before `open`")
    return _open


importlib.import_module("wit_world.exports.sink")
sealed.load_what_others_load_late()
traces.keep_sources()
gc.collect()
gc.freeze()
