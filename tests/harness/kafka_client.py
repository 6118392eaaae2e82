"""A Kafka client for the test harness: Confluent's, which is not the one that wasm-sink reads and writes with.
One question as JSON on stdin, one answer on stdout.

{"servers": "host:port", "properties": {further ones of librdkafka}} and one of

    "create": topic, "partitions": n, "config": {…}, "replicas": 1, or "assignment": [[broker]] by partition
    "delete": topic
    "grow": topic, "partitions": how many it has then
    "trim": topic, "before": {partition: the first offset that stays}
    "describe": topic; answers {"id": …, "partitions": [{"low": …, "high": …, "leader": broker}]}, once each
        partition has a leader; null where there is no such topic
    "topics": true; answers all names but internal ones
    "produce": topic and
        "records": [{"key", "value", "partition", "timestamp", "headers": [[name, value]]}], all optional, or
        "generate": {"count", "first": 0, "partitions": 1, "keys": null, "bytes": 0, "per_second": null}:
            values {"n": n, "text": "row n", "filler": "xx…"} for n from `first` on, to partition n % partitions;
            the key is "key n % keys", if any
        "transaction": "commit", "abort", or "leave": it stays open, as that of a client that was killed;
        with "transactional_id" and "timeout_ms"
        answers [[partition, offset]] of the records, or how many were generated
    "consume": topic, "isolation": "read_committed"; answers its records, by partition and offset
    "query": a DuckDB query over what "consume": topic finds: table `records`, with value and key as text, and
        table `t` of the columns in their values; answers a list of objects
    "group": name; answers {"state", "coordinator": broker,
        "members": [{"id", "client", "partitions": [[topic, partition]]}],
        "offsets": [{"topic", "partition", "offset", "metadata", "lag"}]}; lag counts to the end of the log
    "set_group": name, "offsets": [[topic, partition, offset]]
    "join": group, "consume": topic, "seconds": s: is a member for so long, commits nothing, and leaves

A key, a value and a header's value are text, null, or {"base64": …} where they are not UTF-8.

With "registry": URL, values of "records", "consume" and "query" are JSON that goes through Avro ("schema" is
that of what is produced, with its "references", "subject" its subject if it has another than the topic's). In
what is produced, {"base64": …} is bytes and {"decimal": "1.50"} a decimal. And, without "servers":

    "register": subject, "schema": text, "type": "AVRO", "references": [[name, subject, version]]; answers the id
    "latest": subject; answers {"id", "version", "schema", "type"}; null where there is none
    "subjects": true
    "compatibility": level, "subject": one, or all
"""

import base64
import datetime
import decimal
import json
import os
import sys
import tempfile
import time
import uuid

import confluent_kafka as kafka
from confluent_kafka import admin

# How long anything may take: a broker may be on its way back.
PATIENCE = 60

NO_LEADER_YET = (
    kafka.KafkaError._NOENT,
    kafka.KafkaError._TIMED_OUT,
    kafka.KafkaError.LEADER_NOT_AVAILABLE,
    kafka.KafkaError.NOT_LEADER_FOR_PARTITION,
    kafka.KafkaError.UNKNOWN_TOPIC_OR_PART,
    kafka.KafkaError.UNKNOWN_LEADER_EPOCH,
    kafka.KafkaError.FENCED_LEADER_EPOCH,
)

question = json.load(sys.stdin)


def main():
    for name, answer in ANSWERS.items():
        if name in question:
            json.dump(answer(question[name]), sys.stdout, default=plain)
            sys.stdout.flush()
            return
    sys.exit(f"nothing to do in {question}")


# ---- topics --------------------------------------------------------------------------------------


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


def await_topic(name, is_so):
    """What is asked of the controller is known to the broker a moment later. Answers the topic."""
    end = time.monotonic() + PATIENCE
    while not is_so(topic := look_at(name)):
        if time.monotonic() > end:
            sys.exit(f"after {PATIENCE} s, the topic {name} is {topic}")
        time.sleep(0.02)
    return topic


