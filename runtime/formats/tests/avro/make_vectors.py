"""Writes vectors.json: Avro records as another implementation writes them, and the values they had.

Needs fastavro (made with 1.13.1): python3 make_vectors.py > vectors.json

A case has schemas (by number; later ones refer to earlier ones by name where `references` says so), messages
(Confluent's prefix and the record, in hex) and the rows that must come of them. In rows whole numbers and times
are their units, decimals their digits as text, bytes are hex.
"""

import io
import json
import struct
import sys
from datetime import date, datetime, time, timezone
from decimal import Decimal, getcontext
from uuid import UUID

import fastavro

getcontext().prec = 80
cases = []
number = 0


def case(name, schemas, records, rows, types, references=None):
    """`records`: pairs of the schema's place in `schemas`, and the value, or bytes as they are."""
    global number
    ids, parsed, named = [], [], {}
    for schema in schemas:
        number += 1
        ids.append(number)
        is_written = not all(isinstance(value, tuple) and value[0] == "raw" for _, value in records)
        known = named if references else {}
        parsed.append(fastavro.parse_schema(schema, named_schemas=known) if is_written else None)
    messages = []
    for place, value in records:
        body = io.BytesIO()
        if isinstance(value, tuple) and value[0] == "raw":
            body.write(value[1])
        else:
            fastavro.schemaless_writer(body, parsed[place], value)
        messages.append((b"\0" + struct.pack(">I", ids[place]) + body.getvalue()).hex())
    cases.append(
        {
            "name": name,
            "schemas": {str(id): json.dumps(schema) for id, schema in zip(ids, schemas)},
            "references": {
                str(ids[place]): [ids[other] for other in others]
                for place, others in (references or {}).items()
            },
            "messages": messages,
            "types": types,
            "rows": rows,
        }
    )


def record(name, /, **fields):
    return {
        "type": "record",
        "name": name,
        "namespace": "com.example",
        "fields": [{"name": field, "type": type} for field, type in fields.items()],
    }


def logical(type, word, **more):
    return {"type": type, "logicalType": word, **more}


case(
    "plain values at their ends",
    [
        record(
            "Plain", b="boolean", i="int", l="long", f="float", d="double", y="bytes", s="string", n="null"
        )
    ],
    [
        (0, dict(b=True, i=-(2**31), l=-(2**63), f=1.5, d=0.1, y=b"", s="", n=None)),
        (0, dict(b=False, i=2**31 - 1, l=2**63 - 1, f=-0.25, d=-1e300, y=b"\x00\xff", s="grüße 🦀\n", n=None)),
    ],
    [
        dict(b=True, i=-(2**31), l=-(2**63), f=1.5, d=0.1, y="", s=""),
        dict(b=False, i=2**31 - 1, l=2**63 - 1, f=-0.25, d=-1e300, y="00ff", s="grüße 🦀\n"),
    ],
    dict(b="boolean", i="int32", l="int64", f="float32", d="float64", y="binary", s="utf8"),
)

case(
    "nested values",
    [
        record(
            "Nested",
            x={"type": "fixed", "name": "Three", "size": 3},
            e={"type": "enum", "name": "Suit", "symbols": ["SPADES", "HEARTS"]},
            a={"type": "array", "items": ["null", "long"]},
            m={"type": "map", "values": "string"},
            r=record("Inner", suit="com.example.Suit", deep=["null", record("Deep", v="int")]),
            o=["null", "string"],
            p=["double", "null"],
        )
    ],
    [
        (0, dict(x=b"abc", e="HEARTS", a=[1, None, -3], m={"k": "v"}, r=dict(suit="SPADES", deep=None), o=None, p=2.5)),
        (0, dict(x=b"\0\0\0", e="SPADES", a=[], m={}, r=dict(suit="HEARTS", deep=dict(v=7)), o="o", p=None)),
    ],
    [
        dict(x="616263", e="HEARTS", a=[1, None, -3], m={"k": "v"}, r=dict(suit="SPADES", deep=None), o=None, p=2.5),
        dict(x="000000", e="SPADES", a=[], m={}, r=dict(suit="HEARTS", deep=dict(v=7)), o="o", p=None),
    ],
    dict(
        x="fixed_size_binary(3)",
        e="utf8",
        a="list<int64>",
        m="map<utf8, utf8>",
        r="struct<suit: utf8, deep: struct<v: int32>>",
        o="utf8",
        p="float64",
    ),
)

case(
    "lists in blocks, with lengths and without",
    [record("Blocks", a={"type": "array", "items": "int"})],
    # Two blocks; the first has its length in bytes.
    [(0, ("raw", bytes([3, 4, 2, 4, 2, 6, 0])))],
    [dict(a=[1, 2, 3])],
    dict(a="list<int32>"),
)

