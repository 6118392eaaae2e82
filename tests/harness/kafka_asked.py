"""What was asked of kafka_client.py, and what all of its parts need: clients, and text for bytes."""

import base64
import datetime
import decimal
import json
import sys
import uuid

import confluent_kafka as kafka
from confluent_kafka import admin

# How long anything may take: a broker may be on its way back.
PATIENCE = 60

question = json.load(sys.stdin)


def client(**properties):
    defaults = {
        "bootstrap.servers": question["servers"],
        # A broker that comes back is seen at once; that it is away is nothing to say.
        "reconnect.backoff.ms": 20,
        "reconnect.backoff.max.ms": 200,
        "topic.metadata.refresh.interval.ms": 1000,
        "log_level": 2,
    }
    return {**defaults, **properties, **question.get("properties", {})}


def administer():
    return admin.AdminClient(client())


def carry_out(ask):
    """What `ask` has a client do, which must live until it is done."""
    client = administer()
    for future in ask(client).values():
        future.result(PATIENCE)


def ends(client, places, end, **options):
    """The offset at one end of each place, once it is answered."""
    return client.list_offsets(dict.fromkeys(places, end), **options) if places else {}


def octets(text):
    if isinstance(text, dict):
        return base64.b64decode(text["base64"])
    return None if text is None else text.encode()


def text(octets):
    try:
        return None if octets is None else octets.decode()
    except UnicodeDecodeError:
        return plain(octets)


def plain(value):
    """What JSON has no word for."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, datetime.timedelta, uuid.UUID)):
        return str(value)
    raise TypeError(f"{type(value)}")

