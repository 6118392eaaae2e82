"""A component has no clock, files, network or randomness: Python would trap where it looks for them, and is told."""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

from . import log

_CLOCK = "a component has no clock: use a time that stands in the rows, or the metadata `timestamp` of a Plan"
_FILES = "a component has no files; what is read on the top level of sink.py is read once, when it is built"
_SLEEP = "a component cannot wait: raise wasm_sink.Throttled or wasm_sink.Unavailable, and the epoch comes again later"
_CHANCE = "a component has no randomness: an epoch that comes again must come to the same"
_THREADS = "a component has no threads"
_PROCESS = "a component has no processes: raise an exception"


def _refusing(what: str, reason: str) -> Any:
    def refuse(*given: object, **named: object) -> NoReturn:
        raise OSError(f"{what}: {reason}")

    return refuse


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
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"):
        setattr(time, name, _refusing(f"time.{name}", _CLOCK))
    time.sleep = _refusing("time.sleep", _SLEEP)
    os.urandom = _refusing("os.urandom", _CHANCE)
    if "random" in sys.modules:
        # It keeps the function under a name of its own.
        vars(sys.modules["random"])["_urandom"] = os.urandom
    for name in ("open", "listdir", "scandir", "stat", "lstat", "mkdir", "remove", "rename", "getcwd"):
        setattr(os, name, _refusing(f"os.{name}", _FILES))
    builtins.open = io.open = _refusing("open", _FILES)
    for name in ("_exit", "abort"):
        setattr(os, name, _refusing(f"os.{name}", _PROCESS))
    thread = sys.modules.get("_thread")
    for name in ("start_new_thread", "start_joinable_thread"):
        if hasattr(thread, name):
            setattr(thread, name, _refusing("threading", _THREADS))
    threading = sys.modules.get("threading")
    if threading is not None:
        threading.Thread.start = _refusing("threading.Thread.start", _THREADS)
    sys.meta_path[:] = [finder for finder in sys.meta_path if _is_within(finder)] + [_Modules()]
    sys.stdout = log.Lines("INFO")
    sys.stderr = log.Lines("WARN")


def _is_within(finder: object) -> bool:
    """Modules that are part of the interpreter need no file."""
    return finder in (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)


def end_lines() -> None:
    """Writes what was printed without an end of line."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, log.Lines):
            output.end()
