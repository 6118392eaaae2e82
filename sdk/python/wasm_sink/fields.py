"""Words of the contract that are no handles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from . import host

_types = host.interface("types")


@dataclass(frozen=True)
class Field:
    """One column of a schema. `data_type` is the text of pipeline.toml: "int64", "list<utf8>"."""

    name: str
    data_type: str
    nullable: bool = True

    @property
    def is_number(self) -> bool:
        """Whether its values are integers, floats or decimals."""
        return self.data_type.startswith(("int8", "int16", "int32", "int64", "uint", "float", "decimal"))


@dataclass(frozen=True)
class Span:
    """Where a batch came from: one partition of a source. Positions are opaque text."""

    source: str
    partition: str
    first: str
    last: str


def fields_of(records: Iterable[Any]) -> list[Field]:
    """The contract's records as ours."""
    return [Field(record.name, record.data_type, record.nullable) for record in records]


def records_of(fields: Iterable[Field]) -> list[Any]:
    """Ours as the contract's."""
    return [_types.Field(field.name, field.data_type, field.nullable) for field in fields]
