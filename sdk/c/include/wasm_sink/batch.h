/// Rows, by handle: they are in the host's memory until their values are asked for.

#ifndef WASM_SINK_BATCH_H
#define WASM_SINK_BATCH_H

#include "builder.h"
#include "json.h"

/// Immutable rows, good until the epoch ends; then the SDK drops them. A call with rows that are gone is `invalid`, and
/// one that answers no status ends the sink with a message.
typedef struct ws_batch {
    int32_t handle;
    uint32_t serial;
} ws_batch;

/// One column of a schema; `data_type` as in pipeline.toml: "int64", "list<utf8>".
typedef struct ws_field {
    const char *name;
    const char *data_type;
    bool nullable;
} ws_field;

typedef struct ws_fields {
    const ws_field *at;
    size_t count;
} ws_fields;

/// Where rows came from.
typedef struct ws_span {
    const char *source;
    const char *partition;
    /// Position before the first row; empty where the partition begins.
    const char *first;
    /// Position after the last row.
    const char *last;
} ws_span;

/// The rows with one value of a column; `value` is NULL for those where it is null.
typedef struct ws_part {
    const char *value;
    ws_batch rows;
} ws_part;

typedef struct ws_parts {
    const ws_part *at;
    size_t count;
} ws_parts;

// What a batch says of itself.

/// Number of rows; may be 0.
uint32_t ws_row_count(ws_batch rows);
/// Equal for batches of equal schema in this instance: for caches.
uint32_t ws_schema_id(ws_batch rows);
/// False for rows that came from `ws_from_ipc`.
bool ws_origin(ws_batch rows, ws_span *span);
/// The columns, in order. All allow to be looked at without copying any value.
ws_fields ws_fields_of(ws_batch rows);
/// Whether there is a column of this name.
bool ws_has_column(ws_batch rows, const char *name);

// Values.

/// One column. A name that is not there: `invalid`.
WS_CHECKED ws_status ws_read(ws_batch rows, const char *name, ws_column *column);
/// One column that has to be of this type; of another: `invalid`, which names both.
WS_CHECKED ws_status ws_read_as(ws_batch rows, const char *name, ws_type type, ws_column *column);
/// Several, in the order of the names; with WS_NO_NAMES all.
WS_CHECKED ws_status ws_read_columns(ws_batch rows, ws_names names, ws_columns *columns);
/// Each row as a JSON object. It takes far longer than columns do, and is the shortest to write.
WS_CHECKED ws_status ws_read_records(ws_batch rows, const ws_json *const **records);
/// All rows as one JSON array, as the host writes it.
WS_CHECKED ws_status ws_json_array(ws_batch rows, ws_bytes *json);
/// The columns as an Arrow IPC stream, for a reader of your own.
WS_CHECKED ws_status ws_ipc(ws_batch rows, ws_names names, ws_bytes *stream);

// Other batches. `out` may be the variable that `rows` is from.

/// `invalid` when out of range.
WS_CHECKED ws_status ws_slice(ws_batch rows, uint32_t offset, uint32_t length, ws_batch *out);
/// The rows where `keep`, with a value for each row, is true.
WS_CHECKED ws_status ws_filter(ws_batch rows, const bool *keep, ws_batch *out);
/// By the values of one column, in order of first appearance.
WS_CHECKED ws_status ws_split(ws_batch rows, const char *column, ws_parts *parts);
/// The same rows with these columns replaced or added: `ws_with_columns(rows, WS_BUILDERS(size), &rows)`.
WS_CHECKED ws_status ws_with_columns(ws_batch rows, ws_builders columns, ws_batch *out);
/// The same with the columns of another batch.
WS_CHECKED ws_status ws_with_batch(ws_batch rows, ws_batch columns, ws_batch *out);
/// Rows of one's own, which no record is the origin of.
WS_CHECKED ws_status ws_from_columns(ws_columns columns, ws_batch *out);
/// The same from an Arrow IPC stream.
WS_CHECKED ws_status ws_from_ipc(ws_bytes stream, ws_batch *out);
/// Lets go of a batch before the epoch ends, for a sink that makes very many.
void ws_drop(ws_batch rows);

// The verdict on rows: each is staged by a capability, rejected or skipped.

/// All rows become dead letters with this reason. Over the epoch's limit: `invalid`.
WS_CHECKED ws_status ws_reject(ws_batch rows, const char *reason);
/// The rows where `bad`, with a value for each row, is true become dead letters; `others` are the rest.
WS_CHECKED ws_status ws_reject_where(ws_batch rows, const bool *bad, const char *reason, ws_batch *others);
/// So many rows are left out on purpose. An epoch that took rows and did nothing with them fails.
void ws_skip(uint32_t rows, const char *reason);
/// Commit no later than this, counted from now; 0: after this `write`. The earliest request of an epoch wins.
void ws_commit_within_ms(uint32_t ms);

#endif
