/// Columns of values in memory, as Arrow lays them out: read from a batch without copying, or filled in by hand.

#ifndef WASM_SINK_COLUMN_H
#define WASM_SINK_COLUMN_H

#include "error.h"

typedef enum ws_type {
    WS_NULL,
    WS_BOOL,
    WS_INT8,
    WS_INT16,
    WS_INT32,
    WS_INT64,
    WS_UINT8,
    WS_UINT16,
    WS_UINT32,
    WS_UINT64,
    WS_FLOAT16,
    WS_FLOAT32,
    WS_FLOAT64,
    /// Text and bytes: `ws_text_at`.
    WS_UTF8,
    WS_LARGE_UTF8,
    WS_BINARY,
    WS_LARGE_BINARY,
    WS_FIXED_SIZE_BINARY,
    /// Days since 1970, in `int32`.
    WS_DATE32,
    /// Milliseconds since 1970, in `int64`.
    WS_DATE64,
    /// Time of day in `unit`s, in `int32` and `int64`.
    WS_TIME32,
    WS_TIME64,
    /// `unit`s since 1970, in `int64`.
    WS_TIMESTAMP,
    WS_DURATION,
    /// In `decimal128`, with `precision` and `scale`.
    WS_DECIMAL128,
    /// Row i is the items `offsets[i]` up to `offsets[i + 1]` of the one child.
    WS_LIST,
    WS_LARGE_LIST,
    /// Row i is `width` items of the one child.
    WS_FIXED_SIZE_LIST,
    /// A child for each member, with as many rows.
    WS_STRUCT,
    /// As a list whose items are a struct of key and value.
    WS_MAP,
} ws_type;

typedef enum ws_unit { WS_SECOND, WS_MILLISECOND, WS_MICROSECOND, WS_NANOSECOND } ws_unit;

/// A decimal without its point, in two's complement.
typedef struct ws_decimal128 {
    uint64_t low;
    int64_t high;
} ws_decimal128;

/// One column.
typedef struct ws_column {
    const char *name;
    ws_type type;
    /// Whether the column allows nulls.
    bool nullable;
    /// Of times, timestamps and durations.
    ws_unit unit;
    /// Of timestamps: "+00:00", or NULL.
    const char *time_zone;
    /// Of decimals.
    int32_t precision, scale;
    /// Bytes of a fixed_size_binary, items of a fixed_size_list.
    int32_t width;

    /// How many rows.
    size_t length;
    /// How many of them are null, where the column was read or built. In one that is filled in by hand it may be left
    /// out: what writes it counts the bits of `validity`.
    size_t null_count;
    /// A bit for each row, lowest first: 0 is null. NULL: no row is null. See `ws_is_null`.
    const uint8_t *validity;
    /// A value for each row; where the row is null, any. Text: all bytes one behind the other.
    union {
        const void *values;
        const uint8_t *bits;
        const uint8_t *bytes;
        const int8_t *int8;
        const int16_t *int16;
        const int32_t *int32;
        const int64_t *int64;
        const uint8_t *uint8;
        const uint16_t *uint16;
        const uint32_t *uint32;
        const uint64_t *uint64;
        const float *float32;
        const double *float64;
        const ws_decimal128 *decimal128;
    };
    /// One more than rows, for text, bytes, lists and maps: where each begins. `large_offsets` for the large ones.
    union {
        const int32_t *offsets;
        const int64_t *large_offsets;
    };
    const struct ws_column *children;
    size_t child_count;
} ws_column;

/// Columns with the same number of rows.
typedef struct ws_columns {
    const ws_column *at;
    size_t count;
    size_t rows;
} ws_columns;

/// Whether the row is null.
static inline bool ws_is_null(const ws_column *column, size_t row)
{
    return column->type == WS_NULL || (column->validity && !(column->validity[row >> 3] >> (row & 7) & 1));
}

/// The value of a row of WS_BOOL.
static inline bool ws_bool_at(const ws_column *column, size_t row)
{
    return column->bits[row >> 3] >> (row & 7) & 1;
}

/// Whether the type is an integer, a float or a decimal.
bool ws_is_number(const ws_column *column);

/// `ws_number_at` for what is no float64.
double ws_other_number_at(const ws_column *column, size_t row);

/// A number of any such type as the nearest double. Of another type: NaN.
static inline double ws_number_at(const ws_column *column, size_t row)
{
    return column->type == WS_FLOAT64 ? column->float64[row] : ws_other_number_at(column, row);
}

/// A value of text or bytes; of another type: empty. It does not end in a zero: `ws_copy` makes one that does.
ws_text ws_text_at(const ws_column *column, size_t row);

/// A copy that ends in a zero, in memory as `ws_alloc` gives it.
const char *ws_copy(ws_text text);

/// Whether a text is this one.
bool ws_text_is(ws_text text, const char *other);

/// The type as the contract writes it, such as "timestamp(us,+00:00)", in memory as `ws_alloc` gives it.
const char *ws_type_name(const ws_column *column);

/// The column of this name; NULL where there is none.
const ws_column *ws_find_column(ws_columns columns, const char *name);

/// Reads an Arrow IPC stream with one record batch. The columns point into `stream`, which begins at a multiple of
/// eight. What is cut off, says of itself what is not so, or is of a type that is not read: `invalid`.
WS_CHECKED ws_status ws_ipc_read(ws_bytes stream, ws_columns *columns);

/// Writes one. Columns of unequal length: `invalid`.
WS_CHECKED ws_status ws_ipc_write(ws_columns columns, ws_bytes *stream);

#endif
