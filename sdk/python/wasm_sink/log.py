"""Lines for the operator's log. `print` writes there as well, at the level of `info`."""

from __future__ import annotations

import io

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
    """An output whose lines go to the log."""

    def __init__(self, level: str) -> None:
        self._level = level
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            _write(self._level, (line,))
        return len(text)

    def end(self) -> None:
        """Writes a line that has no end."""
        if self._begun:
            self.write("\n")
