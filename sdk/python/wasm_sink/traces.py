"""Where an exception comes from, in words, by the user's own lines."""

from __future__ import annotations

import linecache
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

_SDK = str(Path(__file__).parent)
_MOST_PLACES = 8


class Project:
    """The folder whose files are the user's."""

    folder = "/nowhere"


def keep_sources() -> None:
    """Reads the lines of all modules, as no file is there when the component runs."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        lines = linecache.getlines(file) if is_users(file) else []
        # Without a time of the file nobody looks whether it has changed.
        linecache.cache[file] = (0, None, lines, file)


def is_users(file: str) -> bool:
    """Whether a file is the project's."""
    return file.startswith(Project.folder + "/") and not file.startswith(_SDK + "/")


def place(trace: TracebackType | None) -> str:
    """The user's lines that led there, the last one first: `sink.py, line 12, in write: total += amount`."""
    places = []
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        if is_users(file):
            text = linecache.getline(file, line).strip()
            shown = file.removeprefix(Project.folder + "/")
            places.append(f"{shown}, line {line}, in {frame.f_code.co_name}" + (f": {text}" if text else ""))
    if not places:
        return ""
    places.reverse()
    more = [f"…, {len(places) - _MOST_PLACES} more"] if len(places) > _MOST_PLACES else []
    return "; called at ".join(places[:_MOST_PLACES] + more)


def beginning(function: Callable[..., object]) -> str:
    """Where a function of the user's stands: `sink.py, line 12: def write(self, batch):`."""
    code = getattr(function, "__code__", None)
    if code is None or not is_users(code.co_filename):
        return ""
    text = linecache.getline(code.co_filename, code.co_firstlineno).strip()
    return f"{code.co_filename.removeprefix(Project.folder + '/')}, line {code.co_firstlineno}: {text}"


def described(error: BaseException) -> str:
    """`ValueError: what is wrong (sink.py, line 12, in write: ...)`."""
    said = str(error)
    what = f"{type(error).__name__}: {said}" if said else type(error).__name__
    where = place(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename and is_users(error.filename):
        what = f"{type(error).__name__}: {error.msg}"
        shown = error.filename.removeprefix(Project.folder + "/")
        where = f"{shown}, line {error.lineno}: {(error.text or '').strip()}"
    return f"{what} ({where})" if where else what
