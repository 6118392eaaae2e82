"""Sorts rows by their amount into small, medium and large ones, and rejects those below a minimum."""

from dataclasses import dataclass

from wasm_sink import Batch, Problem, Sink, commit_within, reject
from wasm_sink.delta import Table


@dataclass
class Config:
    """`[sink.config]` of pipeline.toml; config.schema.json says what may stand there."""

    table_name: str
    minimum: float = 0


class MySink(Sink):
    def __init__(self, config: Config) -> None:
        self.minimum = config.minimum
        self.table = Table.open("default", config.table_name)

    @staticmethod
    def validate(config: Config) -> list[Problem]:
        if config.table_name.startswith("."):
            return [Problem(["table_name"], "a name that begins with a dot is hidden", "begin with a letter")]
        return []

    def write(self, batch: Batch) -> None:
        commit_within(1_000)  # milliseconds
        column = batch.field("amount")
        if column is None or not column.is_number:
            return reject(batch, "there is no column `amount` of numbers")

        amounts = batch.column("amount")  # a list; None is null
        sized = batch.with_columns({"size": ("utf8", [size_of(amount) for amount in amounts])})
        too_small, rows = sized.divide([amount is not None and amount < self.minimum for amount in amounts])
        reject(too_small, "amount below the minimum")
        self.table.ensure(rows.fields)
        self.table.append(rows)

    def flush(self) -> None:
        """The place to append what `write` has held back: after it, the host commits."""


def size_of(amount: float | None) -> str | None:
    if amount is None:
        return None
    return "small" if amount < 100 else "medium" if amount < 500 else "large"
