/// What there is to know of a type: its text, and the buffers that Arrow keeps for it.

#ifndef WASM_SINK_TYPES_H
#define WASM_SINK_TYPES_H

#include "wasm_sink/column.h"

/// How the values of a type are kept.
typedef enum layout {
    LAYOUT_NOTHING,
    LAYOUT_BITS,
    LAYOUT_FIXED,
    LAYOUT_TEXT,
    LAYOUT_LARGE_TEXT,
    LAYOUT_LIST,
    LAYOUT_LARGE_LIST,
    LAYOUT_CHILDREN,
} layout;

layout layout_of(ws_type type);

/// Bytes of one value of LAYOUT_FIXED.
size_t width_of(const ws_column *column);

/// Sets the type of a column from its text; false where it is none that has no parts.
bool type_from_text(const char *text, ws_column *column);

/// How many rows are null by these bits.
size_t count_nulls(const uint8_t *validity, size_t rows);

/// How deep types may be nested.
enum { MAX_NESTING = 64 };

#endif