def has(partitions):
    return lambda topic: topic and len(topic["partitions"]) == partitions


def create(name):
    partitions, where = question.get("partitions", 1), {"replication_factor": question.get("replicas", 1)}
    if "assignment" in question:
        partitions, where = len(question["assignment"]), {"replica_assignment": question["assignment"]}
    topic = admin.NewTopic(name, partitions, config=question.get("config", {}), **where)
    carry_out(lambda client: client.create_topics([topic]))
    await_topic(name, has(partitions))


def delete(name):
    carry_out(lambda client: client.delete_topics([name]))
    await_topic(name, lambda topic: topic is None)


def grow(name):
    larger = admin.NewPartitions(name, question["partitions"])
    carry_out(lambda client: client.create_partitions([larger]))
    await_topic(name, has(question["partitions"]))


def trim(name):
    before = [kafka.TopicPartition(name, int(partition), offset) for partition, offset in question["before"].items()]
    carry_out(lambda client: client.delete_records(before))


def describe(name):
    return await_topic(name, lambda topic: topic is None or topic["partitions"])


def look_at(name):
    """A topic; without partitions while one of them has no leader, None where there is no such topic."""
    client = administer()
    try:
        [(_, future)] = client.describe_topics(kafka.TopicCollection([name])).items()
        topic = future.result(PATIENCE)
    except kafka.KafkaException as error:
        if error.args[0].code() == kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        raise
    places = [kafka.TopicPartition(name, partition.id) for partition in topic.partitions]
    try:
        low, high = (
            [future.result(PATIENCE).offset for future in ends(client, places, end, request_timeout=2).values()]
            for end in (admin.OffsetSpec.earliest(), admin.OffsetSpec.latest())
        )
    except kafka.KafkaException as error:
        if error.args[0].code() not in NO_LEADER_YET:
            raise
        low = high = []
    if kafka.OFFSET_INVALID in [*low, *high]:
        # Asked of one that is gone.
        low = high = []
    leaders = [partition.leader and partition.leader.id for partition in topic.partitions]
    names = ("low", "high", "leader")
    return {"id": str(topic.topic_id), "partitions": [dict(zip(names, each)) for each in zip(low, high, leaders)]}


def ends(client, places, end, **options):
    """The offset at one end of each place, once it is answered."""
    return client.list_offsets(dict.fromkeys(places, end), **options) if places else {}


def topics(_):
    return sorted(name for name in administer().list_topics(timeout=PATIENCE).topics if not name.startswith("__"))


# ---- records -------------------------------------------------------------------------------------


def produce(topic):
    transaction = question.get("transaction")
    properties = {"acks": "all", "linger.ms": 5, "max.in.flight": 1}
    if question.get("generate", {}).get("per_second"):
        # It lives through faults, and begins half a second later.
        properties["enable.idempotence"] = True
    if transaction:
        properties["transactional.id"] = question.get("transactional_id", str(uuid.uuid4()))
        properties["transaction.timeout.ms"] = question.get("timeout_ms", 60_000)
    producer = kafka.Producer(client(**properties))
    if transaction:
        producer.init_transactions(PATIENCE)
        producer.begin_transaction()

    delivered, failed = {}, []

    def send(number, record):
        def report(error, message):
            if error:
                failed.append(f"record {number}: {error}")
            else:
                delivered[number] = [message.partition(), message.offset()]

        while True:
            try:
                producer.produce(topic, on_delivery=report, **record)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)

    if "records" in question:
        encode = encoder(topic)
        for number, record in enumerate(question["records"]):
            send(number, encoded(record, encode))
    else:
        started = time.monotonic()
        for number, record in generated(**question["generate"]):
            if per_second := question["generate"].get("per_second"):
                producer.poll(max(0, started + number / per_second - time.monotonic()))
            send(number, record)

    if producer.flush(PATIENCE):
        sys.exit(f"{topic}: not delivered in {PATIENCE} s")
    if failed:
        sys.exit(f"{topic}: {failed[0]}")
    if transaction == "commit":
        producer.commit_transaction(PATIENCE)
    elif transaction == "abort":
        producer.abort_transaction(PATIENCE)
    answer = [delivered[number] for number in sorted(delivered)] if "records" in question else len(delivered)
    if transaction == "leave":
        json.dump(answer, sys.stdout)
        sys.stdout.flush()
        # Whatever closes the producer would abort it.
        os._exit(0)
    return answer


