"""The epoch that is open during `write` and `flush`."""

from __future__ import annotations

from datetime import timedelta

from . import host
from .errors import Misuse, milliseconds

_epoch = host.interface("epoch")


def commit_within(limit: int | timedelta) -> None:
    """Commit no later than this from now: milliseconds, or a timedelta; 0: after this `write`.

    The earliest wish of an epoch counts, and the host's own limits may close it sooner.
    """
    _epoch.commit_within(milliseconds(limit))


def skip(count: int, reason: str) -> None:
    """So many rows are left out on purpose. An epoch that took rows and says nothing of them fails."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise Misuse(f"`skip` takes the number of rows that are left out, not {count!r}: len(batch), say")
    _epoch.skip(count, _reason(reason))


def _reason(reason: str) -> str:
    if not isinstance(reason, str):
        raise Misuse(f"a reason is text, not {reason!r}")
    return reason


class Clock:
    """Counts the epochs of an instance: batches belong to one of them."""

    number = 0
