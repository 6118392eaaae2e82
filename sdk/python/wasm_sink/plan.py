"""The shape of rows, made by the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from . import host
from .batch import Batch, handle_of
from .errors import Misuse

_types = host.interface("types")

Mismatch = Literal["reject-row", "set-null", "fail"]
Metadata = Literal["key", "topic", "partition", "offset", "timestamp", "headers", "all"]


class Plan:
    """Selects, renames, converts and digs into nested values, as fast as the host can.

    Make one in `__init__` and apply it to batches of any schema; output columns stand in the order of the calls. A
    path is the names that lead to a value: ["customer", "city"]; indexes of lists are names, too: ["items", "0"].
    """

    def __init__(self) -> None:
        self._plan: Any = _types.Plan()

    def on_mismatch(self, policy: Mismatch) -> None:
        """What becomes of a value that does not convert: its row is rejected (unless said), it is null, or an error."""
        if policy not in ("reject-row", "set-null", "fail"):
            raise Misuse(f'{policy!r} is no policy: "reject-row", "set-null" and "fail" are')
        self._plan.on_mismatch(_types.Mismatch[policy.upper().replace("-", "_")])

    def column(
        self, name: str, path: Sequence[str], data_type: str | None = None, *, nullable: bool = True
    ) -> None:
        """The value at `path`, converted where a type is given. A missing one is null."""
        host.call(self._plan.column, name, _path(path), data_type, nullable)

    def metadata(self, name: str, key: Metadata) -> None:
        """What the source knows of the record; null where it knows nothing. "all" is JSON."""
        host.call(self._plan.metadata, name, key)

    def json(self, name: str, path: Sequence[str] = ()) -> None:
        """The value at `path` as JSON text; without a path the whole record."""
        host.call(self._plan.json, name, _path(path))

    def rest(self, without: Sequence[str] = ()) -> None:
        """All other columns as they are, apart from those named."""
        host.call(self._plan.rest, _path(without))

    def apply(self, batch: Batch) -> Batch:
        """The rows in this shape. Those that do not convert are dead letters, and do not come back."""
        return Batch._of(host.call(self._plan.apply, handle_of(batch)))


def _path(path: Sequence[str]) -> list[str]:
    if isinstance(path, str):
        raise Misuse(f'names stand in a list: ["{path}"]')
    return [str(step) for step in path]
