"""Topics of a Kafka cluster: needs capabilities = ["kafka"] in sink.toml."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Literal

from . import host
from .errors import Misuse
from .table import Staged, opened

_kafka = host.capability("kafka")

Encoding = Literal["json", "avro", "plain"]
Role = Literal["key", "timestamp", "headers", "partition", "value"]
Partitioner = Literal["murmur2", "crc32", "fnv1a", "random"]


class Topic(Staged):
    """A topic. Rows become records: `encode_as` says how, `assign` what columns are for."""

    @classmethod
    def open(cls, connection: str, name: str) -> Topic:
        """`connection` is a role of `[sink]`. A topic that is missing is made, with the brokers' defaults."""
        return opened(cls, _kafka.Topic, connection, name)

    def encode_as(self, encoding: Encoding) -> None:
        """How values are made: a JSON object unless said; Avro with the registry; one column as it is."""
        host.call(self._handle.encode_as, _case(_kafka.Encoding, encoding))

    def assign(self, role: Role, column: str, *, in_value: bool = True) -> None:
        """What a column is for, and whether it is part of the value, too."""
        share = _kafka.Share.ALSO if in_value else _kafka.Share.ONLY
        host.call(self._handle.assign, _case(_kafka.Role, role), column, share)

    def leave_out(self, columns: Sequence[str]) -> None:
        """Columns that are in no value."""
        host.call(self._handle.leave_out, list(columns))

    def key_from(self, template: str) -> None:
        """The record's key from several columns: "{region}-{id}"."""
        host.call(self._handle.key_from, template)

    def partition_by(self, partitioner: Partitioner) -> None:
        """Which partition a record goes to that names none; "murmur2" unless said."""
        host.call(self._handle.partition_by, _case(_kafka.Partitioner, partitioner))


def _case(cases: type[Enum], name: str) -> Any:
    known = [case.name.lower() for case in cases]
    if name not in known:
        raise Misuse(f"{name!r} is none of {', '.join(known)}")
    return cases[name.upper()]
