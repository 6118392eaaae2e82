/// Tables of a DuckDB database, for a sink.toml with `capabilities = ["duckdb"]`.
///
/// An answer of WS_OK means accepted, not durable. Return any error but `invalid`: it dooms the epoch anyway.

#ifndef WASM_SINK_DUCKDB_H
#define WASM_SINK_DUCKDB_H

#include "batch.h"

#ifndef WASM_SINK_MAY_DUCKDB
#error "sink.toml does not name this capability; it needs: capabilities = [\"duckdb\"]"
#endif

/// A table, as long as the instance.
typedef struct ws_duckdb_table {
    int32_t handle;
} ws_duckdb_table;

/// `connection` is a role in `[sink]`, such as "default"; `name` is a table, or a schema and a table joined by a
/// dot; a name with a dot in it stands in double quotes. A table that is missing is no error.
WS_CHECKED ws_status ws_duckdb_open(const char *connection, const char *name, ws_duckdb_table *table);
/// As committed, plus what this instance has staged. NULL: there is no table yet.
WS_CHECKED ws_status ws_duckdb_fields(ws_duckdb_table table, const ws_fields **fields);
/// At once, and without rows. There with these columns among others: no effect; with other types: `invalid`.
WS_CHECKED ws_status ws_duckdb_create(ws_duckdb_table table, ws_fields fields);
/// In the epoch's transaction; nullable columns at the end. There with a type that takes such values: no effect;
/// with another: `invalid`.
WS_CHECKED ws_status ws_duckdb_add_columns(ws_duckdb_table table, ws_fields fields);
/// In the epoch's transaction: a column whose type takes not all values of the field's gets one that takes those of
/// both. Where there is none, and where there is no such column: no effect.
WS_CHECKED ws_status ws_duckdb_widen_columns(ws_duckdb_table table, ws_fields fields);
/// Creates the table where there is none, and adds the columns that it lacks where there is one.
WS_CHECKED ws_status ws_duckdb_ensure(ws_duckdb_table table, ws_fields fields);
/// Columns go by name; one that the rows lack gets its default; an unknown one, or a type that its column cannot take,
/// is `invalid` and names it. A value that does not fit: the host makes the row a dead letter.
WS_CHECKED ws_status ws_duckdb_append(ws_duckdb_table table, ws_batch rows);
/// The rows that were there before this pipeline's first commit go with that commit. Later: no effect.
WS_CHECKED ws_status ws_duckdb_overwrite(ws_duckdb_table table);
/// From now on a row takes the place of the one with the same values in these columns. After rows of an epoch:
/// `invalid`.
WS_CHECKED ws_status ws_duckdb_upsert_by(ws_duckdb_table table, ws_names keys);

#endif