def generated(count, first=0, partitions=1, keys=None, bytes=0, per_second=None):
    filler = {"filler": "x" * bytes} if bytes else {}
    for number in range(count):
        n = first + number
        record = {"value": json.dumps({"n": n, "text": f"row {n}", **filler}), "partition": n % partitions}
        if keys:
            record["key"] = f"key {n % keys}"
        yield number, record


def encoded(record, encode):
    headers = [(name, octets(value)) for name, value in record.get("headers", [])]
    given = {name: record[name] for name in ("partition", "timestamp") if record.get(name) is not None}
    return {"key": octets(record.get("key")), "value": encode(record.get("value")), "headers": headers, **given}


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


def consume(topic):
    """All that a reader sees who comes now."""
    if "join" in question:
        return join(topic)
    decode = decoder(topic)
    return [
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


def messages(topic):
    isolation = question.get("isolation", "read_committed")
    reader = kafka.Consumer(
        client(**{
            "group.id": f"reader-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 20,
        })
    )
    known = reader.list_topics(topic, timeout=PATIENCE).topics[topic]
    if known.error:
        raise kafka.KafkaException(known.error)
    waits = set(known.partitions)
    reader.assign([kafka.TopicPartition(topic, partition, kafka.OFFSET_BEGINNING) for partition in waits])
    found = []
    end = time.monotonic() + PATIENCE
    while waits:
        batch = reader.consume(10_000, 0.05)
        if batch:
            end = time.monotonic() + PATIENCE
        elif time.monotonic() > end:
            sys.exit(f"{topic}: no end of the partitions {sorted(waits)} in {PATIENCE} s")
        for message in batch:
            if not message.error():
                found.append(message)
            elif message.error().code() == kafka.KafkaError._PARTITION_EOF:
                waits.discard(message.partition())
            elif not message.error().retriable():
                raise kafka.KafkaException(message.error())
    reader.close()
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def query(sql):
    import duckdb

    records = consume(question["consume"])
    database = duckdb.connect()
    with tempfile.TemporaryDirectory() as folder:

        def load(table, rows):
            path = os.path.join(folder, table)
            with open(path, "w") as file:
                for row in rows:
                    file.write((row if isinstance(row, str) else json.dumps(row, default=plain)) + "\n")
            if os.path.getsize(path):
                options = "format='newline_delimited', sample_size=-1, maximum_object_size=67108864"
                database.execute(f"create table {table} as select * from read_json('{path}', {options})")
            else:
                database.execute(f"create table {table} (nothing integer)")

        def as_text(value):
            return value if value is None or isinstance(value, str) else json.dumps(value, default=plain)

        load("t", [record["value"] for record in records if record["value"] is not None])
        columns = {"partition": "int", "offset": "bigint", "timestamp": "bigint", "key": "text", "value": "text"}
        declared = ", ".join(f'"{name}" {type}' for name, type in columns.items())
        database.execute(f"create table records ({declared})")
        if records:
            # A column at a time: row by row is slow.
            import pyarrow

            as_is = {name: [record[name] for record in records] for name in ("partition", "offset", "timestamp")}
            texts = {name: [as_text(record[name]) for record in records] for name in ("key", "value")}
            found = pyarrow.table({**as_is, **texts})
            database.execute("insert into records select * from found")
        result = database.execute(sql)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]


# ---- groups --------------------------------------------------------------------------------------


