"""`[sink.config]` as what the sink asks for: a dataclass, or a dict."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from typing import Any

from .errors import Misuse


class Mismatch(Exception):
    """A value that does not fit, and where."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


def asked_for(sink: type) -> Any:
    """The type that `__init__` names for its configuration; `dict` where it names none."""
    given = [name for name in inspect.signature(sink).parameters]
    if len(given) != 1:
        raise Misuse(f"{sink.__name__}.__init__ takes {len(given)} values: it is given one, the configuration")
    hint = typing.get_type_hints(sink.__init__).get(given[0], Any)  # type: ignore[misc]
    origin = typing.get_origin(hint) or hint
    if dataclasses.is_dataclass(hint) or hint is Any or (isinstance(origin, type) and issubclass(dict, origin)):
        return hint
    if typing.is_typeddict(hint):
        return hint
    raise Misuse(f"{sink.__name__}.__init__ asks for its configuration as {hint!r}: a dataclass or dict can be had")


def fit(hint: Any, value: Any, path: tuple[str, ...] = ()) -> Any:
    """The JSON value as what is asked for. What has no simple type is handed on as it is."""
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, path)
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _any_of(inner, value, path)
    if origin is typing.Literal:
        if value not in inner:
            raise Mismatch(path, f"{value!r} is none of {', '.join(map(repr, inner))}")
        return value
    if origin is list and isinstance(value, list):
        return [fit(inner[0], item, (*path, str(nth))) for nth, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        return {key: fit(inner[1], item, (*path, key)) for key, item in value.items()}
    plain = origin or hint
    if plain is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if plain in (str, int, float, bool, list, dict, type(None)):
        if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
            raise Mismatch(path, f"{value!r} is no {plain.__name__}")
    return value


def _any_of(hints: tuple[Any, ...], value: Any, path: tuple[str, ...]) -> Any:
    failed = None
    for hint in hints:
        try:
            return fit(hint, value, path)
        except Mismatch as error:
            if hint is not type(None):
                failed = error
    raise failed or Mismatch(path, f"{value!r} does not fit")


def _dataclass(hint: Any, value: Any, path: tuple[str, ...]) -> Any:
    if not isinstance(value, dict):
        raise Mismatch(path, f"{value!r} is no table")
    hints = typing.get_type_hints(hint)
    fields = {field.name: field for field in dataclasses.fields(hint) if field.init}
    for name in value:
        if name not in fields:
            raise Mismatch((*path, name), f"{hint.__name__} has no `{name}`, and config.schema.json allows it")
    for name, field in fields.items():
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in value and not has_default:
            raise Mismatch((*path, name), f"`{name}` is missing: {hint.__name__} needs it, config.schema.json does not")
    return hint(**{name: fit(hints[name], item, (*path, name)) for name, item in value.items()})
