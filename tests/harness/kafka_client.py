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
        "generate": {"count", "first": 0, "partitions": 1, "keys": null, "bytes": 0, "per_second": null,
            "until": null}: values {"n": n, "text": "row n", "filler": "xx…"} for n from `first` on, to partition n % partitions;
            the key is "key n % keys", if any; no more of them once there is a file "until"
        "transaction": "commit", "abort", or "leave": it stays open, as that of a client that was killed;
        with "transactional_id" and "timeout_ms"
        answers [[partition, offset]] of the records, or how many were generated
    "consume": topic, "isolation": "read_committed"; answers its records, by partition and offset; with
        "settled": true once no transaction in it is open
    "query": a DuckDB query over what "consume": topic finds: table `t` of the columns in their values, and table
        `records`, with value and key as text; answers a list of objects
    "columns": topic; answers the members of its values, which are JSON objects; none where there is no topic
    "group": name; answers {"state", "coordinator": broker,
        "members": [{"id", "client", "partitions": [[topic, partition]]}],
        "offsets": [{"topic", "partition", "offset", "metadata", "lag"}]}; lag counts to the end of the log
    "set_group": name, "offsets": [[topic, partition, offset]]
    "allow": user, "resources": [[type, name]], by ACL; every name that begins so; types are those of Kafka's client
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

import json
import os
import sys
import time
import uuid

import confluent_kafka as kafka
from confluent_kafka import admin
from kafka_asked import PATIENCE, administer, carry_out, client, ends, octets, plain, question
from kafka_avro import compatibility, encoder, latest, register, subjects
from kafka_reading import columns, consume, query

NO_LEADER_YET = (
    kafka.KafkaError._NOENT,
    kafka.KafkaError._TIMED_OUT,
    kafka.KafkaError.LEADER_NOT_AVAILABLE,
    kafka.KafkaError.NOT_LEADER_FOR_PARTITION,
    kafka.KafkaError.UNKNOWN_TOPIC_OR_PART,
    kafka.KafkaError.UNKNOWN_LEADER_EPOCH,
    kafka.KafkaError.FENCED_LEADER_EPOCH,
)


def main():
    for name, answer in ANSWERS.items():
        if name in question:
            json.dump(answer(question[name]), sys.stdout, default=plain)
            sys.stdout.flush()
            return
    sys.exit(f"nothing to do in {question}")


# ---- topics --------------------------------------------------------------------------------------


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


def generated(count, first=0, partitions=1, keys=None, bytes=0, per_second=None, until=None):
    filler = {"filler": "x" * bytes} if bytes else {}
    for number in range(count):
        if until and number % 100 == 0 and os.path.exists(until):
            return
        n = first + number
        record = {"value": json.dumps({"n": n, "text": f"row {n}", **filler}), "partition": n % partitions}
        if keys:
            record["key"] = f"key {n % keys}"
        yield number, record


def encoded(record, encode):
    headers = [(name, octets(value)) for name, value in record.get("headers", [])]
    given = {name: record[name] for name in ("partition", "timestamp") if record.get(name) is not None}
    return {"key": octets(record.get("key")), "value": encode(record.get("value")), "headers": headers, **given}


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


# ---- rights --------------------------------------------------------------------------------------


def allow(user):
    bindings = [
        admin.AclBinding(
            getattr(admin.ResourceType, kind), name, admin.ResourcePatternType.PREFIXED, f"User:{user}", "*",
            admin.AclOperation.ALL, admin.AclPermissionType.ALLOW,
        )
        for kind, name in question["resources"]
    ]
    carry_out(lambda client: client.create_acls(bindings))


# "query" before "consume": the first that a question has is answered.
ANSWERS = {
    function.__name__: function
    for function in (
        create, delete, grow, trim, describe, topics, produce, query, columns, consume, group, set_group, allow,
        register, latest, subjects, compatibility,
    )
}

if __name__ == "__main__":
    main()