def group(name):
    client = administer()
    found = client.describe_consumer_groups([name])[name].result(PATIENCE)
    answer = {"state": found.state.name, "coordinator": found.coordinator.id, "members": [], "offsets": []}
    for member in found.members:
        assigned = member.assignment.topic_partitions if member.assignment else []
        assigned = sorted([place.topic, place.partition] for place in assigned)
        answer["members"].append({"id": member.member_id, "client": member.client_id, "partitions": assigned})
    asked = kafka.ConsumerGroupTopicPartitions(name)
    committed = client.list_consumer_group_offsets([asked])[name].result(PATIENCE).topic_partitions
    committed = [place for place in committed if place.offset >= 0]
    places = [kafka.TopicPartition(place.topic, place.partition) for place in committed]
    futures = ends(client, places, admin.OffsetSpec.latest())
    high = {(place.topic, place.partition): future for place, future in futures.items()}
    for place in sorted(committed, key=lambda place: (place.topic, place.partition)):
        entry = {"topic": place.topic, "partition": place.partition, "offset": place.offset, "metadata": place.metadata}
        try:
            entry["lag"] = high[place.topic, place.partition].result(PATIENCE).offset - place.offset
        except kafka.KafkaException:
            # Its topic is gone.
            entry["lag"] = None
        answer["offsets"].append(entry)
    return answer


def set_group(name):
    places = [kafka.TopicPartition(*place) for place in question["offsets"]]
    offsets = kafka.ConsumerGroupTopicPartitions(name, places)
    carry_out(lambda client: client.alter_consumer_group_offsets([offsets]))


def join(topic):
    properties = {"partition.assignment.strategy": "cooperative-sticky", "session.timeout.ms": 6000}
    properties |= {"group.id": question["join"], "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    member = kafka.Consumer(client(**properties))
    member.subscribe([topic])
    end = time.monotonic() + question["seconds"]
    while (left := end - time.monotonic()) > 0:
        member.consume(1000, min(left, 0.1))
    member.close()


# ---- Avro ----------------------------------------------------------------------------------------


def registry():
    from confluent_kafka.schema_registry import SchemaRegistryClient

    return SchemaRegistryClient({"url": question["registry"]})


def schema():
    from confluent_kafka.schema_registry import Schema, SchemaReference

    references = [SchemaReference(*reference) for reference in question.get("references", [])]
    return Schema(question["schema"], question.get("type", "AVRO"), references)


def context(topic):
    from confluent_kafka.serialization import MessageField, SerializationContext

    return SerializationContext(topic, MessageField.VALUE)


def encoder(topic):
    if "schema" not in question:
        return octets
    from confluent_kafka.schema_registry.avro import AvroSerializer

    config = {"subject.name.strategy": lambda *_: question.get("subject", f"{topic}-value")}
    serializer = AvroSerializer(registry(), schema(), conf=config)
    return lambda value: None if value is None else serializer(typed(value), context(topic))


def typed(value):
    """What JSON has no type for."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"base64"}:
        return base64.b64decode(value["base64"])
    if value.keys() == {"decimal"}:
        return decimal.Decimal(value["decimal"])
    return {name: typed(item) for name, item in value.items()}


def decoder(topic):
    if "registry" not in question:
        return text
    from confluent_kafka.schema_registry.avro import AvroDeserializer

    deserializer = AvroDeserializer(registry())
    return lambda value: None if value is None else deserializer(value, context(topic))


def register(subject):
    return registry().register_schema(subject, schema())


def latest(subject):
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        found = registry().get_latest_version(subject)
    except SchemaRegistryError as error:
        if error.http_status_code == 404:
            return None
        raise
    return {
        "id": found.schema_id,
        "version": found.version,
        "schema": found.schema.schema_str,
        "type": found.schema.schema_type,
    }


def subjects(_):
    return sorted(registry().get_subjects())


def compatibility(level):
    registry().set_compatibility(question.get("subject"), level)


# "query" before "consume": the first that a question has is answered.
ANSWERS = {
    function.__name__: function
    for function in (
        create, delete, grow, trim, describe, topics, produce, query, consume, group, set_group,
        register, latest, subjects, compatibility,
    )
}

if __name__ == "__main__":
    main()
