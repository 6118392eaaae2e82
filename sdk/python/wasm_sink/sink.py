"""What a sink is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .batch import Batch


@dataclass(frozen=True)
class Problem:
    """A mistake in the configuration: where it stands (`["table_name"]`), what is wrong, and what to write instead."""

    path: Sequence[str]
    message: str
    help: str | None = None


class Sink:
    """A sink: sink.py has one class that derives from this.

    It is made with its configuration, once per instance: `def __init__(self, config: Config)`, where `Config` is a
    dataclass of your own, or `dict`. Open tables there. After an error an instance is gone, and a fresh one is given
    the whole epoch again; between two epochs it may be replaced as well. What it remembers is a cache.
    """

    def __init__(self, config: Any) -> None:
        pass

    @staticmethod
    def validate(config: Any) -> list[Problem]:
        """Mistakes in the configuration that config.schema.json cannot find. The host's other calls are denied here."""
        return []

    def write(self, batch: Batch) -> None:
        """Takes rows. Each is appended, rejected or skipped until `flush` has returned."""
        raise NotImplementedError

    def flush(self) -> None:
        """Appends all that is held; then the host commits."""
