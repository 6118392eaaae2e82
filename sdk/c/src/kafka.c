// All capabilities are compiled; the linker leaves out what the sink does not call.
#ifndef WASM_SINK_MAY_KAFKA
#define WASM_SINK_MAY_KAFKA
#endif

#include "wasm_sink/kafka.h"

#include "host.h"

static wasm_sink_kafka_kafka_borrow_topic_t borrow(ws_kafka_topic topic)
{
    return wasm_sink_kafka_kafka_borrow_topic((wasm_sink_kafka_kafka_own_topic_t){topic.handle});
}

ws_status ws_kafka_open(const char *connection, const char *name, ws_kafka_topic *topic)
{
    host_string_t role = host_text(connection), text = host_text(name);
    wasm_sink_kafka_kafka_own_topic_t own;
    host_error error;
    WS_TRY(answer(wasm_sink_kafka_kafka_static_topic_open(&role, &text, &own, &error), &error));
    topic->handle = own.__handle;
    return WS_OK;
}

ws_status ws_kafka_encode_as(ws_kafka_topic topic, ws_kafka_encoding encoding)
{
    host_error error;
    return answer(wasm_sink_kafka_kafka_method_topic_encode_as(
                      borrow(topic), (wasm_sink_kafka_kafka_encoding_t)encoding, &error),
                  &error);
}

ws_status ws_kafka_assign(ws_kafka_topic topic, ws_kafka_role role, const char *column, ws_kafka_share share)
{
    host_string_t name = host_text(column);
    host_error error;
    return answer(wasm_sink_kafka_kafka_method_topic_assign(borrow(topic), (wasm_sink_kafka_kafka_role_t)role, &name,
                                                            (wasm_sink_kafka_kafka_share_t)share, &error),
                  &error);
}

ws_status ws_kafka_leave_out(ws_kafka_topic topic, ws_names columns)
{
    host_list_string_t names = host_names(columns);
    host_error error;
    return answer(wasm_sink_kafka_kafka_method_topic_leave_out(borrow(topic), &names, &error), &error);
}

ws_status ws_kafka_key_from(ws_kafka_topic topic, const char *pattern)
{
    host_string_t text = host_text(pattern);
    host_error error;
    return answer(wasm_sink_kafka_kafka_method_topic_key_from(borrow(topic), &text, &error), &error);
}

ws_status ws_kafka_partition_by(ws_kafka_topic topic, ws_kafka_partitioner partitioner)
{
    host_error error;
    return answer(wasm_sink_kafka_kafka_method_topic_partition_by(
                      borrow(topic), (wasm_sink_kafka_kafka_partitioner_t)partitioner, &error),
                  &error);
}

ws_status ws_kafka_append(ws_kafka_topic topic, ws_batch rows)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    host_error error;
    return answer(wasm_sink_kafka_kafka_method_topic_append(borrow(topic), borrowed, &error), &error);
}
