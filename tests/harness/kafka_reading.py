"""What a topic holds, for kafka_client.py: records, and queries over their values."""

import json
import os
import sys
import tempfile
import time
import uuid

import confluent_kafka as kafka
from confluent_kafka import admin
from kafka_asked import PATIENCE, administer, client, ends, plain, question, text
from kafka_avro import decoder


def consume(topic):
    """All that a reader sees who comes now."""
    if "join" in question:
        return join(topic)
    decode = decoder(topic)
    records = [
        {
            "partition": message.partition(),
            "offset": message.offset(),
            "timestamp": message.timestamp()[1],
            "key": text(message.key()),
            "value": decode(message.value()),
            "headers": [[name, text(value)] for name, value in message.headers() or []],
        }
        for message in messages(topic)
    ]
    return sorted(records, key=lambda record: (record["partition"], record["offset"]))


def join(topic):
    properties = {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000}
    properties |= {"group.id": question["join"], "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    member = kafka.Consumer(client(**properties))
    member.subscribe([topic])
    end = time.monotonic() + question["seconds"]
    while (left := end - time.monotonic()) > 0:
        member.consume(1000, min(left, 0.1))
    member.close()


def messages(topic):
    """Those of each partition in their order."""
    reader = kafka.Consumer(
        client(**{
            "group.id": f"reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": question.get("isolation", "read_committed"),
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        })
    )
    known = reader.list_topics(topic, timeout=PATIENCE).topics[topic]
    if known.error:
        raise kafka.KafkaException(known.error)
    waits = set(known.partitions)
    if question.get("settled"):
        settle([kafka.TopicPartition(topic, partition) for partition in waits])
    reader.assign([kafka.TopicPartition(topic, partition, kafka.OFFSET_BEGINNING) for partition in waits])
    end = time.monotonic() + PATIENCE
    while waits:
        batch = reader.consume(10_000, 0.05)
        if batch:
            end = time.monotonic() + PATIENCE
        elif time.monotonic() > end:
            sys.exit(f"{topic}: no end of the partitions {sorted(waits)} in {PATIENCE} s")
        for message in batch:
            if not message.error():
                yield message
            elif message.error().code() == kafka.KafkaError._PARTITION_EOF:
                waits.discard(message.partition())
            elif not message.error().retriable():
                raise kafka.KafkaException(message.error())
    reader.close()


def settle(places):
    """Waits until no transaction is open: the end of what is stable is the end of the log."""
    client = administer()

    def offsets(isolation):
        found = ends(client, places, admin.OffsetSpec.latest(), isolation_level=isolation)
        return {place.partition: future.result(PATIENCE).offset for place, future in found.items()}

    end = time.monotonic() + PATIENCE + 30
    while True:
        log, stable = offsets(kafka.IsolationLevel.READ_UNCOMMITTED), offsets(kafka.IsolationLevel.READ_COMMITTED)
        if log == stable:
            return
        if time.monotonic() > end:
            sys.exit(f"a transaction stays open: the log ends at {log}, and what is stable at {stable}")
        time.sleep(0.1)


def query(sql):
    import duckdb

    topic, decode, needs_records = question["consume"], decoder(question["consume"]), "records" in sql
    columns = {"partition": "int", "offset": "bigint", "timestamp": "bigint", "key": "text", "value": "text"}
    records = {name: [] for name in columns}
    database = duckdb.connect()
    database.execute("set timezone = 'UTC'")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t")
        with open(path, "w") as file:
            for message in messages(topic):
                value = as_text(decode(message.value()))
                if value is not None:
                    # A line end in it would be one of the file.
                    file.write(value.replace("\n", " ") + "\n")
                if needs_records:
                    place = (message.partition(), message.offset(), message.timestamp()[1])
                    for name, part in zip(columns, (*place, as_text(text(message.key())), value)):
                        records[name].append(part)
        if os.path.getsize(path):
            options = (
                "format='newline_delimited', records=true, sample_size=-1, maximum_depth=-1,"
                " map_inference_threshold=-1, maximum_object_size=67108864"
            )
            database.execute(f"create table t as select * from read_json('{path}', {options})")
        else:
            database.execute("create table t (nothing integer)")
    if needs_records:
        declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        database.execute(f"create table records ({declared})")
        if records["offset"]:
            # A column at a time: row by row is slow.
            import pyarrow

            loaded = pyarrow.table(records)
            database.execute("insert into records select * from loaded")
    result = database.execute(sql)
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


def as_text(value):
    return value if value is None or isinstance(value, str) else json.dumps(value, default=plain)


def columns(topic):
    """The members of all values, which are JSON objects, in the order in which they appear."""
    if topic not in administer().list_topics(timeout=PATIENCE).topics:
        return []
    found = {}
    for message in messages(topic):
        if message.value() is not None:
            found.update(dict.fromkeys(json.loads(message.value())))
    return list(found)
