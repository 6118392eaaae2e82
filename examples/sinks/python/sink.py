"""Orders by day and region, without the addresses of those who ordered."""

from dataclasses import dataclass

from wasm_sink import Batch, Plan, Sink, reject
from wasm_sink.delta import Table

COUNTRIES = {"EU": "DE ES FR IT NL", "NA": "CA MX US", "APAC": "AU IN JP SG"}
REGIONS = {country: region for region, countries in COUNTRIES.items() for country in countries.split()}


@dataclass
class Config:
    table_name: str


class Orders(Sink):
    def __init__(self, config: Config) -> None:
        self.table = Table.open("default", config.table_name)
        self.plan = order()

    def write(self, batch: Batch) -> None:
        shaped = self.plan.apply(batch)
        countries, emails, amounts = shaped.columns("country", "email", "amount")
        finished = shaped.with_columns(
            {
                "region": ("utf8", [REGIONS.get(country, "other") for country in countries]),
                "email": ("utf8", [None if email is None else masked(email) for email in emails]),
            }
        )
        negative, orders = finished.divide([amount is not None and amount < 0 for amount in amounts])
        reject(negative, "negative amount")
        self.table.ensure(orders.fields, partition_by=["day"])
        self.table.append(orders)


def order() -> Plan:
    """What the host does with an order. The region is the country until it is computed: columns stand in the table's order."""
    plan = Plan()
    plan.column("id", ["id"], "int64")
    plan.column("at", ["at"], "timestamp(us,+00:00)")
    plan.column("day", ["at"], "date32")
    plan.column("country", ["country"], "utf8")
    plan.column("region", ["country"], "utf8")
    plan.column("email", ["email"], "utf8")
    plan.column("amount", ["amount"], "float64")
    return plan


def masked(email: str) -> str:
    """The first character of the address, and its domain."""
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"
