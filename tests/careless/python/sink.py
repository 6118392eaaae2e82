"""A sink with the mistakes that people make, one at a time: `wasm-sink test` has to find each.

Rows have an `id` and a `name`.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wasm_sink import Batch, Error, Sink, log
from wasm_sink.delta import Table


@dataclass
class Config:
    mistake: str


class Careless(Sink):
    def __init__(self, config: Config) -> None:
        self.table = Table.open("default", "t")
        self.is_made = False
        self.held: Batch | None = None
        self.rows = 0
        self.is_ready = threading.Event()
        self.write_carelessly: Callable[[Batch], Any] = getattr(self, config.mistake.replace("-", "_"))

    def write(self, batch: Batch) -> Any:
        return self.write_carelessly(batch)

    def append(self, rows: Batch) -> None:
        if self.table.fields() is None:
            self.table.create(rows.fields)
        else:
            self.table.add_columns(rows.fields)
        self.table.append(rows)

    def none(self, batch: Batch) -> None:
        self.append(batch)

    def swallows_errors(self, batch: Batch) -> None:
        try:
            self.append(batch)
        except Error as error:
            log.warn("not written:", error)

    def panics_on_errors(self, batch: Batch) -> None:
        try:
            self.append(batch)
        except Error:
            crash()

    def loses_rows(self, batch: Batch) -> None:
        """The second half of each batch."""
        self.append(batch.slice(0, len(batch) // 2))

    def forgets_flush(self, batch: Batch) -> None:
        """Holds the last batch back, and never lets go of it."""
        before, self.held = self.held, batch
        if before is not None:
            self.append(before)

    def counts_rows(self, batch: Batch) -> None:
        """Across epochs."""
        numbers = list(range(self.rows, self.rows + len(batch)))
        self.rows += len(batch)
        self.append(batch.with_columns({"number": ("int64 not null", numbers)}))

    def keeps_batches(self, batch: Batch) -> None:
        """From one epoch to the next."""
        if self.held is not None:
            self.rows += len(self.held)
        self.append(batch)
        if self.held is None:
            self.held = batch

    def panics_without_rows(self, batch: Batch) -> None:
        if len(batch) == 0:
            raise ValueError("there are rows in every batch")
        self.append(batch)

    def panics_on_nulls(self, batch: Batch) -> None:
        if None in (column(batch, "id") or []):
            crash()
        self.append(batch)

    def needs_a_column(self, batch: Batch) -> None:
        if column(batch, "name") is None:
            crash()
        self.append(batch)

    def is_slow(self, batch: Batch) -> None:
        """Looks at each row once for each other row."""
        ids = column(batch, "id") or []
        if any(ids.count(value) == 0 for value in ids):
            raise ValueError("every id is there")
        self.append(batch)

    def makes_tables_blindly(self, batch: Batch) -> None:
        """Never asks whether the table is there."""
        if not self.is_made:
            self.table.create(batch.fields[:1])
            self.table.add_columns(batch.fields)
            self.is_made = True
        self.table.append(batch)

    def raises(self, batch: Batch) -> None:
        """On a row without a name."""
        names = [name.upper() for name in column(batch, "name") or []]
        self.append(batch.with_columns({"upper": ("utf8", names)}))

    def returns_nonsense(self, batch: Batch) -> str:
        self.append(batch)
        return "done"

    def blocks(self, batch: Batch) -> None:
        """For nobody ever says that it is ready."""
        self.is_ready.wait()
        self.append(batch)

    def sleeps(self, batch: Batch) -> None:
        time.sleep(60)
        self.append(batch)

    def prints(self, batch: Batch) -> None:
        print("rows:", len(batch))
        self.append(batch)

    def opens_a_socket(self, batch: Batch) -> None:
        with socket.create_connection(("localhost", 8125)) as statsd:
            statsd.send(b"rows:1|c")
        self.append(batch)

    def reads_the_clock(self, batch: Batch) -> None:
        now = datetime.now()
        self.append(batch.with_columns({"at": ("timestamp(us)", [now] * len(batch))}))


def crash() -> None:
    """What Python cannot catch: so many iterators within each other are too many calls for its stack."""
    nested: Iterable[Any] = [0]
    for _ in range(100_000):
        nested = map(str, nested)
    list(nested)


def column(batch: Batch, name: str) -> list[Any] | None:
    return batch.column(name) if batch.field(name) else None
