"""Lines for the operator's log. `print` writes there as well, at the level of `info`, and so does `logging`."""

from __future__ import annotations

import io
import sys
import time
from types import SimpleNamespace
from typing import Any, TextIO

from . import host

_log = host.interface("log")


def debug(*words: object) -> None:
    """For whoever wrote the component. Joins its arguments as `print` does."""
    _write("DEBUG", words)


def info(*words: object) -> None:
    """Worth knowing."""
    _write("INFO", words)


def warn(*words: object) -> None:
    """Something is off, the pipeline goes on."""
    _write("WARN", words)


def error(*words: object) -> None:
    """Something failed."""
    _write("ERROR", words)


def _write(level: str, words: tuple[object, ...]) -> None:
    _log.write(_log.Level[level], " ".join(map(str, words)))


class Lines(io.TextIOBase):
    """An output whose lines go to the log, once there is one: while a component is built, they go where they went."""

    has_log = False
    encoding = "utf-8"

    def __init__(self, level: str, before: TextIO) -> None:
        self._level = level
        self._before = before
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        if not Lines.has_log:
            return self._before.write(text)
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            _write(self._level, (line,))
        return len(text)

    def flush(self) -> None:
        if not Lines.has_log:
            self._before.flush()

    @property
    def buffer(self) -> _Bytes:
        """Takes bytes."""
        return _Bytes(self)

    def end(self) -> None:
        """Writes a line that has no end."""
        if self._begun:
            self.write("\n")


class _Bytes(io.RawIOBase):
    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._lines.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


def begin() -> None:
    """From here on there is a log."""
    Lines.has_log = True
    logging: Any = sys.modules.get("logging")
    if logging is None:
        return
    # It asks for the time of each record.
    logging.time = SimpleNamespace(**vars(time) | {"time": lambda: 0.0, "time_ns": lambda: 0})

    class Handler(logging.Handler):  # type: ignore[misc]
        def emit(self, record: Any) -> None:
            levels = ((logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"), (0, "DEBUG"))
            level = next(name for least, name in levels if record.levelno >= least)
            _write(level, (self.format(record),))

    if not logging.root.handlers:
        logging.root.addHandler(Handler())
