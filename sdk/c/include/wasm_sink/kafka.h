/// Topics of a Kafka cluster, for a sink.toml with `capabilities = ["kafka"]`.
///
/// An answer of WS_OK means accepted, not durable. Return any error but `invalid`: it dooms the epoch anyway.

#ifndef WASM_SINK_KAFKA_H
#define WASM_SINK_KAFKA_H

#include "batch.h"

#ifndef WASM_SINK_MAY_KAFKA
#error "sink.toml does not name this capability; it needs: capabilities = [\"kafka\"]"
#endif

/// A topic, as long as the instance, with what was said of it.
typedef struct ws_kafka_topic {
    int32_t handle;
} ws_kafka_topic;

/// How rows become the values of records.
typedef enum ws_kafka_encoding {
    /// A JSON object of the columns, nulls included. So it is unless said otherwise.
    WS_KAFKA_JSON,
    /// Avro, with its schema in the registry under "<topic>-value".
    WS_KAFKA_AVRO,
    /// One column as it is: text and bytes byte for byte, others as text. Null: a tombstone.
    WS_KAFKA_PLAIN,
} ws_kafka_encoding;

/// What a column is for, beside or in place of being part of the value.
typedef enum ws_kafka_role {
    /// The record's key. Null: no key.
    WS_KAFKA_KEY,
    /// A time, or milliseconds since 1970 as an integer. Null: the time of sending.
    WS_KAFKA_TIMESTAMP,
    /// Names and values: text that is a JSON object, a list of pairs, a map or a struct.
    WS_KAFKA_HEADERS,
    /// The partition's number. Null: as the key says.
    WS_KAFKA_PARTITION,
    /// The only part of the value.
    WS_KAFKA_VALUE,
} ws_kafka_role;

/// Whether a column with a role is part of the value, too.
typedef enum ws_kafka_share { WS_KAFKA_ONLY, WS_KAFKA_ALSO } ws_kafka_share;

/// Which partition a record goes to that names none.
typedef enum ws_kafka_partitioner {
    /// By the key's hash as Kafka's Java clients compute it. So it is unless said otherwise.
    WS_KAFKA_MURMUR2,
    /// As librdkafka computes it.
    WS_KAFKA_CRC32,
    /// As Sarama computes it.
    WS_KAFKA_FNV1A,
    /// Whatever the key.
    WS_KAFKA_RANDOM,
} ws_kafka_partitioner;

/// `connection` is a role in `[sink]`, such as "default". A topic that is missing is made with the brokers' defaults.
WS_CHECKED ws_status ws_kafka_open(const char *connection, const char *name, ws_kafka_topic *topic);
WS_CHECKED ws_status ws_kafka_encode_as(ws_kafka_topic topic, ws_kafka_encoding encoding);
/// What a column is for. Said twice of a role: the last counts.
WS_CHECKED ws_status ws_kafka_assign(ws_kafka_topic topic, ws_kafka_role role, const char *column,
                                     ws_kafka_share share);
/// Columns that are in no value.
WS_CHECKED ws_status ws_kafka_leave_out(ws_kafka_topic topic, ws_names columns);
/// The key from several columns, which stay in the value: "{region}-{id}"; "{{" is a brace.
WS_CHECKED ws_status ws_kafka_key_from(ws_kafka_topic topic, const char *pattern);
/// After rows of this instance: `invalid`.
WS_CHECKED ws_status ws_kafka_partition_by(ws_kafka_topic topic, ws_kafka_partitioner partitioner);
/// A value that has no such form, and a record that is larger than the topic takes: the host makes the row a dead
/// letter.
WS_CHECKED ws_status ws_kafka_append(ws_kafka_topic topic, ws_batch rows);

#endif
