"""What tests/bench/sinks do by rows, as a user of Quix Streams writes it.

    quix_peer.py SERVERS TOPIC GROUP ROWS RESULT

Ends when so many rows were taken, and writes what it saw into RESULT, as JSON.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch

COUNTRIES = {"EU": "DE ES FR IT NL", "NA": "CA MX US", "APAC": "AU IN JP SG"}
REGIONS = {country: region for region, countries in COUNTRIES.items() for country in countries.split()}
MINIMUM = 10


class Nowhere(BatchingSink):
    """Counts rows, and lets go of them."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0
        self.last_at = 0.0

    def write(self, batch: SinkBatch) -> None:
        self.rows += batch.size
        self.last_at = time.monotonic()


class Progress:
    """Knows when the first row was through, and stops the application at the last one."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.seen = 0
        self.first_at = 0.0

    def __call__(self, _topic: str, _partition: int, _offset: int) -> None:
        if not self.seen:
            self.first_at = time.monotonic()
        self.seen += 1
        if self.seen == self.rows:
            app.stop()


def shaped(order: dict[str, Any]) -> dict[str, Any]:
    """An order with its region, and without the name of who ordered."""
    detail, user = order["detail"], order["user"]
    country = detail and detail["country"]
    return {
        "id": order["id"],
        "at": order["at"],
        "day": order["at"][:10],
        "country": country,
        "region": REGIONS.get(country, "other"),
        "user": None if user is None else masked(user),
        "amount": order["amount"],
    }


def masked(user: str) -> str:
    """The first character of the name, and the number."""
    name, _, number = user.partition("-")
    return f"{name[:1]}***-{number}"


def is_kept(order: dict[str, Any]) -> bool:
    """Small orders are counted, and go no further."""
    global small
    amount = order["amount"]
    if amount is not None and amount < MINIMUM:
        small += 1
        return False
    return True


servers, topic, group, rows, result = sys.argv[1:]
small, sink, progress = 0, Nowhere(), Progress(int(rows))
app = Application(
    broker_address=servers,
    consumer_group=group,
    auto_offset_reset="earliest",
    auto_create_topics=False,
    on_message_processed=progress,
    state_dir=Path(result).parent / "state",
    loglevel="WARNING",
)
orders = app.dataframe(app.topic(topic, value_deserializer="json"))
orders.apply(shaped).filter(is_kept).sink(sink)
app.run()

saw = {"seconds": sink.last_at - progress.first_at, "kept": sink.rows, "small": small}
Path(result).write_text(json.dumps(saw))
