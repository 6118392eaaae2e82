"""Orders for a web service, without the addresses of those who ordered."""

from dataclasses import dataclass
from typing import Any

from wasm_sink import Batch, Plan, Sink, reject
from wasm_sink.http import Service


@dataclass
class Config:
    path: str
    batch_rows: int = 500


class Orders(Sink):
    def __init__(self, config: Config) -> None:
        self.api = Service.open("default")
        self.config = config
        self.plan = order()

    def write(self, batch: Batch) -> None:
        shaped = self.plan.apply(batch)
        amounts = shaped.column("amount")
        negative, orders = shaped.divide([amount is not None and amount < 0 for amount in amounts])
        reject(negative, "negative amount")
        self.api.deliver(orders, self.config.path, messages, at_most=self.config.batch_rows)


def order() -> Plan:
    """What the host does with an order."""
    plan = Plan()
    plan.metadata("partition", "partition")
    plan.metadata("offset", "offset")
    plan.column("order", ["id"], "int64")
    plan.column("at", ["at"], "utf8")
    plan.column("country", ["country"], "utf8")
    plan.column("email", ["email"], "utf8")
    plan.column("amount", ["amount"], "float64")
    return plan


def messages(orders: Batch) -> list[dict[str, Any]]:
    """What is posted. An order that is posted again has the same `id`: it is where the order stands in the source."""
    columns = orders.columns("partition", "offset", "order", "at", "country", "email", "amount")
    return [
        {
            "id": f"{partition}-{offset}",
            "order": number,
            "at": at,
            "country": country,
            "email": None if email is None else masked(email),
            "amount": amount,
        }
        for partition, offset, number, at, country, email, amount in zip(*columns)
    ]


def masked(email: str) -> str:
    """The first character of the address, and its domain."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"