nines = Decimal("9" * 38)
case(
    "decimals",
    [
        record(
            "Decimals",
            b=logical("bytes", "decimal", precision=38, scale=2),
            x=dict(type="fixed", name="Fix", size=16, logicalType="decimal", precision=38, scale=0),
            w=logical("bytes", "decimal", precision=50, scale=10),
            n=["null", logical("bytes", "decimal", precision=4, scale=4)],
        )
    ],
    [
        (0, dict(b=Decimal("-0.01"), x=nines, w=Decimal("-" + "9" * 40 + ".0000000001"), n=Decimal("0.9999"))),
        (0, dict(b=nines.scaleb(-2), x=-nines, w=Decimal("1.5"), n=Decimal("-0.9999"))),
        (0, dict(b=Decimal("-128"), x=Decimal(0), w=Decimal(0), n=None)),
    ],
    [
        dict(b="-0.01", x="9" * 38, w="-" + "9" * 40 + ".0000000001", n="0.9999"),
        dict(b="9" * 36 + ".99", x="-" + "9" * 38, w="1.5000000000", n="-0.9999"),
        dict(b="-128.00", x="0", w="0.0000000000", n=None),
    ],
    dict(b="decimal(38,2)", x="decimal(38,0)", w="utf8", n="decimal(4,4)"),
)

uuid = UUID("12345678-9abc-def0-1234-56789abcdef0")
case(
    "times and other logical types",
    [
        record(
            "Times",
            d=logical("int", "date"),
            tm=logical("int", "time-millis"),
            tu=logical("long", "time-micros"),
            im=logical("long", "timestamp-millis"),
            iu=logical("long", "timestamp-micros"),
            lm=logical("long", "local-timestamp-millis"),
            lu=logical("long", "local-timestamp-micros"),
            u=logical("string", "uuid"),
        )
    ],
    [
        (
            0,
            dict(
                d=date(1969, 12, 31),
                tm=time(23, 59, 59, 999000),
                tu=time(23, 59, 59, 999999),
                im=datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc),
                iu=datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=timezone.utc),
                lm=datetime(1900, 1, 1),
                lu=datetime(9999, 12, 31, 23, 59, 59, 999999),
                u=uuid,
            ),
        ),
        (0, dict(d=-(2**31), tm=0, tu=0, im=-(2**63), iu=2**63 - 1, lm=0, lu=0, u=str(uuid))),
    ],
    [
        dict(
            d=-1,
            tm=86_399_999,
            tu=86_399_999_999,
            im=-1,
            iu=1769860800000001,
            lm=-2208988800000,
            lu=253402300799999999,
            u=str(uuid),
        ),
        dict(d=-(2**31), tm=0, tu=0, im=-(2**63), iu=2**63 - 1, lm=0, lu=0, u=str(uuid)),
    ],
    dict(
        d="date32",
        tm="time32(ms)",
        tu="time64(us)",
        im="timestamp(ms,+00:00)",
        iu="timestamp(us,+00:00)",
        lm="timestamp(ms)",
        lu="timestamp(us)",
        u="utf8",
    ),
)

# What this library has no values for is written as what is below it.
case(
    "newer logical types",
    [
        record(
            "Newer",
            i=logical("long", "timestamp-nanos"),
            l=logical("long", "local-timestamp-nanos"),
            u=dict(type="fixed", name="Id", size=16, logicalType="uuid"),
            p=dict(type="fixed", name="Span", size=12, logicalType="duration"),
            odd=logical("string", "date"),
            bad=logical("bytes", "decimal", precision=2, scale=3),
        )
    ],
    [(0, ("raw", bytes([3, 1]) + uuid.bytes + struct.pack("<III", 1, 2, 3004) + bytes([2, 120, 2, 7])))],
    [dict(i=-2, l=-1, u=str(uuid), p="P1M2DT3.004S", odd="x", bad="07")],
    dict(
        i="timestamp(ns,+00:00)", l="timestamp(ns)", u="utf8", p="utf8", odd="utf8", bad="binary"
    ),
)

case(
    "unions",
    [
        record(
            "Unions",
            n=["null", "int", "long"],
            f=["int", "float"],
            t=["null", "string", "int", record("Point", x="int", y=["null", "double"])],
            r=[record("Cat", name="string", lives="int"), record("Dog", name="string", good="boolean")],
            one=["long"],
        )
    ],
    [
        (0, dict(n=5, f=1.5, t="text", r=("com.example.Cat", dict(name="c", lives=9)), one=1)),
        (0, dict(n=2**40, f=7, t=5, r=("com.example.Dog", dict(name="d", good=True)), one=2)),
        (0, dict(n=None, f=0, t=dict(x=1, y=0.5), r=("com.example.Cat", dict(name="e", lives=1)), one=3)),
    ],
    [
        dict(n=5, f=1.5, t="text", r=dict(name="c", lives=9, good=None), one=1),
        dict(n=2**40, f=7.0, t="5", r=dict(name="d", lives=None, good=True), one=2),
        dict(n=None, f=0.0, t='{"x":1,"y":0.5}', r=dict(name="e", lives=1, good=None), one=3),
    ],
    dict(
        n="int64",
        f="float64",
        t="utf8",
        r="struct<name: utf8, lives: int32, good: boolean>",
        one="int64",
    ),
)

