#!/usr/bin/env python3
"""Writes orders.jsonl, the input of the quick start: the same bytes on every run.

Orders of a small shop over five days, as a web shop's log would hold them: nested objects and lists,
fields that are missing or null, names in several scripts, and three lines that are no JSON.
"""

import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROWS = 3_000
START = datetime(2026, 3, 2, tzinfo=timezone.utc)
STEP = timedelta(days=5) / ROWS

# Malformed lines, by the row that they stand before.
MALFORMED = {
    701: '{"id":"o-00701","at":"2026-03-03T04:00:36.000Z","customer":{"id":"c-118","na',  # a writer died
    1502: "2026-03-04 12:02:41 WARN order-api retrying, upstream timed out after 3000 ms",  # a log line
    2240: '{"id":"o-02240","at":"2026-03-05T17:33:58.000Z","total":23,90,"currency":"EUR"}',  # decimal comma
}

CUSTOMERS = [
    ("Zoë Müller", "DE", "München"), ("Jürgen Groß", "DE", "Köln"), ("Amélie Lefèvre", "FR", "Besançon"),
    ("José Núñez", "ES", "A Coruña"), ("Łukasz Żak", "PL", "Łódź"), ("Søren Ågård", "DK", "Århus"),
    ("Þóra Jónsdóttir", "IS", "Reykjavík"), ("Γιώργος Παππάς", "GR", "Αθήνα"), ("Олена Шевченко", "UA", "Київ"),
    ("山田 花子", "JP", "京都"), ("김민준", "KR", "부산"), ("王小明", "TW", "台北"), ("นภา ใจดี", "TH", "เชียงใหม่"),
    ("دانا حداد", "JO", "عمّان"), ("नेहा शर्मा", "IN", "जयपुर"), ("Ana O'Neil", "IE", "Cork"),
    ('Sam "Sparky" Lee', "US", "Portland"), ("Ngọc Trần", "VN", "Huế"),
]
PRODUCTS = [
    ("TEA-SENCHA", 690), ("TEA-ASSAM", 540), ("TEA-BÄRLAUCH", 475), ("POT-KYŪSU", 4200), ("CUP-2", 1250),
    ("HONEY-500", 890), ("WHISK", 1800), ("TIN-S", 350), ("TIN-L", 600),
]
CURRENCY = {"JP": "JPY", "US": "USD", "DK": "DKK", "PL": "PLN"}
TAGS = ["gift", "express", "returning", "newsletter", "🎁 wrapped"]


def order(number, chance):
    name, country, city = chance.choice(CUSTOMERS)
    customer = {"id": f"c-{chance.randrange(100, 460)}", "name": name, "country": country}
    if chance.random() < 0.6:
        customer["address"] = {"city": city, "zip": f"{chance.randrange(10000, 99999)}"}
    items, cents = [], 0
    for _ in range(chance.choice([1, 1, 1, 2])):
        sku, price = chance.choice(PRODUCTS)
        quantity = chance.choice([1, 1, 2, 3])
        cents += price * quantity
        items.append({"sku": sku, "qty": quantity, "price": price / 100})
    at = START + STEP * (number - 1) + timedelta(milliseconds=chance.randrange(60_000))
    row = {"id": f"o-{number:05}", "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
           "customer": customer, "items": items, "total": cents / 100 if cents % 100 else cents // 100}
    if country in CURRENCY:
        row["currency"] = CURRENCY[country]
    if chance.random() < 0.15:
        row["coupon"] = chance.choice(["SPRING", "WELCOME10", None])
    if chance.random() < 0.3:
        row["tags"] = chance.sample(TAGS, chance.choice([0, 1, 2]))
    return row


def main():
    chance = random.Random(2026)
    with open(Path(__file__).with_name("orders.jsonl"), "w", encoding="utf-8", newline="\n") as out:
        for number in range(1, ROWS + 1):
            if number in MALFORMED:
                out.write(MALFORMED[number] + "\n")
            out.write(json.dumps(order(number, chance), ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
