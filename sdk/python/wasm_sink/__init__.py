"""Write a wasm-sink component in Python: one class in sink.py.

    from wasm_sink import Batch, Sink, skip

    class Discard(Sink):
        def write(self, batch: Batch) -> None:
            skip(len(batch), "discarded")

Tables, topics and web services are in modules of their own, which sink.toml has to name: `wasm_sink.delta`,
`wasm_sink.duckdb`, `wasm_sink.postgres`, `wasm_sink.kafka`, `wasm_sink.http`.
"""

from . import log
from .batch import Batch, reject
from .epoch import commit_within, skip
from .errors import (
    Conflict,
    Denied,
    Error,
    Fatal,
    Invalid,
    OutcomeUnknown,
    Rejected,
    Throttled,
    Unavailable,
)
from .fields import Field, Span
from .plan import Plan
from .sink import Problem, Sink

__all__ = [
    "Batch",
    "Conflict",
    "Denied",
    "Error",
    "Fatal",
    "Field",
    "Invalid",
    "OutcomeUnknown",
    "Plan",
    "Problem",
    "Rejected",
    "Sink",
    "Span",
    "Throttled",
    "Unavailable",
    "commit_within",
    "log",
    "reject",
    "skip",
]
