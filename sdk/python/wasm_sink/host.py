"""The way to the host. Outside of a component there is none, so that unit tests can import a sink all the same."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from .errors import Error, of_contract

P = ParamSpec("P")
T = TypeVar("T")


class _Nowhere:
    """Stands for the host where there is none."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> Any:
        raise RuntimeError(f"there is no host here to call `{self._name}.{function}`: it is there in a component only")


class _NoError(Exception):
    """What a host that is not there never raises."""

    value: Any


def _load(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        return None


_types: Any = _load("componentize_py_types")
IS_HERE = _types is not None
Err: Any = _types.Err if IS_HERE else _NoError


def interface(name: str) -> Any:
    """The functions of an interface that every sink has."""
    return _load(f"wit_world.imports.{name}") or _Nowhere(name)


def capability(name: str) -> Any:
    """The functions of an interface that sink.toml names."""
    module = _load(f"wit_world.imports.{name}")
    if module is None and IS_HERE:
        raise ImportError(
            f'`wasm_sink.{name}` is imported, but sink.toml does not name it: write capabilities = ["{name}"] there, '
            "or leave the import out"
        )
    return module or _Nowhere(name)


def call(function: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Calls the host; what it answers as an error is raised as one of `wasm_sink.errors`."""
    try:
        return function(*given, **named)
    except Err as error:
        raised: Error = of_contract(error.value)
    # Outside of the `except`, so that no frame keeps what the host raised.
    raise raised
