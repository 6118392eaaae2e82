"""What host and sinks answer when something fails: each class is a kind of the contract's error.

The kind says what the host does next. One that a host's call raised goes back to it unchanged when the sink lets it
through.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar


class Error(Exception):
    """Any of the errors below."""

    kind: ClassVar[str] = "other"
    retry_after_ms: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Fatal(Error):
    """Stops the pipeline: no other kind fits. The contract's `other`."""


class Unavailable(Error):
    """Destination or network is away. The epoch is given to a fresh instance again."""

    kind = "unavailable"


class Throttled(Error):
    """Slow down. The partition pauses for `retry_after` (milliseconds, or a timedelta), then the epoch comes again."""

    kind = "throttled"

    def __init__(self, message: str, retry_after: int | timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = None if retry_after is None else milliseconds(retry_after)


class Conflict(Error):
    """Another writer was first. The host loads anew, and the epoch comes again."""

    kind = "conflict"


class OutcomeUnknown(Error):
    """It may have happened. Only the host may settle this: never repeat the call."""

    kind = "outcome-unknown"


class Rejected(Error):
    """These rows are to blame. Out of `write`, the host looks for the rows, half by half."""

    kind = "rejected"


class Denied(Error):
    """Not granted, or called in `validate`. Stops the pipeline."""

    kind = "denied"


class Invalid(Error):
    """A misuse, a wrong name or type. Nothing was staged; may be handled. Let through, it stops the pipeline."""

    kind = "invalid"


class Misuse(Invalid):
    """This SDK was used in a way that cannot work; the message says what to change."""


_ALL = (Fatal, Unavailable, Throttled, Conflict, OutcomeUnknown, Rejected, Denied, Invalid)
_KINDS: dict[str, Any] = {kind.kind: kind for kind in _ALL}


def of_contract(told: Any) -> Error:
    """The exception for the contract's record."""
    kind = _KINDS[told.kind.name.lower().replace("_", "-")]
    error: Error = kind(told.message)
    error.retry_after_ms = told.retry_after_ms
    return error


def milliseconds(limit: int | timedelta) -> int:
    """Whole milliseconds, as far as the contract counts: 49 days."""
    if isinstance(limit, timedelta):
        limit = limit // timedelta(milliseconds=1)
    if isinstance(limit, bool) or not isinstance(limit, int):
        raise Misuse(f"{limit!r} is no time: give whole milliseconds, or a datetime.timedelta")
    return min(max(limit, 0), 0xFFFF_FFFF)