case(
    "a record that contains itself",
    [record("Tree", v="int", children={"type": "array", "items": "Tree"}, next=["null", "Tree"])],
    [(0, dict(v=1, children=[dict(v=2, children=[], next=None)], next=dict(v=3, children=[], next=None)))],
    [
        dict(
            v=1,
            children=['{"v":2,"children":[],"next":null}'],
            next='{"v":3,"children":[],"next":null}',
        )
    ],
    dict(v="int32", children="list<utf8>", next="utf8"),
)

everything = record(
    "Everything",
    d=logical("int", "date"),
    i=logical("long", "timestamp-millis"),
    c=logical("bytes", "decimal", precision=6, scale=3),
    y="bytes",
    e={"type": "enum", "name": "E", "symbols": ["A", "B"]},
    m={"type": "map", "values": "double"},
    s="string",
)
case(
    "values as JSON text",
    [record("Texts", t=["null", "int", everything])],
    [
        (
            0,
            dict(
                t=(
                    "com.example.Everything",
                    dict(
                        d=date(2026, 1, 31),
                        i=datetime(2026, 1, 31, tzinfo=timezone.utc),
                        c=Decimal("-0.050"),
                        y=b"\x00\xff",
                        e="B",
                        m={"x": 1.0, "y": float("nan")},
                        s='"\\\n\x01ü',
                    ),
                )
            ),
        )
    ],
    [
        dict(
            t='{"d":"2026-01-31","i":"2026-01-31T00:00:00Z","c":-0.050,"y":"AP8=","e":"B",'
            '"m":{"x":1.0,"y":"NaN"},"s":"\\"\\\\\\n\\u0001ü"}'
        )
    ],
    dict(t="utf8"),
)

case(
    "several schemas in one batch",
    [
        record("Event", id="int", at=logical("long", "timestamp-millis"), kind="string"),
        record("Event", id="long", kind=["null", "string"], more=record("More", a="int")),
        record("Event", id="long", more=record("More", b=["null", "string"], a="long"), at=logical("long", "timestamp-micros")),
    ],
    [
        (0, dict(id=1, at=1000, kind="a")),
        (1, dict(id=2**40, kind=None, more=dict(a=1))),
        (0, dict(id=-1, at=-1, kind="b")),
        (2, dict(id=3, more=dict(b="x", a=2**40), at=1_500_001)),
    ],
    [
        dict(id=1, at=1_000_000, kind="a", more=None),
        dict(id=2**40, at=None, kind=None, more=dict(a=1, b=None)),
        dict(id=-1, at=-1000, kind="b", more=None),
        dict(id=3, at=1_500_001, kind=None, more=dict(a=2**40, b="x")),
    ],
    dict(id="int64", at="timestamp(us,+00:00)", kind="utf8", more="struct<a: int64, b: utf8>"),
)

case(
    "references",
    [
        record("Address", street="string"),
        record("Person", name="string", home="com.example.Address"),
        record("Order", buyer="com.example.Person", ship=["null", "com.example.Address"]),
    ],
    [(2, dict(buyer=dict(name="n", home=dict(street="s")), ship=None))],
    [dict(buyer=dict(name="n", home=dict(street="s")), ship=None)],
    dict(buyer="struct<name: utf8, home: struct<street: utf8>>", ship="struct<street: utf8>"),
    references={1: [0], 2: [0, 1]},
)

case(
    "records of several kinds in one topic",
    [["null", record("Made", id="int", by="string"), record("Gone", id="long", why="string"), "string"]],
    [
        (0, ("com.example.Made", dict(id=1, by="me"))),
        (0, ("com.example.Gone", dict(id=2, why="old"))),
        (0, None),
        (0, "alone"),
    ],
    [
        dict(id=1, by="me", why=None, value=None),
        dict(id=2, by=None, why="old", value=None),
        dict(id=None, by=None, why=None, value=None),
        dict(id=None, by=None, why=None, value="alone"),
    ],
    dict(id="int64", by="utf8", why="utf8", value="utf8"),
)

case("a value that is no record", ["long"], [(0, -5)], [dict(value=-5)], dict(value="int64"))

case(
    "records of nothing",
    [record("Empty"), record("Holder", e=record("Nothing"), n="null", l={"type": "array", "items": "null"})],
    [(0, {}), (1, dict(e={}, n=None, l=[None, None]))],
    [dict(e=None, l=None), dict(e="{}", l=[None, None])],
    dict(e="utf8", l="list<utf8>"),
)

json.dump(cases, sys.stdout, indent=1, ensure_ascii=False)
print()
