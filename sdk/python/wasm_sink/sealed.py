"""A component has no clock, files, network or randomness: Python would trap where it looks for them, and is told.

What is covered here works as ever while the component is built; once the host calls, it raises.
"""

from __future__ import annotations

import _thread
import datetime
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from . import log
from .errors import Misuse

_CLOCK = "a component has no clock: use a time that stands in the rows, or the metadata `timestamp` of a Plan"
_FILES = "a component has no files; what is read on the top level of sink.py is read once, when it is built"
_NETWORK = "a component has no network: rows leave by what sink.toml names, and requests by wasm_sink.http"
_SLEEP = "a component cannot wait: raise wasm_sink.Throttled or wasm_sink.Unavailable, and the epoch comes again later"
_ALONE = "a component runs alone, and nobody would ever end this wait: take the lock, event or queue away"
_CHANCE = (
    "a component has no randomness, as an epoch that comes again must come to the same: use random.Random with a seed "
    "that stands in the rows"
)
_THREADS = "a component has no threads"
_PROCESS = "a component has no processes: raise an exception"
_INPUT = "a component has no input: what it has to know stands in [sink.config]"

# What there is before sink.py is loaded, which may take names from there, as `random` takes `urandom` from `os`.
_OF_MODULES = (
    (
        "time",
        "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns clock_gettime "
        "clock_gettime_ns clock_getres get_clock_info",
        _CLOCK,
    ),
    ("time", "sleep", _SLEEP),
    ("select", "select poll", _SLEEP),
    ("os", "open listdir scandir stat lstat mkdir remove rename getcwd", _FILES),
    ("os", "urandom", _CHANCE),
    (
        "random",
        "betavariate binomialvariate choice choices expovariate gammavariate gauss getrandbits getstate "
        "lognormvariate normalvariate paretovariate randbytes randint random randrange sample seed setstate shuffle "
        "triangular uniform vonmisesvariate weibullvariate",
        _CHANCE,
    ),
    ("os", "_exit abort", _PROCESS),
    ("io", "open", _FILES),
    ("builtins", "open", _FILES),
    ("builtins", "input", _INPUT),
    ("_thread", "start_new_thread start_joinable_thread", _THREADS),
)
# What sink.py may have loaded.
_OF_LOADED = (
    ("socket", "create_connection create_server getaddrinfo gethostbyname socketpair", _NETWORK),
    ("asyncio", "run", _SLEEP),
)
_is_sealed = False


class NotHere(Misuse, OSError):
    """A component has no such thing. An OSError for packages that can do without."""


def _covered(
    what: str, reason: str, function: Callable[..., Any], is_refused: Callable[..., bool] = lambda *given, **named: True
) -> Any:
    @functools.wraps(function, updated=())
    def covering(*given: Any, **named: Any) -> Any:
        if _is_sealed and is_refused(*given, **named):
            raise NotHere(f"{what}: {reason}")
        return function(*given, **named)

    return covering


class _Function:
    """As a function of the interpreter's: what has it for an attribute of its class has no method by that."""

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self._function = function

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._function(*given, **named)


def _cover(module: str, names: str, reason: str) -> None:
    place = sys.modules.get(module)
    shown = "" if module == "builtins" else f"{module}."
    for name in names.split():
        function = getattr(place, name, None)
        if function is not None:
            setattr(place, name, _Function(_covered(shown + name, reason, function)))


def _members(kind: type) -> dict[str, Any]:
    """Of a type of the interpreter's, which takes no attributes, what its `__dict__` is a view of."""
    [members] = gc.get_referents(kind.__dict__)
    return members  # type: ignore[no-any-return]


def _cover_types() -> None:
    members = _members(datetime.datetime)
    for name in ("now", "utcnow"):
        members[name] = classmethod(_covered(f"datetime.{name}", _CLOCK, members[name]))
    members = _members(datetime.date)
    members["today"] = classmethod(_covered("date.today", _CLOCK, members["today"]))
    for name in ("acquire", "__enter__"):
        members = _members(_thread.LockType)
        members[name] = _covered(f"lock.{name}", _ALONE, members[name], _would_wait)
    random = importlib.import_module("random")
    random.Random.seed = _covered("random.Random without a seed", _CHANCE, random.Random.seed, _is_by_chance)
    queue = sys.modules.get("_queue")
    if queue is not None:
        members = _members(queue.SimpleQueue)
        members["get"] = _covered("queue.SimpleQueue.get", _ALONE, members["get"], _would_wait_for_items)
    # What was looked up before is remembered.
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
    forget()


def _would_wait(lock: Any, blocking: bool = True, timeout: float = -1) -> bool:
    return blocking and timeout != 0 and lock.locked()


def _would_wait_for_items(queue: Any, block: bool = True, timeout: float | None = None) -> bool:
    return block and queue.empty()


def _is_by_chance(random: Any, a: Any = None, version: int = 2) -> bool:
    return a is None


def cover() -> None:
    """Covers what the machine has, before the sink is loaded: it may take a function by its name."""
    importlib.import_module("_queue")
    for module, names, reason in _OF_MODULES:
        importlib.import_module(module)
        _cover(module, names, reason)
    # Without a time they ask for the present one.
    for name, position in (("localtime", 0), ("gmtime", 0), ("ctime", 0), ("asctime", 0), ("strftime", 1)):
        is_without = functools.partial(_is_without, position)
        setattr(time, name, _Function(_covered(f"time.{name}", _CLOCK, getattr(time, name), is_without)))
    os.write = _write
    _cover_types()
    sys.stdout = sys.__stdout__ = log.Lines("INFO", sys.stdout)  # type: ignore[assignment, misc]
    sys.stderr = sys.__stderr__ = log.Lines("WARN", sys.stderr)  # type: ignore[assignment, misc]


def _is_without(position: int, *given: object) -> bool:
    return len(given) <= position or given[position] is None


_write_really = os.write


def _write(descriptor: int, bytes: Any, /) -> int:
    if not _is_sealed:
        return _write_really(descriptor, bytes)
    if descriptor not in (1, 2):
        raise NotHere(f"os.write: {_FILES}")
    output: Any = sys.__stdout__ if descriptor == 1 else sys.__stderr__
    return int(output.buffer.write(bytes))


class _Modules(importlib.abc.MetaPathFinder):
    """What is not loaded when a component is built cannot be loaded later."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        raise ModuleNotFoundError(
            f"`import {fullname}` comes too late: a component loads modules when it is built. Import it at the top of "
            "sink.py",
            name=fullname,
        )


def load_what_others_load_late() -> None:
    """Modules that the standard library imports when a function is first called."""
    for name in ("_strptime", "traceback"):
        importlib.import_module(name)


def seal() -> None:
    """From here on nothing is there but the host's calls: done by the first of its own calls."""
    global _is_sealed
    if _is_sealed:
        return
    for module, names, reason in _OF_LOADED:
        _cover(module, names, reason)
    socket = sys.modules.get("socket")
    if socket is not None:
        socket.socket.__init__ = _covered("socket.socket", _NETWORK, socket.socket.__init__)
    threading = sys.modules.get("threading")
    if threading is not None:
        threading.Thread.start = _covered("threading.Thread.start", _THREADS, threading.Thread.start)
    sys.meta_path[:] = [finder for finder in sys.meta_path if _is_within(finder)] + [_Modules()]
    log.begin()
    _is_sealed = True


def _is_within(finder: object) -> bool:
    """Modules that are part of the interpreter need no file."""
    return finder in (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)


def end_lines() -> None:
    """Writes what was printed without an end of line."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, log.Lines):
            output.end()
