/// Tables of a Delta Lake, for a sink.toml with `capabilities = ["delta"]`.
///
/// An answer of WS_OK means accepted, not durable. Return any error but `invalid`: it dooms the epoch anyway.

#ifndef WASM_SINK_DELTA_H
#define WASM_SINK_DELTA_H

#include "batch.h"

#ifndef WASM_SINK_MAY_DELTA
#error "sink.toml does not name this capability; it needs: capabilities = [\"delta\"]"
#endif

/// A table, as long as the instance.
typedef struct ws_delta_table {
    int32_t handle;
} ws_delta_table;

/// `connection` is a role in `[sink]`, such as "default"; `name` is below the connection's path, "" for the path
/// itself. A table that is missing is no error.
WS_CHECKED ws_status ws_delta_open(const char *connection, const char *name, ws_delta_table *table);
/// As committed, plus what this instance has staged. NULL: there is no table yet.
WS_CHECKED ws_status ws_delta_fields(ws_delta_table table, const ws_fields **fields);
/// Made by a commit of its own, before this epoch's files. There with the same columns: no effect; with others:
/// `invalid`.
WS_CHECKED ws_status ws_delta_create(ws_delta_table table, ws_fields fields, ws_names partition_by);
/// Likewise; nullable columns at the end. There with a type that takes such values: no effect; with another:
/// `invalid`.
WS_CHECKED ws_status ws_delta_add_columns(ws_delta_table table, ws_fields fields);
/// Creates the table where there is none, and adds the columns that it lacks where there is one.
WS_CHECKED ws_status ws_delta_ensure(ws_delta_table table, ws_fields fields, ws_names partition_by);
/// Columns go by name; a missing nullable one is null; an unknown one, or another type, is `invalid` and names it.
/// Null in a column without nulls: the host makes the row a dead letter.
WS_CHECKED ws_status ws_delta_append(ws_delta_table table, ws_batch rows);
/// The rows that were there before this pipeline's first commit go with that commit. Later: no effect.
WS_CHECKED ws_status ws_delta_overwrite(ws_delta_table table);

#endif
