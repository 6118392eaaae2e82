/// The metadata of Arrow's IPC streams, which is in the form of flatbuffers. Message.fbs and Schema.fbs of
/// https://arrow.apache.org/docs/format/Columnar.html say which number a field has.

#ifndef WASM_SINK_METADATA_H
#define WASM_SINK_METADATA_H

#include "wasm_sink/column.h"

/// What leads outside sets `is_bad` and reads as zero.
typedef struct metadata {
    const uint8_t *data;
    size_t length;
    bool is_bad;
} metadata;

/// A position in metadata; 0 is none.
typedef size_t place;

/// What stands at a place.
uint32_t read_u32(metadata *from, place at);
int64_t read_i64(metadata *from, place at);

/// What the offset at `at` leads to.
place follow(metadata *from, place at);

/// Where a table keeps its field of this number; 0: it has none.
place field_of(metadata *from, place table, unsigned number);
/// The table that a field refers to.
place table_of(metadata *from, place table, unsigned number);
/// The first of `count` elements, all of which lie within.
place vector_of(metadata *from, place table, unsigned number, size_t width, size_t *count);
/// A copy; NULL where there is none.
const char *string_of(metadata *from, place table, unsigned number);
/// A field's value.
uint8_t u8_of(metadata *from, place table, unsigned number, uint8_t otherwise);
int16_t i16_of(metadata *from, place table, unsigned number, int16_t otherwise);
int32_t i32_of(metadata *from, place table, unsigned number, int32_t otherwise);
int64_t i64_of(metadata *from, place table, unsigned number, int64_t otherwise);

/// `invalid`, and why.
ws_status cut_off(const char *what);

/// The columns of a schema, which has this place in its message.
WS_CHECKED ws_status read_schema(metadata *from, place schema, ws_column **columns, size_t *count);

#endif
