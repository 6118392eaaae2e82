"""Dates, times and decimals: whole numbers in Arrow, objects of their own in Python.

What counts in nanoseconds stays a whole number, as Python's objects count no finer than microseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Context, Decimal
from typing import Any

from .types import DECIMAL_BYTES, DataType

# How the whole numbers of a type stand in its buffer.
LETTERS = {"date32": "i", "date64": "q", "time32": "i", "time64": "q", "timestamp": "q", "duration": "q"}

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_MICROSECOND = timedelta(microseconds=1)
_EXACT = Context(prec=80)


class OutOfRange(ValueError):
    """A value that Python's type cannot hold."""


def zone_of(name: str | None) -> tzinfo | None:
    """Named zones are read as UTC, which is what the numbers count in any case."""
    if name is None:
        return None
    if re.fullmatch(r"[+-][01]\d:[0-5]\d", name):
        offset = timedelta(hours=int(name[1:3]), minutes=int(name[4:]))
        return timezone(-offset if name[0] == "-" else offset) if offset else timezone.utc
    return timezone.utc


def from_numbers(of: DataType, numbers: list[Any]) -> list[Any]:
    """Python's values for whole numbers."""
    make = _maker(of)
    if make is None:
        return numbers
    try:
        return make(numbers)
    except (OverflowError, ValueError):
        for row, number in enumerate(numbers):
            try:
                make((number,))
            except (OverflowError, ValueError) as error:
                raise OutOfRange(
                    f"row {row}: {number} is more than Python's type holds; `raw=True` gives the whole numbers"
                ) from error
        raise


def _maker(of: DataType) -> Callable[[Iterable[int]], list[Any]] | None:
    if of.unit == "ns":
        return None
    if of.word == "date32":
        return _dates
    if of.word == "date64":
        return lambda numbers: _dates(number // _DAY_MS for number in numbers)
    if of.word in DECIMAL_BYTES:
        return lambda numbers: _decimals(numbers, -of.scale)
    step = 1_000_000 // _PER_SECOND[of.unit]
    if of.word == "duration":
        return lambda numbers: [timedelta(0, 0, step * number) for number in numbers]
    if of.word == "timestamp":
        zone = zone_of(of.zone)
        if zone in (None, timezone.utc):
            epoch = datetime(1970, 1, 1, tzinfo=zone)
            return lambda numbers: [epoch + timedelta(0, 0, step * number) for number in numbers]
        epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
        return lambda numbers: [(epoch + timedelta(0, 0, step * number)).astimezone(zone) for number in numbers]
    return lambda numbers: [_time(step * number) for number in numbers]


def _dates(numbers: Iterable[int]) -> list[date]:
    days = list(numbers)
    # A batch has few days, as a rule.
    made = {day: date.fromordinal(_FIRST_DAY + day) for day in set(days)}
    return list(map(made.__getitem__, days))


def _decimals(numbers: Iterable[int], exponent: int) -> list[Decimal]:
    scale = Decimal.scaleb
    return [scale(Decimal(number), exponent, _EXACT) for number in numbers]


def _time(micros: int) -> time:
    seconds, micros = divmod(micros, 1_000_000)
    minutes, second = divmod(seconds, 60)
    return time(*divmod(minutes, 60), second, micros)


def to_numbers(of: DataType, values: Sequence[Any]) -> list[int]:
    """Whole numbers of Python's values; `TypeError` and `ValueError` say what the type does not take."""
    kinds = set(map(type, values))
    if of.word == "date32" and kinds == {date}:
        return [value.toordinal() - _FIRST_DAY for value in values]
    if of.word == "timestamp" and of.unit == "us" and kinds == {datetime}:
        epoch = _epoch(of)
        try:
            return [(value - epoch) // _MICROSECOND for value in values]
        except TypeError:
            # Some have no time zone, or should not have one: below it is said of which.
            pass
    return list(map(_number_maker(of), values))


def _epoch(of: DataType) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc if of.zone else None)


def _number_maker(of: DataType) -> Callable[[Any], int]:
    if of.word in DECIMAL_BYTES:
        return _decimal_number(of)
    if of.word in ("date32", "date64"):
        step = 1 if of.word == "date32" else _DAY_MS
        return lambda value: step * _day(value)
    per_second = _PER_SECOND[of.unit]
    if of.word == "timestamp":
        epoch = _epoch(of)
        return lambda value: _instant(value, epoch, per_second)
    if of.word == "duration":
        return lambda value: _count(value, per_second)
    return lambda value: _count(_since_midnight(value), per_second)


def _day(value: Any) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, date):
        raise TypeError("a datetime.date is needed")
    if isinstance(value, datetime):
        raise TypeError("a datetime.date is needed: take its .date()")
    return value.toordinal() - _FIRST_DAY


def _instant(value: Any, epoch: datetime, per_second: int) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, datetime):
        raise TypeError("a datetime.datetime is needed")
    if value.tzinfo is None and epoch.tzinfo is not None:
        raise TypeError("it has no time zone, the column has: give it tzinfo=timezone.utc")
    if value.tzinfo is not None and epoch.tzinfo is None:
        raise TypeError("it has a time zone, the column has none: use timestamp(us,+00:00)")
    return _count(value - epoch, per_second)


def _since_midnight(value: Any) -> Any:
    if isinstance(value, time):
        if value.tzinfo is not None:
            raise TypeError("a time of day has no time zone here")
        return timedelta(0, value.second, value.microsecond, 0, value.minute, value.hour)
    if type(value) is int:
        return value
    raise TypeError("a datetime.time is needed")


def _count(value: Any, per_second: int) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, timedelta):
        raise TypeError("a datetime.timedelta is needed")
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    count, rest = divmod(micros * per_second, 1_000_000)
    if rest:
        raise ValueError("it is finer than the column's unit")
    return count


def _decimal_number(of: DataType) -> Callable[[Any], int]:
    limit = 10**of.digits

    def number(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
            raise TypeError("a decimal.Decimal is needed")
        scaled = Decimal(value).scaleb(of.scale, _EXACT)
        if not scaled.is_finite() or scaled != scaled.to_integral_value():
            raise ValueError(f"it has more than {of.scale} digits after the point")
        whole = int(scaled)
        if not -limit < whole < limit:
            raise ValueError(f"it has more than {of.digits} digits")
        return whole

    return number
