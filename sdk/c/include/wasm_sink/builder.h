/// Columns made value by value.

#ifndef WASM_SINK_BUILDER_H
#define WASM_SINK_BUILDER_H

#include "column.h"

/// A column in the making; it lives until the call returns. A push that does not fit its type is remembered, and
/// what takes the builder says so, with column, row and type: no push needs to be looked at.
typedef struct ws_builder ws_builder;

/// A column of a type without parts: "utf8", "binary", "int64", "float64", "boolean", "timestamp(us,+00:00)",
/// "date32", "decimal(10,2)" and their like. It allows nulls until `ws_not_null`.
ws_builder *ws_builder_new(const char *name, const char *data_type);

/// The column allows no nulls.
void ws_not_null(ws_builder *builder);

void ws_push_null(ws_builder *builder);
void ws_push_bool(ws_builder *builder, bool value);
/// For integers, floats, dates (days, or milliseconds for date64), times, timestamps and durations (in their unit).
void ws_push_integer(ws_builder *builder, int64_t value);
/// For floats.
void ws_push_number(ws_builder *builder, double value);
/// For text and bytes; NULL is null.
void ws_push_string(ws_builder *builder, const char *value);
void ws_push_text(ws_builder *builder, ws_text value);
/// For decimals, without the point: 12.50 in decimal(10,2) is 1250.
void ws_push_decimal(ws_builder *builder, ws_decimal128 value);

/// What was pushed so far, as a column; the first push that did not fit: `invalid`.
WS_CHECKED ws_status ws_built(ws_builder *builder, ws_column *column);

/// Several builders in place: `WS_BUILDERS(size, region)`.
typedef struct ws_builders {
    ws_builder *const *at;
    size_t count;
} ws_builders;

#define WS_BUILDERS(...)                                                                                               \
    ((ws_builders){(ws_builder *const[]){__VA_ARGS__},                                                                 \
                   sizeof((ws_builder *const[]){__VA_ARGS__}) / sizeof(ws_builder *)})

/// The same for several; other numbers of values than the first has: `invalid`.
WS_CHECKED ws_status ws_built_columns(ws_builders builders, ws_columns *columns);

#endif
