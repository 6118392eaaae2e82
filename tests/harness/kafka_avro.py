"""Avro with a registry, for kafka_client.py."""

import base64
import decimal

from kafka_asked import octets, question, text


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

